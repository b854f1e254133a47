#!/usr/bin/env bash
# Every linter, over every module. Goes on after a finding and fails at the end, so that one run shows all.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
failed=0

run() { # run DIR COMMAND…: says how to repeat what failed
	local dir=$1
	shift
	if ! (cd "$dir" && "$@"); then
		printf 'FAILED: (cd %s && %s)\n' "$dir" "$*" >&2
		failed=1
	fi
}

echo "lint: protos"
run . .bin/buf lint
run . .bin/buf format --diff --exit-code --path proto/kontor
if git rev-parse --verify --quiet origin/main >/dev/null; then
	run . .bin/buf breaking --against '.git#branch=origin/main'
elif git rev-parse --verify --quiet main >/dev/null; then
	run . .bin/buf breaking --against '.git#branch=main'
fi

for module in libs services/*/go.mod; do
	dir=${module%/go.mod}
	echo "lint: $dir"
	run "$dir" "$root/.bin/golangci-lint" run --config "$root/.golangci.yml" ./...
done

echo "lint: docs"
GOWORK=off run tools/errors go run . -root ../.. -check

echo "lint: each module builds on its own"
for module in proto libs services/*/go.mod; do
	GOWORK=off run "${module%/go.mod}" go build ./...
done

echo "lint: web"
run services/web npm run --silent lint

exit "$failed"
