#!/usr/bin/env bash
# build.sh [BINARY...]: builds Kubernetes and etcd, of the versions in go.mod, into the e2e cache. What is built already is left alone.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"
cd "$here"
command -v go >/dev/null || { echo "go is missing: install Go $(sed -n 's/^go //p' go.mod) or newer from https://go.dev/dl" >&2; exit 1; }
mkdir -p "$bin"
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=$(cut -d. -f2 <<<"$version")

# Without the stamp the server says v0.0.0-master+$Format:%H$, and clients that compare versions refuse it.
stamp=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor -X $package.gitTreeState=clean"
  stamp+=" -X $package.gitCommit=0000000000000000000000000000000000000000 -X $package.buildDate=1970-01-01T00:00:00Z"
done

build() {
  local package=k8s.io/kubernetes/cmd/$1 recipe started
  [ "$1" = etcd ] && package=go.etcd.io/etcd/server/v3
  recipe=$(cat go.sum build.sh | sha256sum | cut -d' ' -f1)
  [ -x "$bin/$1" ] && [ "$(cat "$bin/$1.recipe" 2>/dev/null)" = "$recipe" ] && return
  started=$(date +%s)
  CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-s -w $stamp" -o "$bin/$1.new" "$package"
  mv "$bin/$1.new" "$bin/$1"      # a rename: a cluster that runs the old one keeps it
  echo "$recipe" >"$bin/$1.recipe"
  echo "built $1 ($version) in $(($(date +%s) - started)) s"
}
[ $# -gt 0 ] || set -- etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kubelet kube-proxy
for binary in "$@"; do build "$binary"; done
