#!/usr/bin/env bash
# pod-root.sh ROOT [INSIDE=OUTSIDE...] -- CMD...: runs CMD with a root directory of its own, a tmpfs
# on ROOT that shows the machine's folders and, at each INSIDE, the file or folder OUTSIDE. Envoy
# and Envoy Gateway name /certs, /sds and /var/lib/eg outright; so these exist for CMD only, and
# the machine's own root is left as it is.
set -euo pipefail

if [ "${IN_POD_ROOT:-}" != 1 ]; then
  IN_POD_ROOT=1 exec unshare -m "$0" "$@"
fi
unset IN_POD_ROOT
root=$1
shift
mkdir -p "$root"
mount --make-rprivate /
mount -t tmpfs tmpfs "$root"

# show FOLDER EXCEPT...: all links and folders in a folder of the machine, by bind mounts.
show() {
  local folder=$1 entry except
  shift
  for entry in "$folder"/*; do
    for except in "$@"; do
      [ "$entry" != "$except" ] || continue 2
    done
    if [ -L "$entry" ]; then
      ln -s "$(readlink "$entry")" "$root$entry"
    elif [ -d "$entry" ]; then
      mkdir "$root$entry"
      # One that is gone by now was none of ours.
      mount --rbind "$entry" "$root$entry" 2>/dev/null || [ ! -e "$entry" ]
    fi
  done
}
mkdir -p "$root/var/lib" "$root/var/run" "$root/tmp"
show "" /var /tmp /lost+found
# Its files are each pod's own: by one Envoy Gateway's shutdown manager tells that Envoy may end.
show /tmp
show /var /var/lib /var/run
show /var/lib
# Where Envoys share memory for hot restarts: not with another Envoy of the machine.
mount -t tmpfs tmpfs "$root/dev/shm"

while [ "$1" != -- ]; do
  inside=${1%%=*}
  outside=${1#*=}
  shift
  if [ -d "$outside" ]; then
    mkdir -p "$root$inside"
  else
    mkdir -p "$(dirname "$root$inside")"
    [ -e "$root$inside" ] || : >"$root$inside"
  fi
  mount --bind "$outside" "$root$inside"
done
shift
exec chroot "$root" "$@"
