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
# What has been released is not broken. Before the first release nothing is promised.
release=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)
if [ -n "$release" ]; then
	echo "lint: protos: nothing broken since $release"
	run . .bin/buf breaking --against ".git#tag=$release"
else
	echo "lint: protos: not compared with a release, for there is no tag v* yet"
fi

# Nothing is taken over from earlier runs: a finding that has to do with another package, or a directive that is of no use
# any more, would show on a clean checkout only.
GOLANGCI_LINT_CACHE=$(mktemp -d)
export GOLANGCI_LINT_CACHE
trap 'rm -rf "$GOLANGCI_LINT_CACHE"' EXIT
for module in libs services/*/go.mod; do
	dir=${module%/go.mod}
	echo "lint: $dir"
	run "$dir" "$root/.bin/golangci-lint" run --config "$root/.golangci.yml" ./...
done

echo "lint: what nothing calls"
run . tools/deadcode.sh

echo "lint: docs"
GOWORK=off run tools/errors go run . -root ../.. -check

echo "lint: each module builds on its own"
for module in proto libs services/*/go.mod; do
	GOWORK=off run "${module%/go.mod}" go build ./...
done

echo "lint: web"
run services/web npm run --silent lint

exit "$failed"
