#include "server/worker/bridge/sequence_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/sequence/schedules.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/worker/bridge/declared_fields.h"

namespace descent::worker {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using ::testing::HasSubstr;

api::Sequence Parse(const std::string& text) {
  api::Sequence sequence;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &sequence)) << text;
  return sequence;
}

// Gives `field REASON` of each violation.
std::string Violated(const std::string& text, const Range& range = NonNegative("step_size")) {
  api::Sequence sequence = Parse(text);
  Violations violations;
  ReadSequence(range, "s", &sequence, &violations);
  return absl::StrJoin(violations.list(), ", ", [](std::string* out, const Violation& violation) {
    absl::StrAppend(out, violation.field, " ", violation.reason);
  });
}

api::Sequence Resolved(const std::string& text, int64_t length) {
  api::Sequence sequence = Parse(text);
  Violations violations;
  ReadSequence(NonNegative("step_size"), "s", &sequence, &violations);
  EXPECT_TRUE(violations.empty()) << text;
  ResolveSequencesInRun({.length = length}, &sequence);
  // Resolving what is resolved changes nothing.
  api::Sequence again = sequence;
  ReadSequence(NonNegative("step_size"), "s", &again, &violations);
  ResolveSequencesInRun({.length = length}, &again);
  EXPECT_EQ(again.SerializeAsString(), sequence.SerializeAsString()) << text;
  return sequence;
}

TEST(SequenceSpecTest, EveryScheduleIsAMessageWithTheSameFields) {
  const Descriptor* sequence = api::Sequence::descriptor();
  EXPECT_EQ(static_cast<size_t>(sequence->field_count()), ScheduleKinds().size() + 1);
  for (const std::string_view kind : ScheduleKinds()) {
    const FieldDescriptor* field = sequence->FindFieldByName(std::string(kind));
    ASSERT_NE(field, nullptr) << kind;
    EXPECT_EQ(FieldsOfOptions(NewSchedule(kind)->fields()), FieldsOfMessage(*field->message_type()))
        << kind;
  }
}

TEST(SequenceSpecTest, FillsInDefaultsAndTheLengthOfTheRun) {
  EXPECT_EQ(Resolved("one_cycle {max: 1}", 500).ShortDebugString(),
            "one_cycle { max: 1 iterations: 500 pct_start: 0.3 div_factor: 25 "
            "final_div_factor: 10000 linear: false three_phase: false }");
  EXPECT_EQ(Resolved("exponential {initial: 1 rate: 0.5}", 500).ShortDebugString(),
            "exponential { initial: 1 rate: 0.5 iterations: 1 begin: 0 staircase: false }");
  EXPECT_EQ(Resolved("cosine {initial: 1 iterations: 20}", 500).cosine().iterations(), 20);
}

TEST(SequenceSpecTest, AnInnerScheduleLastsAsLongAsItsTurn) {
  const api::Sequence warmup = Resolved("warmup {iterations: 100 then {cosine {initial: 1}}}", 500);
  EXPECT_EQ(warmup.warmup().then().cosine().iterations(), 400);
  const api::Sequence joined = Resolved(
      "joined {sequences {linear {initial: 0 final: 1}} sequences {cosine {initial: 1}} "
      "sequences {linear {initial: 1}} boundaries: 10 boundaries: 50}",
      500);
  EXPECT_EQ(joined.joined().sequences(0).linear().iterations(), 10);
  EXPECT_EQ(joined.joined().sequences(1).cosine().iterations(), 40);
  EXPECT_EQ(joined.joined().sequences(2).linear().iterations(), 450);
  const api::Sequence repeated =
      Resolved("repeated {iterations: 7 sequence {cosine {initial: 1}}}", 500);
  EXPECT_EQ(repeated.repeated().sequence().cosine().iterations(), 7);
  // This warm-up outlasts the run.
  EXPECT_EQ(Resolved("warmup {iterations: 100 then {cosine {initial: 1}}}", 50)
                .warmup()
                .then()
                .cosine()
                .iterations(),
            1);
}

