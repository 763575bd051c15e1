#!/usr/bin/env bash
# up.sh api            etcd, the API server, and of the controllers those that the in-process server has too: garbage collection, namespaces
# up.sh control        with all controllers and the scheduler
# up.sh full [NODES]   and NODES nodes (default 2): containerd, kubelet and kube-proxy, each node in namespaces of its own
#
# All of it in a private network namespace: clusters of different CLUSTER names run side by side, and this machine's network is not touched.
# $run/kubeconfig works from this machine. FEATURES, APISERVER_FLAGS: feature gates and more flags, for trying things out.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"
mode=${1:-full} nodes=0
[ "$mode" = full ] && nodes=${2:-2}
[ "$(id -u)" = 0 ] || { echo "a cluster needs root: it makes network namespaces" >&2; exit 1; }
[ -x "$bin/kube-apiserver" ] || { echo "nothing built in $bin: call $here/install.sh first" >&2; exit 1; }

bash "$here/down.sh"
rm -rf "$run"
mkdir -p "$run/log"
join_group
bash "$here/pki.sh" "$run/pki" https://10.77.0.1:6443 $(seq -f 'n%g' 1 "$nodes")
pki=$run/pki

# The namespace is held by a process that does nothing else. Until it stands in a namespace of its own, the lines below would change this machine's network.
unshare --net sleep 2147483647 >/dev/null 2>&1 &
echo $! >"$run/netns.pid"
holder=$(cat "$run/netns.pid")
until there=$(readlink "/proc/$holder/ns/net") && [ "$there" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
inside=(nsenter --target "$holder" --net)
"${inside[@]}" ip link set lo up
"${inside[@]}" ip link add br0 type bridge
"${inside[@]}" ip addr add 10.77.0.1/24 dev br0
"${inside[@]}" ip link set br0 up
"${inside[@]}" sysctl -qw net.ipv4.ip_forward=1

start() { # NAME COMMAND...: in the background, inside the namespace, with its log
  local log=$run/log/$1.log
  shift
  setsid nohup "${inside[@]}" "$@" >"$log" 2>&1 </dev/null &
}
await() { # NAME COMMAND...: until COMMAND succeeds, a minute at most
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "$what did not get ready in a minute: see $run/log" >&2; return 1; }
    sleep 0.1
  done
}
gates=${FEATURES:+--feature-gates=$FEATURES}

start etcd "$bin/etcd" --data-dir "$run/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380
await etcd "${inside[@]}" curl -fs http://127.0.0.1:2379/health
start kube-apiserver "$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --advertise-address=10.77.0.1 --secure-port=6443 \
  --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
  --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true --service-cluster-ip-range=10.96.0.0/24 \
  --kubelet-client-certificate="$pki/kubelet-client.crt" --kubelet-client-key="$pki/kubelet-client.key" \
  --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
  --requestheader-client-ca-file="$pki/ca.crt" --requestheader-allowed-names=front-proxy-client --requestheader-username-headers=X-Remote-User \
  --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- \
  --proxy-client-cert-file="$pki/front-proxy.crt" --proxy-client-key-file="$pki/front-proxy.key" $gates ${APISERVER_FLAGS-}
setsid nohup python3 "$here/forward.py" "$holder" 6443 "$run/port" >"$run/log/forward.log" 2>&1 </dev/null &
await "the forwarded port" test -s "$run/port"
sed "s|https://10.77.0.1:6443|https://127.0.0.1:$(cat "$run/port")|" "$pki/admin.kubeconfig" >"$run/kubeconfig"
kubectl=("$bin/kubectl" --kubeconfig "$run/kubeconfig")
await kube-apiserver "${kubectl[@]}" get --raw /readyz

controllers='*'
[ "$mode" != api ] || controllers=garbage-collector-controller,namespace-controller
start kube-controller-manager "$bin/kube-controller-manager" --controllers="$controllers" --leader-elect=false --bind-address=127.0.0.1 --use-service-account-credentials=true \
  --kubeconfig="$pki/controller-manager.kubeconfig" --authentication-kubeconfig="$pki/controller-manager.kubeconfig" \
  --authorization-kubeconfig="$pki/controller-manager.kubeconfig" --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
  --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" $gates
if [ "$mode" != api ]; then
  start kube-scheduler "$bin/kube-scheduler" --leader-elect=false --bind-address=127.0.0.1 --kubeconfig="$pki/scheduler.kubeconfig" \
    --authentication-kubeconfig="$pki/scheduler.kubeconfig" --authorization-kubeconfig="$pki/scheduler.kubeconfig" $gates
fi
for node in $(seq -f 'n%g' 1 "$nodes"); do bash "$here/node.sh" "$node"; done
await kube-controller-manager "${inside[@]}" curl -fsk https://127.0.0.1:10257/healthz
if [ "$mode" != api ]; then
  await kube-scheduler "${inside[@]}" curl -fsk https://127.0.0.1:10259/healthz
  await "the default service account" "${kubectl[@]}" get serviceaccount default # pods are refused before it is there
fi
for node in $(seq -f 'n%g' 1 "$nodes"); do
  await "node $node" "${kubectl[@]}" wait --for=condition=Ready "node/$node" --timeout=1s
done
echo "up: $bin/kubectl --kubeconfig $run/kubeconfig"
