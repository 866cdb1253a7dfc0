#!/bin/bash
# fuzz.sh FUZZER CORPUS: fuzzes for some seconds from a fixed seed on, with $DESCENT_LONG for ten
# minutes from a new one. First the corpus itself, in which every crash that was found stays.
set -euo pipefail
fuzzer=$PWD/$1
corpus=$PWD/$2
scratch=$(mktemp -d "${TEST_TMPDIR:-/tmp}/fuzz.XXXXXX")
options=(-max_len=4096 -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 "-artifact_prefix=$scratch/")
# LibTorch and protobuf keep memory until the process ends.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
if [[ -n ${DESCENT_LONG:-} ]]; then
  options+=(-max_total_time=600)
else
  # The same inputs on every machine; the time is for slow ones.
  options+=(-seed=1 -runs="${DESCENT_FUZZ_RUNS:-20000}" -max_total_time=20)
fi
mkdir "$scratch/found"
status=0
"$fuzzer" "${options[@]}" "$scratch/found" "$corpus" || status=$?
if ((status != 0)); then
  for input in "$scratch"/{crash,oom,timeout,leak}-*; do
    [[ -e $input ]] || continue
    echo "The input that fails (put it into tests/fuzz/corpus): $(basename "$input")"
    base64 "$input"
  done
fi
exit "$status"
