#!/bin/bash
# A method whose hook is misspelt doesn't compile.
set -euo pipefail

# compiles HOOK: whether a method does that has this member besides those that it must have.
compiles() {
  cat >"$TEST_TMPDIR/method.cc" <<END
#include "core/optimizer/method.h"
struct Real {
  double v;
};
template <>
struct descent::Space<Real> {
  static Real copy(const Real& x) { return x; }
  static Real zeros_like(const Real&) { return {0}; }
  static void assign(const Real& x, Real& y) { y = x; }
  static void scale(double a, Real& x) { x.v *= a; }
  static void axpy(double a, const Real& x, Real& y) { y.v += a * x.v; }
  static double dot(const Real& x, const Real& y) { return x.v * y.v; }
};
struct Descent final : descent::Method<Real> {
  const Real& solution() const override { return x; }
  void Step(const Real& g, descent::Evaluator<Real>&) override { x.v -= g.v; }
  std::span<descent::Dial* const> dials() override { return {}; }
  void Visit(descent::StateVisitor<Real>&) override {}
  $1
  Real x{1};
};
int main() { return Descent().movable() == nullptr; }
END
  c++ -std=c++20 -fsyntax-only -iquote . "$TEST_TMPDIR/method.cc" 2>"$TEST_TMPDIR/errors"
}

expect_refused() {
  if compiles "$1"; then
    echo "it compiles with: $1"
    exit 1
  fi
  # For that reason and no other.
  grep -q "override" "$TEST_TMPDIR/errors" || { cat "$TEST_TMPDIR/errors"; exit 1; }
}

compiles "Real* movable() override { return &x; }" || { cat "$TEST_TMPDIR/errors"; exit 1; }
expect_refused "Real* moveable() override { return &x; }"
expect_refused "bool evaluate() const override { return true; }"
expect_refused "void Hold(descent::Places& frozen) override {}"
