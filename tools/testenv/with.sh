#!/bin/sh
# Runs a command with the servers that tests need: tools/testenv/with.sh go test ./libs/...
# See README.md beside it.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
# Not `go run`, which hides the command's exit code and its own signals.
(cd "$root" && go build -o .cache/testenv kontor.internal/libs/testkit/testenv)
exec "$root/.cache/testenv" -root "$root" -- "$@"
