#!/bin/bash
# run_pytest.sh [NAME=PROGRAM]... FILE...: pytest on the files, in Bazel's runfiles folder.
set -euo pipefail
while [[ $1 == *=* ]]; do
  export "${1%%=*}=$PWD/${1#*=}"
  shift
done
export DESCENT_PROTO="$PWD/proto" PYTHONDONTWRITEBYTECODE=1
exec ../venv/python -m pytest --rootdir="$PWD/tests/integration" -p no:cacheprovider \
  --junitxml="$XML_OUTPUT_FILE" -o junit_family=xunit1 --durations=5 -q "$@"
