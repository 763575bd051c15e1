#!/usr/bin/env bash
# down.sh: ends every process of the cluster and removes its cgroups and all its state but the logs, which the next `up.sh` replaces.
# The processes are found by cgroup, never by a process id that may have been given to another.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"
groups() { for root in $(hierarchies); do [ ! -d "$root/millrace-e2e/$name" ] || echo "$root/millrace-e2e/$name"; done; }
members() { find "$(tracked)/millrace-e2e/$name" -name cgroup.procs -exec cat {} + 2>/dev/null || true; }
deadline=$((SECONDS + 30))
while pids=$(members) && [ -n "$pids" ] && [ $SECONDS -lt $deadline ]; do
  kill -KILL $pids 2>/dev/null || true
  sleep 0.05
done
while left=$(groups) && [ -n "$left" ] && [ $SECONDS -lt $deadline ]; do
  find $left -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
done
[ -z "$(groups)" ] || { echo "cgroups of the cluster $name remain: $(groups)" >&2; exit 1; }
[ ! -d "$run" ] || find "$run" -mindepth 1 -maxdepth 1 ! -name log -exec rm -rf {} +
