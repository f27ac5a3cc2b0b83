#!/usr/bin/env bash
# Prints where a Prometheus and its promtool are, as shell exports: from the environment, PATH, the
# cache, or Debian's package, unpacked into the cache. Exit status 3: this machine can have none.
set -euo pipefail

PACKAGE=prometheus
# The version that the tests and the documents were run with; a distribution may bring another.
VERSION_TRIED=2.42.0

. "$(dirname "${BASH_SOURCE[0]}")/debian-package.sh"

# found PROMETHEUS PROMTOOL: prints the two and ends.
found() {
  local version
  version=$("$1" --version 2>&1 | sed -n 's/^prometheus, version \([0-9.]*\).*/\1/p')
  [ "$version" = "$VERSION_TRIED" ] || say "Prometheus ${version:-of no version} ($1)"
  printf 'export PROMETHEUS_BIN=%q\nexport PROMTOOL_BIN=%q\n' "$1" "$2"
  exit 0
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

without="no Prometheus on PATH"
version=$(debian_version "$PACKAGE" "$without" "PROMETHEUS_BIN and PROMTOOL_BIN")
say "unpacking Debian's $PACKAGE $version into $BIN (19 MB to download)"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
debian_unpack "$PACKAGE" "$version" "$folder"
for program in prometheus promtool; do
  keep "$folder/root/usr/bin/$program" "$program-$version"
done
rm -rf "$folder"
found "$BIN/prometheus-$version" "$BIN/promtool-$version"
