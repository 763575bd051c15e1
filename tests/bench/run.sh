#!/usr/bin/env bash
# `make bench`: see README.md beside this file.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=${MILLRACE_TOOLS:-$PWD/target/tools}
python=$tools/python/bin/python
[ -x "$python" ] || python3 -m venv "$tools/python"
"$python" -c 'import numpy, sklearn, pyarrow, polars, duckdb, pandas' 2>/dev/null ||
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check -r tests/tools/requirements-bench.txt
export BENCH_DIR=${BENCH_DIR:-${CARGO_TARGET_DIR:-$PWD/target}/bench}
export MILLRACE_BIN=${MILLRACE_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/release/millrace}
mkdir -p "$BENCH_DIR"
exec "$python" tests/bench/run.py "$@"
