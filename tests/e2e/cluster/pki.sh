#!/usr/bin/env bash
# pki.sh FOLDER SERVER [NODE...]: one authority, the certificates it signs, the key of service account tokens, and a kubeconfig for each client.
set -euo pipefail
folder=$1 server=$2
shift 2
mkdir -p "$folder"
cd "$folder"

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }
certificate() { # FILE SUBJECT [NAMES]
  new_key "$1"
  openssl req -new -key "$1.key" -subj "$2" | openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$1.crt" 2>/dev/null -extfile <(
    echo "keyUsage=critical,digitalSignature"
    echo "extendedKeyUsage=serverAuth,clientAuth"
    [ $# -lt 3 ] || echo "subjectAltName=$3"
  )
}
kubeconfig() { # FILE
  cat >"$1.kubeconfig" <<Y
apiVersion: v1
kind: Config
current-context: e2e
clusters: [{name: e2e, cluster: {server: "$server", certificate-authority: $folder/ca.crt}}]
users: [{name: user, user: {client-certificate: $folder/$1.crt, client-key: $folder/$1.key}}]
contexts: [{name: e2e, context: {cluster: e2e, user: user}}]
Y
}
client() { certificate "$@" && kubeconfig "$1"; }

new_key ca
openssl req -x509 -new -key ca.key -days 365 -subj /CN=millrace-e2e -out ca.crt -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature
openssl genrsa -traditional -out sa.key 2048 2>/dev/null
openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
certificate apiserver /CN=kube-apiserver \
  "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1,IP:10.77.0.1"
client admin "/O=system:masters/CN=admin"
client controller-manager "/CN=system:kube-controller-manager"
client scheduler "/CN=system:kube-scheduler"
client proxy "/CN=system:kube-proxy"
certificate kubelet-client "/O=system:masters/CN=kube-apiserver-kubelet-client"
certificate front-proxy "/CN=front-proxy-client"
for node in "$@"; do
  client "node-$node" "/O=system:nodes/CN=system:node:$node" "DNS:$node,IP:10.77.0.$((10 + ${node#n}))"
done
