#!/usr/bin/env bash
# Prints where a nats-server is, as a shell export: from the environment, PATH, the cache, built by
# Go, or Debian's package, unpacked into the cache. Exit status 3: this machine can have none.
set -euo pipefail

MODULE=github.com/nats-io/nats-server/v2
# The version that the tests and the documents were run with.
VERSION=v2.15.2
PACKAGE=nats-server

. "$(dirname "${BASH_SOURCE[0]}")/debian-package.sh"

# found SERVER: prints it and ends.
found() {
  local version
  version=$("$1" --version 2>&1 | sed -n 's/^nats-server: \(v[0-9.]*\).*/\1/p')
  [ "$version" = "$VERSION" ] || say "nats-server ${version:-of no version} ($1)"
  printf 'export NATS_SERVER_BIN=%q\n' "$1"
  exit 0
}

# Leaves why it could not in $reason.
build() {
  local folder=$1
  if ! command -v go >/dev/null; then
    reason="there is no Go to build it"
    return 1
  fi
  say "building $MODULE@$VERSION (half a minute on a fresh machine)"
  if ! (cd / && env CGO_ENABLED=0 "GOBIN=$folder" nice -n 10 \
    go install -trimpath -ldflags "-s -w" "$MODULE@$VERSION") >"$folder/go.log" 2>&1; then
    reason="go install $MODULE@$VERSION: $(tail -n 1 "$folder/go.log")"
    say "$reason"
    return 1
  fi
  keep "$folder/nats-server" "nats-server-$VERSION"
}

unpack() {
  local folder=$1 version
  version=$(debian_version "$PACKAGE" "$reason" NATS_SERVER_BIN)
  say "unpacking Debian's $PACKAGE $version into $BIN"
  debian_unpack "$PACKAGE" "$version" "$folder"
  keep "$(find "$folder/root" -type f -name nats-server | head -n 1)" nats-server-debian
}

if [ -n "${NATS_SERVER_BIN:-}" ]; then
  [ -f "$NATS_SERVER_BIN" ] && [ -x "$NATS_SERVER_BIN" ] ||
    fail "NATS_SERVER_BIN: \"$NATS_SERVER_BIN\" is not an executable file"
  found "$NATS_SERVER_BIN"
fi
if command -v nats-server >/dev/null; then found "$(command -v nats-server)"; fi
[ ! -x "$BIN/nats-server-$VERSION" ] || found "$BIN/nats-server-$VERSION"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
reason=
if build "$folder"; then found "$BIN/nats-server-$VERSION"; fi
[ ! -x "$BIN/nats-server-debian" ] || found "$BIN/nats-server-debian"
unpack "$folder"
found "$BIN/nats-server-debian"
