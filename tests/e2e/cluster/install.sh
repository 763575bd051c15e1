#!/usr/bin/env bash
# install.sh: everything a cluster needs, built or installed where it lacks: Debian packages, Kubernetes' binaries, images.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"

declare -A needs=(
  [containerd]=containerd [runc]=runc [/usr/lib/cni/bridge]=containernetworking-plugins [busybox]=busybox-static
  [iptables]=iptables [conntrack]=conntrack [ip]=iproute2 [nsenter]=util-linux [openssl]=openssl [curl]=curl [python3]=python3
)
lacking=()
for program in "${!needs[@]}"; do command -v "$program" >/dev/null || lacking+=("${needs[$program]}"); done
if [ ${#lacking[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # RUNLEVEL=1: the package would start a containerd at once; each node starts its own.
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${lacking[@]}" >/dev/null
  else
    echo "missing for a cluster: ${lacking[*]}. Install them (Debian's names), then call this again." >&2
    exit 1
  fi
fi
bash "$here/build.sh"
bash "$here/images.sh"
