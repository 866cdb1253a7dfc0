#!/bin/bash
# clang_tidy.sh PROGRAM REPORT N SOURCES... FLAGS...: lints N sources; the report is made only if
# they are clean.
#
# They are read as one translation unit, since parsing the headers takes most of the time. Sources
# that can't be (a name that two of them have for themselves) are read one by one.
set -uo pipefail
program=$1
report=$2
sources=("${@:4:$3}")
flags=("${@:4+$3}")

tidy() {
  local source status=0
  for source in "$@"; do
    # Without "N warnings generated": most are those of system headers, which are suppressed.
    "$program" --quiet --config-file=.clang-tidy "$source" -- "${flags[@]}" 2>&1 |
      sed -E -e '/^[0-9]+ warnings?( and [0-9]+ errors?)? (generated|treated as errors?)/d' \
        -e "s|$PWD/||g" || status=1
  done
  return "$status"
}

together=${sources[0]}
if ((${#sources[@]} > 1)); then
  together=$report.cc
  printf '#include "%s"\n' "${sources[@]}" >"$together"
fi
output=$(tidy "$together")
status=$?
if ((status != 0 && ${#sources[@]} > 1)) && [[ $output == *clang-diagnostic-error* ]]; then
  output=$(tidy "${sources[@]}")
  status=$?
fi
if ((status != 0)); then
  printf '%s\n' "$output"
  exit 1
fi
: >"$report"
