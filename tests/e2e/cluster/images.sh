#!/usr/bin/env bash
# images.sh: the images that every node has, as OCI archives made from this machine's static busybox. Nothing is pulled.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"
mkdir -p "$images"
busybox=$(command -v busybox)
links=$("$busybox" --list | grep -v '^busybox$' | sed 's|.*|/bin/&->busybox|')
make_image() { # TAG ENTRYPOINT
  [ "$images/$1.tar" -nt "$here/image.py" ] && return
  # shellcheck disable=SC2086 — one argument per link
  python3 "$here/image.py" "registry.local/$1:1" "$images/$1.tar" "$2" "$busybox=/bin/busybox" $links
}
make_image busybox '[]'
make_image pause '["/bin/busybox", "sleep", "2147483647"]' # a pod's sandbox: only its namespaces matter
