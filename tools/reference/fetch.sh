#!/usr/bin/env bash
# Puts the browsable reference of the API into the folder named: one script of @scalar/api-reference (MIT), fetched by the
# npm client as it is published, checked against the sum below, and the page that shows it.
set -euo pipefail
cd "$(dirname "$0")"
out=$1
version=1.40.0
sha512='336WkNHMiAv/Q3C7tfHhvvp1dLwfPg1Oell6j4pEQOZ+ADkaA6Ebv+lpuwHoxJNruSmZAei7cK2L8rCgLNXozA=='
cache=../../.cache/reference-$version

if [ ! -e "$cache/standalone.js" ]; then
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	npm pack --silent --pack-destination "$tmp" "@scalar/api-reference@$version" >/dev/null
	[ "$(openssl dgst -sha512 -binary "$tmp"/*.tgz | base64 -w0)" = "$sha512" ] || {
		echo "@scalar/api-reference@$version is not what it was; not used" >&2
		exit 1
	}
	mkdir -p "$cache"
	tar -xzf "$tmp"/*.tgz -C "$tmp" package/dist/browser/standalone.js package/package.json
	mv "$tmp/package/dist/browser/standalone.js" "$tmp/package/package.json" "$cache/"
fi
mkdir -p "$out"
cp "$cache/standalone.js" "$cache/package.json" index.html start.js "$out/"
