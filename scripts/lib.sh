# Sourced by build.sh: what a verb needs before it runs, each made only when its inputs changed.

say() { echo "build.sh: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

need_node() {
  command -v node >/dev/null ||
    fail "Node.js 20.11 or later is needed, and there is no node on PATH"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit(a > 20 || (a === 20 && b >= 11) ? 0 : 1)' ||
    fail "Node.js 20.11 or later is needed, this is $(node --version) at $(command -v node)"
  command -v npm >/dev/null || fail "npm is needed (it comes with Node.js) and is not on PATH"
}

# hash_of PATH...: one hash over the names and contents of files and folders.
hash_of() {
  find "$@" -type f \( -name '*.ts' -o -name '*.json' -o -name '*.js' \) 2>/dev/null |
    LC_ALL=C sort | tr '\n' '\0' | xargs -0 -r "${SHA256[@]}" | "${SHA256[@]}" | cut -c1-64
}
if command -v sha256sum >/dev/null; then SHA256=(sha256sum); else SHA256=(shasum -a 256); fi

# is_fresh NAME HASH: whether the stamp of NAME says that it was made from these inputs.
is_fresh() { [ "$(cat "build/stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() { echo "$2" >"build/stamps/$1"; }

ensure_packages() {
  local hash
  hash=$(hash_of package.json package-lock.json)
  [ -d node_modules ] && is_fresh packages "$hash" && return
  say "installing the npm packages of package-lock.json"
  npm ci --no-progress --loglevel=error >&2 || fail "npm ci failed (see above)"
  stamp packages "$hash"
}

ensure_filter() {
  ensure_packages
  local hash
  hash=$(hash_of filter asconfig.json package-lock.json)
  [ -s build/filter.wasm ] && is_fresh filter "$hash" && return
  [ -f filter/index.ts ] || fail "filter/index.ts is not there"
  say "compiling filter/ to build/filter.wasm"
  # Written beside and renamed, so that an Envoy that starts meanwhile never reads half a module.
  node_modules/.bin/asc filter/index.ts --target release --outFile build/filter.wasm.new >&2 ||
    fail "the filter does not compile (see above)"
  mv build/filter.wasm.new build/filter.wasm
  stamp filter "$hash"
}

TS_FOLDERS=(sidecar-metrics simulator tests benchmarks demo lab scripts)

ensure_js() {
  ensure_packages
  local hash
  hash=$(hash_of "${TS_FOLDERS[@]}" tsconfig.json package-lock.json)
  [ -d build/js ] && is_fresh js "$hash" && return
  say "compiling TypeScript to build/js"
  drop_orphans
  node_modules/.bin/tsc -p tsconfig.json >&2 || fail "TypeScript does not compile (see above)"
  [ -f build/js/scripts/warmroute.js ] && chmod +x build/js/scripts/warmroute.js
  stamp js "$hash"
}

# Output whose source is gone would still be run as a test.
drop_orphans() {
  [ -d build/js ] || return 0
  find build/js -name '*.js' | while read -r file; do
    local source=${file#build/js/}
    [ -f "${source%.js}.ts" ] || rm -f "$file"
  done
}
