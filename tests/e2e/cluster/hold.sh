#!/usr/bin/env bash
# hold.sh MODE [NODES]: a cluster for as long as standard input stays open. It says "up: ..." when it is there.
# Whoever holds the other end may end in any way, killed included: the end of file takes the cluster down.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"
mkdir -p "$cache/clusters"
exec 9>"$cache/clusters/.$name.lock"
flock --nonblock 9 || { echo "waiting for the cluster $name, which another process holds" >&2; flock 9; }
trap 'bash "$here/down.sh" 9>&-' EXIT
trap 'exit 1' INT TERM HUP
bash "$here/up.sh" "$@" 9>&-
cat >/dev/null
