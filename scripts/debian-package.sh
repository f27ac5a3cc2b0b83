# Programs of Debian packages, for the scripts that install what a suite runs: sourced, not run.

CACHE=${WARMROUTE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/warmroute}
BIN=$CACHE/bin
NAME=$(basename "$0" .sh)

say() { echo "$NAME: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

# cannot REASON: the suite is skipped with this reason.
cannot() {
  say "$*"
  exit 3
}

# keep FILE NAME: copied into the cache and renamed, so that nobody runs half a file.
keep() {
  mkdir -p "$BIN"
  cp "$1" "$BIN/.$2.$$"
  mv "$BIN/.$2.$$" "$BIN/$2"
}

version_of_apt() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p'; }

# debian_version PACKAGE WITHOUT VARIABLES: prints the version that apt has. WITHOUT begins the
# reason where there is none, VARIABLES are what a person can set instead.
debian_version() {
  local package=$1 without=$2 variables=$3 tool version
  for tool in apt-get apt-cache dpkg; do
    command -v "$tool" >/dev/null || cannot "$without, and no $tool: set $variables"
  done
  version=$(version_of_apt "$package")
  if [ -z "$version" ] || [ "$version" = "(none)" ]; then
    # A fresh image has no lists; only root may get them.
    apt-get update >&2 || true
    version=$(version_of_apt "$package")
  fi
  [ -n "$version" ] && [ "$version" != "(none)" ] ||
    cannot "$without, and apt knows no package $package: set $variables"
  printf '%s\n' "$version"
}

# debian_unpack PACKAGE VERSION FOLDER: its files lie under FOLDER/root.
debian_unpack() {
  local package=$1 version=$2 folder=$3 file
  # apt-get leaves the package in the folder that it is called in.
  (cd "$folder" && apt-get download "$package=$version" >download.log 2>&1) ||
    cannot "apt-get could not download $package $version: $(tail -n 1 "$folder/download.log")"
  file=$(find "$folder" -maxdepth 1 -name '*.deb')
  dpkg -x "$file" "$folder/root" || fail "$file cannot be unpacked"
}
