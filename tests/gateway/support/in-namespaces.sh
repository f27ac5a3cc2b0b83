#!/usr/bin/env bash
# in-namespaces.sh CMD...: runs CMD in network, mount and process namespaces of its own. Envoy
# Gateway and Envoy hold fixed ports, so two runs on one machine would meet; and when CMD ends, or
# this is killed, the kernel ends everything that it started. Without root a user namespace is used.
set -euo pipefail

if [ "${IN_NAMESPACES:-}" != 1 ]; then
  user=(-U -r)
  [ "$(id -u)" != 0 ] || user=()
  IN_NAMESPACES=1 exec unshare "${user[@]}" -n -m -p -f --kill-child --mount-proc "$0" "$@"
fi
# Process 1 of the namespace must not be CMD itself: it also reaps what is orphaned.
unset IN_NAMESPACES
ip link set lo up
status=0
"$@" || status=$?
exit $status