// Says of each schedule, by itself and as a part of others, that lasts as long as the run of 100:
// from which position on it moves, and when it has come to its last number.
TEST(SequenceSpecTest, ComesToItsLastNumberWhereTheRunEnds) {
  struct Case {
    std::string schedule;
    int64_t begins, ends;
    double first, last;
  };
  const std::vector<Case> cases = {
      {"cosine {initial: 1 final: 0.1}", 0, 100, 1, 0.1},
      {"linear {initial: 1 final: 0.1}", 0, 100, 1, 0.1},
      {"linear {initial: 1 final: 0.1 begin: 20}", 20, 100, 1, 0.1},
      {"linear {initial: 1 final: 0.1 begin: 99}", 99, 100, 1, 0.1},
      {"linear {initial: 0.1 final: 1 begin: 37}", 37, 100, 0.1, 1},
      {"polynomial {initial: 1 final: 0.1 power: 2}", 0, 100, 1, 0.1},
      {"polynomial {initial: 1 final: 0.1 power: 0.5 begin: 20}", 20, 100, 1, 0.1},
      {"exponential {initial: 1 rate: 0.5 begin: 90 final: 0.001}", 90, 100, 1, 0.001},
      {"warmup {initial: 1 iterations: 30 then {linear {initial: 1 final: 0.1 begin: 20}}}", 50,
       100, 1, 0.1},
      {"warmup {initial: 1 iterations: 30 then {cosine {initial: 1 final: 0.1}}}", 30, 100, 1, 0.1},
      {"joined {sequences {constant: 1} sequences {polynomial {initial: 1 final: 0.1 begin: 5}} "
       "boundaries: 40}",
       45, 100, 1, 0.1},
      {"joined {sequences {constant: 1} sequences {warmup {initial: 1 iterations: 9 then {linear "
       "{initial: 1 final: 0.1 begin: 5}}}} boundaries: 40}",
       54, 100, 1, 0.1},
      {"joined {sequences {linear {initial: 1 final: 0.1 begin: 8}} sequences {constant: 0.1} "
       "boundaries: 25}",
       8, 25, 1, 0.1},
      {"repeated {iterations: 101 sequence {linear {initial: 1 final: 0.1 begin: 60}}}", 60, 101, 1,
       0.1},
      {"warm_restarts {initial: 1 final: 0.1}", 0, 100, 1, 1},  // and begins anew
      {"list {values: 1}", 0, 100, 1, 1},
  };
  for (const Case& c : cases) {
    const descent::Sequence sequence = ToSequence(Resolved(c.schedule, 100));
    for (int64_t k = 0; k <= c.begins; ++k) {
      ASSERT_NEAR(sequence.at(k), c.first, 1e-15) << c.schedule << " " << k;
    }
    if (c.first != c.last) {
      EXPECT_NE(sequence.at(c.begins + 1), c.first) << c.schedule;
      // A straight line of n steps is still 1/n of its way from the end.
      EXPECT_NE(sequence.at(c.ends - 1), c.last) << c.schedule;
    }
    if (c.schedule.starts_with("repeated")) continue;  // it begins anew
    EXPECT_NEAR(sequence.at(c.ends), c.last, 1e-15) << c.schedule;
    EXPECT_NEAR(sequence.at(100), c.last, 1e-15) << c.schedule;
  }
  // It does as torch's does, a position earlier.
  EXPECT_NEAR(ToSequence(Resolved("one_cycle {max: 1}", 100)).at(99), 1 / 25e4, 1e-18);
  EXPECT_EQ(Resolved("linear {initial: 1 begin: 20}", 100).linear().iterations(), 80);
  EXPECT_EQ(Resolved("polynomial {initial: 1 begin: 20}", 100).polynomial().iterations(), 80);
  EXPECT_EQ(Resolved("linear {initial: 1 begin: 20 iterations: 90}", 100).linear().iterations(),
            90);
  // It would begin after the end.
  EXPECT_EQ(Resolved("linear {initial: 1 begin: 200}", 100).linear().iterations(), 1);
}

TEST(SequenceSpecTest, APlateauGoesByWhatTheRunHas) {
  const auto resolved = [](const std::string& text, const SequenceDefaults& defaults) {
    api::Sequence sequence = Parse(text);
    Violations violations;
    ReadSequence(NonNegative("step_size"), "s", &sequence, &violations);
    EXPECT_TRUE(violations.empty()) << text;
    ResolveSequencesInRun(defaults, &sequence);
    const api::PlateauSequence& plateau =
        sequence.has_warmup() ? sequence.warmup().then().plateau() : sequence.plateau();
    return absl::StrCat(plateau.metric(), " ", plateau.average());
  };
  const SequenceDefaults evaluations{.length = 100, .metric = "loss"};
  const SequenceDefaults epochs{.length = 100, .average = 7};
  EXPECT_EQ(resolved("plateau {initial: 1}", evaluations), "loss 1");
  EXPECT_EQ(resolved("plateau {initial: 1}", epochs), "value 7");
  EXPECT_EQ(resolved("warmup {iterations: 9 then {plateau {initial: 1}}}", epochs), "value 7");
  // What was said is kept.
  EXPECT_EQ(resolved("plateau {initial: 1 metric: \"value\"}", epochs), "value 1");
  EXPECT_EQ(resolved("plateau {initial: 1 average: 3}", evaluations), "value 3");
  EXPECT_EQ(resolved("plateau {initial: 1 metric: \"accuracy\" maximize: true}", epochs),
            "accuracy 1");
  EXPECT_EQ(Violated("plateau {initial: 1 average: 0}"), "s.plateau.average OUT_OF_RANGE");
  EXPECT_EQ(Violated("plateau {initial: 1 metric: \"\"}"), "s.plateau.metric MISSING_FIELD");
  EXPECT_EQ(Violated("plateau {initial: 1 maximize: true}"), "s.plateau OUT_OF_RANGE");
}

