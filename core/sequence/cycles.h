// These schedules rise and fall: one cycle, and warm restarts.
#ifndef DESCENT_CORE_SEQUENCE_CYCLES_H_
#define DESCENT_CORE_SEQUENCE_CYCLES_H_

#include <cstdint>

#include "core/fields/fields.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

// This is Smith & Topin 2018 as torch OneCycleLR does it. With initial = max/div_factor, it goes
// from initial up to max at position p = pct_start·iterations − 1, then down to
// initial/final_div_factor at iterations − 1; with three_phase down to initial at 2p first. After
// that it keeps the last number for ever.
struct OneCycle {
  static constexpr const char* kind = "one_cycle";
  double max = 0;
  int64_t iterations = 0;
  double pct_start = 0.3;         // in [0, 1]
  double div_factor = 25;         // > 0
  double final_div_factor = 1e4;  // > 0
  bool linear = false;            // straight lines instead of half cosines
  bool three_phase = false;

  void Describe(FieldList& fields);
  Sequence Make() const;
};

// Goes along half cosines from initial to final over iterations, iterations·factor,
// iterations·factor²… (SGDR: Loshchilov & Hutter 2017, equation 5; torch
// CosineAnnealingWarmRestarts with T_0 = iterations and T_mult = factor).
struct WarmRestarts {
  static constexpr const char* kind = "warm_restarts";
  double initial = 0;
  double final = 0;
  int64_t iterations = 0;
  int64_t factor = 1;

  void Describe(FieldList& fields);
  Sequence Make() const;
};

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_CYCLES_H_
