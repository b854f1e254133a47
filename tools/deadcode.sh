#!/usr/bin/env bash
# Names the functions that no program of ours calls. Not counted is what is for tests: testkit, authntest, a fixed clock.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=(./libs/testkit/testenv)
for main in services/*/cmd/*/main.go; do
	programs+=("./${main%/main.go}")
done
all=$(.bin/deadcode -filter '^kontor\.internal/(libs|services)' "${programs[@]}")
found=$(grep -vE '^libs/(testkit|authn/authntest)/|^libs/clock/.* Fixed$' <<<"$all" || true)
[ -z "$found" ] || {
	echo "$found"
	echo "no program calls these: delete them, or put them to use" >&2
	exit 1
}
