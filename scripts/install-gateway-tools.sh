#!/usr/bin/env bash
# Builds what the gateway suite runs into the cache and prints where, as shell exports: Envoy
# Gateway, egctl, the control plane of tests/gateway/cluster, a registry, and the CRDs. Where a
# machine cannot run the suite at all, the one line is WARMROUTE_GATEWAY_SKIP with the reason.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The versions that the documents and the tests name.
GATEWAY_VERSION=v1.9.1
# InferencePool v1, InferenceObjective and InferenceModelRewrite come from the first, the older
# InferencePool v1alpha2 from the last release that held it.
INFERENCE_VERSION=v1.5.0
INFERENCE_OLD_VERSION=v1.4.0
# Its CRD is all that is used: no controller runs it.
LEADER_WORKER_SET_VERSION=v0.7.0
GATEWAY_MODULE=github.com/envoyproxy/gateway
INFERENCE_MODULE=sigs.k8s.io/gateway-api-inference-extension
LEADER_WORKER_SET_MODULE=sigs.k8s.io/lws
GO_MINOR_MIN=26

CACHE=${WARMROUTE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/warmroute}
BIN=$CACHE/bin

say() { echo "install-gateway-tools: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

tell() { printf 'export %s=%q\n' "$1" "$2"; }

# cannot REASON: the suite is skipped with this reason.
cannot() {
  say "$*"
  tell WARMROUTE_GATEWAY_SKIP "$*"
  exit 0
}

need_machine() {
  [ "$(uname -s)" = Linux ] || cannot "Linux is needed (namespaces), this is $(uname -s)"
  local tool
  for tool in unshare nsenter ip; do
    command -v "$tool" >/dev/null || cannot "$tool is not on PATH (util-linux, iproute2)"
  done
  local user=(-U -r)
  [ "$(id -u)" != 0 ] || user=()
  unshare "${user[@]}" -n -m -p -f --mount-proc true 2>/dev/null ||
    cannot "namespaces cannot be made here (unshare ${user[*]} -n -m -p is refused)"
  command -v go >/dev/null || cannot "there is no Go (1.$GO_MINOR_MIN or later) on PATH"
  local version minor
  version=$(go env GOVERSION)
  minor=${version#go1.}
  minor=${minor%%[!0-9]*}
  # A Go from 1.21 on fetches the toolchain that go.mod asks for, unless that is turned off.
  if [ "${minor:-0}" -lt "$GO_MINOR_MIN" ]; then
    [ "${minor:-0}" -ge 21 ] && [ "$(go env GOTOOLCHAIN)" != local ] ||
      cannot "Go 1.$GO_MINOR_MIN or later is needed, this is $version"
  fi
}

# build NAME PATH COMMAND...: unless PATH is there, runs COMMAND, which leaves it at $NEW/NAME.
build() {
  local name=$1 path=$2 log=$CACHE/log/$1.log started=$SECONDS
  shift 2
  [ -x "$path" ] && return
  mkdir -p "$BIN" "$CACHE/log"
  # Beside its place and renamed: a build that is cut off leaves nothing that looks whole.
  NEW=$(mktemp -d "$BIN/.new-XXXXXX")
  say "building $name (minutes on a fresh machine; log: $log)"
  if ! "$@" >"$log" 2>&1; then
    rm -rf "$NEW"
    fail "$name could not be built: $(tail -n 1 "$log") (all of it: $log)"
  fi
  mv "$NEW/$name" "$path"
  rm -rf "$NEW"
  say "$name: $path ($((SECONDS - started)) s)"
}

go_install() {
  env CGO_ENABLED=0 "GOBIN=$NEW" nice -n 10 go install -trimpath -ldflags "-s -w" "$1"
}

build_cluster() {
  env CGO_ENABLED=0 nice -n 10 go -C tests/gateway/cluster build -trimpath -ldflags "-s -w" \
    -o "$NEW/cluster" .
}

# Debian's package, unpacked, not installed: nothing outside the cache changes.
unpack_registry() (
  cd "$NEW"
  if ! apt-get download -q docker-registry; then
    [ "$(id -u)" = 0 ] || {
      echo "apt-get finds no package docker-registry; run apt-get update as root"
      exit 1
    }
    apt-get update -q
    apt-get download -q docker-registry
  fi
  dpkg -x docker-registry_*.deb unpacked
  mv unpacked/usr/bin/docker-registry docker-registry
)

# module_dir MODULE@VERSION: where Go keeps it, downloaded when it is not there.
module_dir() {
  local answer
  answer=$(cd / && go mod download -json "$1") || fail "go mod download $1: $answer"
  sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p' <<<"$answer"
}

copy_crds() {
  local gateway inference older sets crds
  gateway=$(module_dir "$GATEWAY_MODULE@$GATEWAY_VERSION")
  inference=$(module_dir "$INFERENCE_MODULE@$INFERENCE_VERSION")
  older=$(module_dir "$INFERENCE_MODULE@$INFERENCE_OLD_VERSION")
  sets=$(module_dir "$LEADER_WORKER_SET_MODULE@$LEADER_WORKER_SET_VERSION")
  crds=$gateway/charts/gateway-helm/charts/crds/crds
  mkdir -p "$1/gateway" "$1/inference" "$1/leaderworkerset"
  install -m 644 "$crds"/gatewayapi-crds.yaml "$crds"/generated/*.yaml "$1/gateway/"
  local kinds=$inference/config/crd/bases
  install -m 644 "$kinds"/inference.networking.k8s.io_inferencepools.yaml \
    "$kinds"/inference.networking.x-k8s.io_inferenceobjectives.yaml \
    "$kinds"/inference.networking.x-k8s.io_inferencemodelrewrites.yaml \
    "$older"/config/crd/bases/inference.networking.x-k8s.io_inferencepools.yaml "$1/inference/"
  install -m 644 "$sets"/config/crd/bases/*.yaml "$1/leaderworkerset/"
}

ensure_crds() {
  [ -d "$1" ] && return
  say "copying the CRDs of Envoy Gateway, the inference extension and LeaderWorkerSet"
  mkdir -p "$CACHE"
  NEW=$(mktemp -d "$CACHE/.new-XXXXXX")
  copy_crds "$NEW/crds"
  mv "$NEW/crds" "$1"
  rm -rf "$NEW"
}

need_machine
sources=$(cat tests/gateway/cluster/{go.mod,go.sum,*.go} | sha256sum | cut -c1-12)
cluster=$BIN/cluster-$sources
gateway=$BIN/envoy-gateway-$GATEWAY_VERSION
egctl=$BIN/egctl-$GATEWAY_VERSION
crds=$CACHE/crds-$GATEWAY_VERSION-$INFERENCE_VERSION-$INFERENCE_OLD_VERSION
crds=$crds-$LEADER_WORKER_SET_VERSION
registry=${WARMROUTE_REGISTRY_BIN:-$BIN/docker-registry-debian}

build envoy-gateway "$gateway" go_install "$GATEWAY_MODULE/cmd/envoy-gateway@$GATEWAY_VERSION"
build egctl "$egctl" go_install "$GATEWAY_MODULE/cmd/egctl@$GATEWAY_VERSION"
build cluster "$cluster" build_cluster
if [ ! -x "$registry" ]; then
  command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
    fail "no registry: there is no apt-get here; set WARMROUTE_REGISTRY_BIN to a docker-registry"
  build docker-registry "$registry" unpack_registry
fi
ensure_crds "$crds"

tell WARMROUTE_CLUSTER_BIN "$cluster"
tell WARMROUTE_ENVOY_GATEWAY_BIN "$gateway"
tell WARMROUTE_EGCTL_BIN "$egctl"
tell WARMROUTE_REGISTRY_BIN "$registry"
tell WARMROUTE_CRDS "$crds"