TEST(SequenceSpecTest, BuildsWhatIsSaid) {
  const descent::Sequence sequence = ToSequence(
      Resolved("joined {sequences {warmup {iterations: 2 then {constant: 1}}} "
               "sequences {piecewise_constant {values: 3 values: 4 boundaries: 2}} boundaries: 4}",
               100));
  const double expected[] = {0, 0.5, 1, 1, 3, 3, 4, 4};
  for (int k = 0; k < 8; ++k) EXPECT_EQ(sequence.at(k), expected[k]) << k;
}

TEST(SequenceSpecTest, NamesTheFieldAtFault) {
  EXPECT_EQ(Violated(""), "s MISSING_FIELD");
  EXPECT_EQ(Violated("constant: -1"), "s.constant OUT_OF_RANGE");
  EXPECT_EQ(Violated("linear {}"), "s.linear.initial MISSING_FIELD");
  EXPECT_EQ(Violated("linear {initial: 1 final: -1 iterations: 0 begin: -2}"),
            "s.linear.final OUT_OF_RANGE, s.linear.iterations OUT_OF_RANGE, "
            "s.linear.begin OUT_OF_RANGE");
  EXPECT_EQ(Violated("polynomial {initial: 1 power: 0}"), "s.polynomial.power OUT_OF_RANGE");
  EXPECT_EQ(Violated("exponential {initial: 1 rate: nan}"), "s.exponential.rate OUT_OF_RANGE");
  EXPECT_EQ(Violated("exponential {initial: 1 rate: 0.5 final: -1}"),
            "s.exponential.final OUT_OF_RANGE");
  EXPECT_EQ(Violated("piecewise_constant {values: 1 values: -2 boundaries: 0}"),
            "s.piecewise_constant.values[1] OUT_OF_RANGE, "
            "s.piecewise_constant.boundaries[0] OUT_OF_RANGE");
  EXPECT_EQ(Violated("piecewise_constant {values: 1 values: 2}"),
            "s.piecewise_constant OUT_OF_RANGE");
  EXPECT_EQ(Violated("list {}"), "s.list.values MISSING_FIELD");
  EXPECT_EQ(Violated("one_cycle {max: 1 pct_start: 2}"), "s.one_cycle.pct_start OUT_OF_RANGE");
  EXPECT_EQ(Violated("warmup {then {constant: 1}}"), "s.warmup.iterations MISSING_FIELD");
  EXPECT_EQ(Violated("warmup {iterations: 3}"), "s.warmup.then MISSING_FIELD");
  EXPECT_EQ(Violated("warmup {iterations: 3 then {cosine {initial: -1}}}"),
            "s.warmup.then.cosine.initial OUT_OF_RANGE");
  EXPECT_EQ(Violated("joined {sequences {constant: 1} sequences {constant: -1} boundaries: 2}"),
            "s.joined.sequences[1].constant OUT_OF_RANGE");
  EXPECT_EQ(Violated("joined {sequences {constant: 1} boundaries: 2}"), "s.joined OUT_OF_RANGE");
  EXPECT_EQ(Violated("cosine {initial: 1}", UnitInterval("momentum")),
            "s.cosine.initial OUT_OF_RANGE");
}

TEST(SequenceSpecTest, RefusesToNestWithoutEnd) {
  std::string text = "constant: 1";
  for (int i = 0; i < 20; ++i) text = absl::StrCat("warmup {iterations: 1 then {", text, "}}");
  EXPECT_THAT(Violated(text), HasSubstr("NESTING_TOO_DEEP"));
}

}  // namespace
}  // namespace descent::worker
