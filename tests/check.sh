#!/usr/bin/env bash
# `make check`: format, lints, licences, dependency arrows, generated files. Ends at the first failure.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$1"; }

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

say "arrows: who may know whom"
# forbid PACKAGE CRATE REASON: fails where CRATE is in the tree of PACKAGE.
forbid() {
  if cargo tree --locked --package "$1" --edges normal --prefix none | grep -qE "^$2 v"; then
    echo "$1 must not depend on $2: $3" >&2
    cargo tree --locked --package "$1" --edges normal --invert "$2" >&2
    exit 1
  fi
}
forbid millrace-decide tokio "decisions are pure"
forbid millrace-decide object_store "decisions are pure"
forbid millrace-crds tokio "the objects are data"
forbid millrace-controller wasmtime "the controller never runs guest code"
forbid millrace-controller millrace-data "the controller talks to the API server and to nothing else"
forbid millrace-engine kube "the engine knows modules, not clusters"
forbid millrace-engine kube-client "the engine knows modules, not clusters"
forbid millrace-data kube-client "bytes know nothing of Kubernetes"
forbid millrace-data wasmtime "bytes know nothing of modules"
forbid millrace-cluster millrace-crds "the in-process API server knows kinds by their CRDs only"

say "contract: a change of the WIT needs a new version"
wit=guest-sdk/wit/processor.wit
version=$(sed -n 's/^package millrace:processor@\(.*\);$/\1/p' "$wit")
grep -q "^$version $(sha256sum "$wit" | cut -d' ' -f1)$" guest-sdk/wit/versions.txt || {
  echo "$wit is not the text that guest-sdk/wit/versions.txt records for $version." >&2
  echo "A published contract never changes: raise the package version and add its line ($version $(sha256sum "$wit" | cut -d' ' -f1))." >&2
  exit 1
}

say "licences and sources"
if command -v cargo-deny >/dev/null; then
  cargo deny --offline --locked check bans licenses sources
else
  echo "skipped: cargo-deny is not installed (cargo install --locked cargo-deny)"
fi

say "all checks passed"
