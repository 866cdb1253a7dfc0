# What deploy/{setup,quickstart,test} share. Sourced; the caller has set -euo pipefail.

export LC_ALL=C.UTF-8
workspace=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
export HOME

# The same rule as deploy/deps/home.bzl.
descent_home=${DESCENT_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/descent}
venv=$descent_home/venv
# Python packages with LibTorch's build for CUDA (setup --cuda).
cuda_home=$descent_home/cuda

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "${program:-descent}" "$1" >&2
  shift
  (($# == 0)) || printf '  %s\n' "$@" >&2
  exit 1
}

has_gpu() { compgen -G '/dev/nvidia[0-9]*' >/dev/null; }

at_terminal() { [[ -t 1 && -z ${CI:-} ]]; }

# run_bazel COMMAND ARGS...: with the disk cache of this descent_home, and without the lines that
# Debian's sandbox prints about itself. Progress moves at a terminal only.
run_bazel() {
  local command=$1
  shift
  local progress=(--show_progress_rate_limit=30)
  if at_terminal; then progress=(--curses=yes --color=yes --show_progress_rate_limit=0.2); fi
  # Each change of the protocol makes new precompiled headers, of 300 MB each, and Bazel
  # never deletes from its cache: those that nothing has read for three days go.
  find "$descent_home/bazel" -type f -size +100M -atime +3 -delete 2>/dev/null || true
  (
    cd "$workspace"
    set -o pipefail
    bazel "$command" --disk_cache="$descent_home/bazel" "${progress[@]}" "$@" 2>&1 | without_noise
  )
}

without_noise() { grep --line-buffered -v 'src/main/tools/linux-sandbox' || true; }
