#!/usr/bin/env bash
# Measures the built suite. The real sales history is taken where it is.
set -euo pipefail
cd "$(dirname "$0")/.."
sales=${KONTOR_SHARED_DATA:-../shared/data}/sales
[ -d "$sales" ] || sales=
unset KONTOR_POSTGRES_URL KONTOR_KAFKA_BROKERS KONTOR_REDIS_URL
go run ./services/suite/cmd/bench -sales "$sales" "$@"
# What a person waits for, in a browser; left out when only a part is asked for.
[ $# -gt 0 ] || tools/e2e.sh bench
