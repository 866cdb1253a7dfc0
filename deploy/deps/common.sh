# What deploy/{setup,quickstart,test} share. Sourced; the caller has set -euo pipefail.

export LC_ALL=C.UTF-8
workspace=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
export HOME

# The same rule as deploy/deps/home.bzl.
descent_home=${DESCENT_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/descent}
venv=$descent_home/venv

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "${program:-descent}" "$1" >&2
  shift
  (($# == 0)) || printf '  %s\n' "$@" >&2
  exit 1
}

at_terminal() { [[ -t 1 && -z ${CI:-} ]]; }

# bazel COMMAND ARGS...: without the lines that Debian's wrapper and sandbox add, and with the disk
# cache of this descent_home. Progress is shown at a terminal only.
run_bazel() {
  local command=$1
  shift
  local progress=--show_progress_rate_limit=30
  if at_terminal; then progress=--show_progress_rate_limit=0.2; fi
  (
    cd "$workspace"
    bazel "$command" --disk_cache="$descent_home/bazel" "$progress" "$@"
  )
}
