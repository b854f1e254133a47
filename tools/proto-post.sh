#!/usr/bin/env bash
# What the OpenAPI generator leaves out: the shape of an error, on every operation. Then the client's types.
set -euo pipefail
cd "$(dirname "$0")/.."

node tools/openapi-errors.mjs proto/gen/openapi/kontor.openapi.yaml
if [ -d services/web/node_modules ]; then
	npm --prefix services/web run --silent --if-present types
fi
