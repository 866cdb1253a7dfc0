#include "server/worker/spec/sequence_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/sequence/schedules.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

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

// `field REASON` of each violation.
std::string Violated(const std::string& text, const Range& range = NonNegative("step_size")) {
  api::Sequence sequence = Parse(text);
  Violations violations;
  ResolveSequence(range, "s", &sequence, &violations);
  return absl::StrJoin(violations.list(), ", ", [](std::string* out, const Violation& violation) {
    absl::StrAppend(out, violation.field, " ", violation.reason);
  });
}

api::Sequence Resolved(const std::string& text, int64_t length) {
  api::Sequence sequence = Parse(text);
  Violations violations;
  ResolveSequence(NonNegative("step_size"), "s", &sequence, &violations);
  EXPECT_TRUE(violations.empty()) << text;
  ResolveSequenceLength(length, &sequence);
  // Resolving what is resolved changes nothing.
  api::Sequence again = sequence;
  ResolveSequence(NonNegative("step_size"), "s", &again, &violations);
  ResolveSequenceLength(length, &again);
  EXPECT_EQ(again.SerializeAsString(), sequence.SerializeAsString()) << text;
  return sequence;
}

// Compares a schedule's declaration with the message of its kind.
class Comparer final : public ScheduleVisitor {
 public:
  explicit Comparer(const Descriptor* message) : message_(message) {}
  void Value(const char* name, double&, Need) override {
    Expect(name, FieldDescriptor::CPPTYPE_DOUBLE, false);
  }
  void Value(const char* name, std::optional<double>&) override {
    Expect(name, FieldDescriptor::CPPTYPE_DOUBLE, false);
  }
  void Values(const char* name, std::vector<double>&) override {
    Expect(name, FieldDescriptor::CPPTYPE_DOUBLE, true);
  }
  void Number(const Range& range, double&, Need) override {
    Expect(range.field, FieldDescriptor::CPPTYPE_DOUBLE, false);
  }
  void Count(const char* name, int64_t&, int64_t) override {
    Expect(name, FieldDescriptor::CPPTYPE_INT64, false);
  }
  void Positions(const char* name, std::vector<int64_t>&) override {
    Expect(name, FieldDescriptor::CPPTYPE_INT64, true);
  }
  void Length(const char* name, int64_t&) override {
    Expect(name, FieldDescriptor::CPPTYPE_INT64, false);
  }
  void Flag(const char* name, bool&) override {
    Expect(name, FieldDescriptor::CPPTYPE_BOOL, false);
  }
  void Text(const char* name, std::string&) override {
    Expect(name, FieldDescriptor::CPPTYPE_STRING, false);
  }
  void Inner(const char* name, descent::Sequence&) override {
    Expect(name, FieldDescriptor::CPPTYPE_MESSAGE, false);
  }
  void Inners(const char* name, std::vector<descent::Sequence>&) override {
    Expect(name, FieldDescriptor::CPPTYPE_MESSAGE, true);
  }

  int fields() const { return fields_; }

 private:
  void Expect(const std::string& name, FieldDescriptor::CppType type, bool repeated) {
    const FieldDescriptor* field = message_->FindFieldByName(name);
    ASSERT_NE(field, nullptr) << message_->name() << "." << name;
    EXPECT_EQ(field->cpp_type(), type) << message_->name() << "." << name;
    EXPECT_EQ(field->is_repeated(), repeated) << message_->name() << "." << name;
    ++fields_;
  }

  const Descriptor* const message_;
  int fields_ = 0;
};

TEST(SequenceSpecTest, EveryScheduleIsAMessageWithTheSameFields) {
  const Descriptor* sequence = api::Sequence::descriptor();
  EXPECT_EQ(static_cast<size_t>(sequence->field_count()), ScheduleKinds().size() + 1);
  for (const std::string_view kind : ScheduleKinds()) {
    const FieldDescriptor* field = sequence->FindFieldByName(std::string(kind));
    ASSERT_NE(field, nullptr) << kind;
    Comparer comparer(field->message_type());
    MakeSchedule(kind)->Declare(comparer);
    EXPECT_EQ(comparer.fields(), field->message_type()->field_count()) << kind;
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
  // A warm-up that outlasts the run.
  EXPECT_EQ(Resolved("warmup {iterations: 100 then {cosine {initial: 1}}}", 50)
                .warmup()
                .then()
                .cosine()
                .iterations(),
            1);
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
  EXPECT_EQ(Violated("polynomial {initial: 1 power: 0}"), "s.polynomial OUT_OF_RANGE");
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
