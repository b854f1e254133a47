#!/usr/bin/env bash
# Builds one image for each service named, with docker, podman or buildah, whichever is found.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in docker podman buildah; do
	command -v "$tool" >/dev/null && break
	tool=
done
[ -n "${tool:-}" ] || {
	echo "no docker, podman or buildah found: install one of them, such as: sudo apt-get install buildah" >&2
	exit 1
}
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
for service in "$@"; do
	echo "image kontor/$service:$version"
	"$tool" build --build-arg SERVICE="$service" --build-arg VERSION="$version" -t "kontor/$service:$version" -f deploy/Dockerfile .
done
