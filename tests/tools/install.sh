#!/usr/bin/env bash
# Puts what the tests need under $MILLRACE_TOOLS: a real S3 server, and scikit-learn in a virtual environment.
# Where a registry cannot be reached it says so and goes on: those tests then skip visibly, and fail under CI=true.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=${MILLRACE_TOOLS:-$PWD/target/tools}
mkdir -p "$tools"

bash tests/tools/versitygw.sh || echo "no S3 server: the tests against it will be skipped" >&2

python=$tools/python
if [ ! -x "$python/bin/python" ] || ! "$python/bin/python" -c 'import sklearn, pyarrow' 2>/dev/null; then
  python3 -m venv "$python" &&
    "$python/bin/pip" install --quiet --disable-pip-version-check -r tests/tools/requirements.txt ||
    echo "no scikit-learn: the tests against it will be skipped" >&2
fi
