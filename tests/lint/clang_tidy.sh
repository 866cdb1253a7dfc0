#!/bin/bash
# clang_tidy.sh REPORT SOURCE FLAGS...: lints one source; the report is made only if it is clean.
set -uo pipefail
report=$1
source=$2
shift 2
if ! output=$(clang-tidy-19 --quiet --config-file=.clang-tidy "$source" -- "$@" 2>&1); then
  # Without "N warnings generated": most are those of system headers, which are suppressed.
  grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? (generated|treated as errors?)' <<<"$output" |
    sed "s|$PWD/||g"
  exit 1
fi
: >"$report"
