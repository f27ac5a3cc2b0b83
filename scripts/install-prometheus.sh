#!/usr/bin/env bash
# Prints where a Prometheus and its promtool are, as shell exports: from the environment, PATH, the
# cache, or Debian's package, unpacked into the cache. Exit status 3: this machine can have none.
set -euo pipefail

PACKAGE=prometheus
# The version that the tests and the documents were run with; a distribution may bring another.
VERSION_TRIED=2.42.0

CACHE=${WARMROUTE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/warmroute}
BIN=$CACHE/bin

say() { echo "install-prometheus: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

# cannot REASON: the suite is skipped with this reason.
cannot() {
  say "$*"
  exit 3
}

# found PROMETHEUS PROMTOOL: prints the two and ends.
found() {
  local version
  version=$("$1" --version 2>&1 | sed -n 's/^prometheus, version \([0-9.]*\).*/\1/p')
  [ "$version" = "$VERSION_TRIED" ] || say "Prometheus ${version:-of no version} ($1)"
  printf 'export PROMETHEUS_BIN=%q\nexport PROMTOOL_BIN=%q\n' "$1" "$2"
  exit 0
}

unpack() {
  local version=$1 folder=$2 package
  # apt-get leaves the package in the folder that it is called in.
  (cd "$folder" && apt-get download "$PACKAGE=$version" >download.log 2>&1) ||
    cannot "apt-get could not download $PACKAGE $version: $(tail -n 1 "$folder/download.log")"
  package=$(find "$folder" -maxdepth 1 -name '*.deb')
  dpkg -x "$package" "$folder/root" || fail "$package cannot be unpacked"
  mkdir -p "$BIN"
  local program
  for program in prometheus promtool; do
    # Renamed into place, so that nobody runs half a file.
    cp "$folder/root/usr/bin/$program" "$BIN/.$program-$version.$$"
    mv "$BIN/.$program-$version.$$" "$BIN/$program-$version"
  done
}

if [ -n "${PROMETHEUS_BIN:-}" ] || [ -n "${PROMTOOL_BIN:-}" ]; then
  for program in "${PROMETHEUS_BIN:-}" "${PROMTOOL_BIN:-}"; do
    [ -f "$program" ] && [ -x "$program" ] ||
      fail "PROMETHEUS_BIN and PROMTOOL_BIN go together; \"$program\" is not an executable file"
  done
  found "$PROMETHEUS_BIN" "$PROMTOOL_BIN"
fi
if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  found "$(command -v prometheus)" "$(command -v promtool)"
fi
for program in "$BIN"/prometheus-*; do
  version=${program##*/prometheus-}
  [ -x "$program" ] && [ -x "$BIN/promtool-$version" ] && found "$program" "$BIN/promtool-$version"
done

for tool in apt-get apt-cache dpkg; do
  command -v "$tool" >/dev/null ||
    cannot "no Prometheus on PATH and no $tool to get one: set PROMETHEUS_BIN and PROMTOOL_BIN"
done
version_of_apt() { apt-cache policy "$PACKAGE" 2>/dev/null | sed -n 's/^ *Candidate: //p'; }
version=$(version_of_apt)
if [ -z "$version" ] || [ "$version" = "(none)" ]; then
  # A fresh image has no lists; only root may get them.
  apt-get update >&2 || true
  version=$(version_of_apt)
fi
[ -n "$version" ] && [ "$version" != "(none)" ] ||
  cannot "apt knows no package $PACKAGE: set PROMETHEUS_BIN and PROMTOOL_BIN"
say "unpacking Debian's $PACKAGE $version into $BIN (19 MB to download)"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unpack "$version" "$folder"
rm -rf "$folder"
found "$BIN/prometheus-$version" "$BIN/promtool-$version"
