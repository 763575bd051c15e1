#!/usr/bin/env bash
# node.sh nI: one node, called by up.sh, and again to bring a stopped one back: containerd, kubelet and kube-proxy in network, mount, process and host name namespaces of their own.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"
node=$1 index=${1#n} holder=$(cat "$run/netns.pid")
join_group
address=10.77.0.$((10 + index)) folder=$run/$node group=/millrace-e2e/$name/$node
mkdir -p "$folder"/{kubelet,containerd,cni,log,etc-cni} /var/lib/{kubelet,containerd,cni}
rm -f "$folder/network" # of the node's life before this one

# The kubelet wants the root of its cgroups to exist. In v1 a new cpuset is empty and nothing can join it; in v2 controllers are handed down step by step.
make_groups() {
  local root part
  for root in $(hierarchies); do
    mkdir -p "$root$group"
    for part in "$root" "$root/millrace-e2e" "$root/millrace-e2e/$name"; do
      [ ! -e "$root/cgroup.controllers" ] || echo "+cpu +cpuset +memory +pids +io" >"$part/cgroup.subtree_control"
    done
    for part in "$root/millrace-e2e" "$root/millrace-e2e/$name" "$root$group"; do
      [ "${root##*/}" = cpuset ] || continue
      cat "$root/cpuset.cpus" >"$part/cpuset.cpus"
      cat "$root/cpuset.mems" >"$part/cpuset.mems"
    done
  done
}
make_groups

cat >"$folder/etc-cni/10-e2e.conflist" <<Y
{"cniVersion": "1.0.0", "name": "e2e", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.$index.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
Y
# restrict_oom_score_adj: without CAP_SYS_RESOURCE runc dies ("can't get final child's PID") where it would lower the score.
cat >"$folder/containerd.toml" <<Y
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.local/pause:1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$folder/etc-cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
Y
sed -e "s|@pki@|$run/pki|g; s|@node@|$node|g; s|@group@|$group|g; s|@address@|$address|g" "$here/kubelet.yaml" >"$folder/kubelet.yaml"

# Process 1 of the node. It waits for its network, which only the outside can make.
cat >"$folder/init.sh" <<Y
hostname $node
mount -t tmpfs tmpfs /run
mount --bind $folder/kubelet /var/lib/kubelet; mount --make-shared /var/lib/kubelet
mount --bind $folder/containerd /var/lib/containerd; mount --bind $folder/cni /var/lib/cni; mount --bind $folder/log /var/log
until [ -e $folder/network ]; do sleep 0.05; done
containerd -c $folder/containerd.toml >$run/log/containerd-$node.log 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
for image in $images/*.tar; do ctr -n k8s.io images import \$image; done >$run/log/images-$node.log 2>&1
$bin/kubelet --config=$folder/kubelet.yaml --kubeconfig=$run/pki/node-$node.kubeconfig --hostname-override=$node --node-ip=$address \
  ${FEATURES:+--feature-gates=$FEATURES} --v=2 >$run/log/kubelet-$node.log 2>&1 &
$bin/kube-proxy --kubeconfig=$run/pki/proxy.kubeconfig --hostname-override=$node --proxy-mode=iptables --cluster-cidr=10.88.0.0/16 \
  --conntrack-max-per-core=0 --conntrack-min=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0 \
  --healthz-bind-address=127.0.0.1:10256 --metrics-bind-address=127.0.0.1:10249 >$run/log/kube-proxy-$node.log 2>&1 &
while :; do sleep 1000 & wait; done # reaps what is orphaned
Y
setsid nohup unshare --net --mount --pid --uts --fork --kill-child --mount-proc --propagation shared bash "$folder/init.sh" >"$run/log/init-$node.log" 2>&1 </dev/null &
parent=$!
until init=$(tr -d ' ' <"/proc/$parent/task/$parent/children") && [ -n "$init" ]; do sleep 0.05; done
echo "$init" >"$folder/init.pid"

outside=(nsenter --target "$holder" --net) inside=(nsenter --target "$init" --net)
"${outside[@]}" ip link add "ve-$node" type veth peer name eth0 netns "$init"
"${outside[@]}" ip link set "ve-$node" master br0
"${outside[@]}" ip link set "ve-$node" up
"${inside[@]}" ip link set lo up
"${inside[@]}" ip addr add "$address/24" dev eth0
"${inside[@]}" ip link set eth0 up
"${inside[@]}" ip route add default via 10.77.0.1
"${inside[@]}" sysctl -qw net.ipv4.ip_forward=1
"${outside[@]}" ip route replace "10.88.$index.0/24" via "$address"
touch "$folder/network"
