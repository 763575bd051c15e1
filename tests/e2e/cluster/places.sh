# Sourced by the scripts here: where things live, and the cgroups by which a cluster's processes are found again.
# MILLRACE_E2E (default ~/.cache/millrace-e2e) keeps binaries and images between runs; CLUSTER names one of several clusters side by side.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${MILLRACE_E2E:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace-e2e}
bin=$cache/bin
images=$cache/images
name=${CLUSTER:-default}
run=$cache/clusters/$name

# The roots of the cgroup hierarchies: one on a machine with cgroup v2, several with v1.
hierarchies() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo /sys/fs/cgroup; return; fi
  local controller
  for controller in pids cpu cpuacct cpuset memory devices freezer blkio systemd unified; do
    [ -d "/sys/fs/cgroup/$controller" ] && echo "/sys/fs/cgroup/$controller"
  done
}
# The hierarchy in which every process of every cluster stands, containers included.
tracked() { local all; all=$(hierarchies); echo "${all%%$'\n'*}"; }
# join: moves this shell, and what it will start, into the cluster's group, so that `down.sh` finds it.
join_group() {
  local group
  group=$(tracked)/millrace-e2e/$name/servers
  mkdir -p "$group"
  echo $$ >"$group/cgroup.procs"
}
