#!/usr/bin/env bash
# Puts a real S3 server, versitygw (a Go module, Apache-2.0), into $MILLRACE_TOOLS/bin. About 6 minutes the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=v1.8.0
bin=${MILLRACE_TOOLS:-$PWD/target/tools}/bin
if [ -x "$bin/versitygw" ]; then exit 0; fi
if ! command -v go >/dev/null; then
  echo "versitygw needs Go (https://go.dev/dl) to be built" >&2
  exit 1
fi
mkdir -p "$bin"
GOBIN=$bin go install "github.com/versity/versitygw/cmd/versitygw@$version"
