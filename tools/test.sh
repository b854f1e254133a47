#!/usr/bin/env bash
# Every test, on the servers that tools/testenv has started. Goes on after a failure and fails at the end.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0

run() {
	echo "+ $*"
	"$@" || {
		echo "FAILED: $*" >&2
		failed=1
	}
}

sales=${KONTOR_SHARED_DATA:-$(dirname "$PWD")/shared/data}/sales
if [ -d "$sales" ]; then
	KONTOR_SHARED_DATA=$(cd "$sales/.." && pwd) # tests run in the folders of their packages
	export KONTOR_SHARED_DATA
	echo "real inputs: $KONTOR_SHARED_DATA"
else
	echo "SKIPPED: the tests on the real sales history, for there is no $sales; set KONTOR_SHARED_DATA" >&2
fi

# One package at a time per core would let the databases idle; the servers are shared.
CGO_ENABLED=1 GOFLAGS= run go test -race -count=1 -timeout 20m work
(export GOWORK=off; cd tools/deploy && go test ./...) || failed=1
run npm --prefix services/web run --silent test
run tools/e2e.sh

exit "$failed"
