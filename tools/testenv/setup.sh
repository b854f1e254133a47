#!/bin/sh
# Makes sure that everything `make test` needs is on this machine: installs it on Debian and its children when run as
# root, else says exactly what is missing and how to get it. Prints nothing when nothing is missing.
set -eu

missing_what='' missing_packages=''

# need NAME PACKAGE: a program that has to be found, and the Debian package that has it.
need() {
	if ! command -v "$1" >/dev/null 2>&1; then
		missing_what="$missing_what $1" missing_packages="$missing_packages $2"
	fi
}

need go golang-go
need node nodejs
need npm npm
need redis-server redis-server
need java openjdk-17-jre-headless
need mvn maven
if ! command -v chromium >/dev/null 2>&1 && ! command -v google-chrome >/dev/null 2>&1; then
	missing_what="$missing_what chromium" missing_packages="$missing_packages chromium"
fi
# Debian keeps the server out of PATH.
if ! command -v postgres >/dev/null 2>&1 && ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
	missing_what="$missing_what postgres" missing_packages="$missing_packages postgresql"
fi

[ -n "$missing_what" ] || exit 0
echo "missing:$missing_what" >&2

case " $missing_what " in
*" go "*) echo "Go 1.26 or later: https://go.dev/dl/ (Debian's may be older)" >&2 ;;
esac

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "install with: sudo apt-get install --no-install-recommends$missing_packages" >&2
	echo "or the same programs by the machine's own package manager" >&2
	exit 1
fi

# Else the package starts a server of its own.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	mkdir -p /etc/postgresql-common
	echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
fi
export DEBIAN_FRONTEND=noninteractive
echo "installing:$missing_packages" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list
if ! { apt-get -o Acquire::Retries=3 update -qq && apt-get -o Acquire::Retries=3 install -y -qq --no-install-recommends $missing_packages; } >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
