#!/usr/bin/env bash
# Starts the suite on a folder of its own and drives it with a real browser: the journeys, or with "bench" the measuring.
set -euo pipefail
cd "$(dirname "$0")/.."

data=$(mktemp -d "${TMPDIR:-/tmp}/kontor-e2e-XXXXXX")
chmod 755 "$data" # PostgreSQL may run as another user
export KONTOR_DATA_DIR=$data/data KONTOR_HTTP_ADDR=127.0.0.1:18080 KONTOR_GRPC_ADDR=127.0.0.1:19090 \
	KONTOR_ADMIN_ADDR=127.0.0.1:19100 KONTOR_ADMIN_EMAIL=admin@example.com KONTOR_ADMIN_PASSWORD=correct-horse-battery-7
unset KONTOR_POSTGRES_URL KONTOR_KAFKA_BROKERS KONTOR_REDIS_URL

# An answer here comes from a server of somebody else: the journeys would prove nothing about this one.
for addr in "$KONTOR_HTTP_ADDR" "$KONTOR_GRPC_ADDR" "$KONTOR_ADMIN_ADDR"; do
	if (exec 3<>"/dev/tcp/${addr%:*}/${addr#*:}") 2>/dev/null; then
		echo "e2e: $addr is taken by another program; stop it first" >&2
		exit 1
	fi
done

bin/kontor suite >"$data/suite.log" 2>&1 &
suite=$!
finish() {
	status=$?
	kill -INT "$suite" 2>/dev/null && wait "$suite" 2>/dev/null
	if [ "$status" != 0 ]; then
		echo "--- the suite's last words" >&2
		tail -n 50 "$data/suite.log" >&2
	fi
	rm -rf "$data"
	exit "$status"
}
trap finish EXIT

for _ in $(seq 300); do
	curl -fs "http://$KONTOR_HTTP_ADDR/readyz" >/dev/null && break
	kill -0 "$suite" 2>/dev/null || exit 1
	sleep 0.2
done
KONTOR_URL="http://$KONTOR_HTTP_ADDR" KONTOR_EMAIL=$KONTOR_ADMIN_EMAIL KONTOR_PASSWORD=$KONTOR_ADMIN_PASSWORD \
	npm --prefix services/web run --silent "${1:-e2e}" -- "${@:2}"
