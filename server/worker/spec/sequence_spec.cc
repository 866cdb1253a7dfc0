#include "server/worker/spec/sequence_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/reflection.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/sequence/schedule.h"
#include "core/sequence/schedules.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxDepth = 8;
// Of a schedule that is measured.
constexpr const char* kMetric = "metric";
constexpr const char* kAverage = "average";

// `cosine`; empty if it is constant or of no kind.
std::string Kind(const api::Sequence& sequence) {
  if (sequence.kind_case() == api::Sequence::KIND_NOT_SET || sequence.has_constant()) return "";
  return api::Sequence::descriptor()->FindFieldByNumber(sequence.kind_case())->name();
}

// The message of that kind inside.
Message* Inside(api::Sequence* sequence) {
  return sequence->GetReflection()->MutableMessage(
      sequence, api::Sequence::descriptor()->FindFieldByNumber(sequence->kind_case()));
}

// A message's fields by name.
class FieldsOf {
 public:
  explicit FieldsOf(Message* message) : message_(message) {}

  bool Has(const char* name) const { return reflection().HasField(*message_, Field(name)); }
  double GetDouble(const char* name) const {
    return reflection().GetDouble(*message_, Field(name));
  }
  void Set(const char* name, double value) { reflection().SetDouble(message_, Field(name), value); }
  int64_t GetInteger(const char* name) const {
    return reflection().GetInt64(*message_, Field(name));
  }
  void Set(const char* name, int64_t value) { reflection().SetInt64(message_, Field(name), value); }
  std::string GetText(const char* name) const {
    return reflection().GetString(*message_, Field(name));
  }
  void Set(const char* name, const std::string& value) {
    reflection().SetString(message_, Field(name), value);
  }
  bool GetBool(const char* name) const { return reflection().GetBool(*message_, Field(name)); }
  void Set(const char* name, bool value) { reflection().SetBool(message_, Field(name), value); }
  std::vector<double> GetDoubles(const char* name) const {
    const auto list = reflection().GetRepeatedFieldRef<double>(*message_, Field(name));
    return {list.begin(), list.end()};
  }
  std::vector<int64_t> GetIntegers(const char* name) const {
    const auto list = reflection().GetRepeatedFieldRef<int64_t>(*message_, Field(name));
    return {list.begin(), list.end()};
  }
  api::Sequence* Inner(const char* name) {
    return static_cast<api::Sequence*>(reflection().MutableMessage(message_, Field(name)));
  }
  int InnerCount(const char* name) const { return reflection().FieldSize(*message_, Field(name)); }
  api::Sequence* Inner(const char* name, int i) {
    return static_cast<api::Sequence*>(
        reflection().MutableRepeatedMessage(message_, Field(name), i));
  }

 private:
  const google::protobuf::Reflection& reflection() const { return *message_->GetReflection(); }
  const FieldDescriptor* Field(const char* name) const {
    return message_->GetDescriptor()->FindFieldByName(name);
  }

  Message* message_;
};

// Reads what was given into the schedule, fills in the rest, reports what is wrong.
class Resolver final : public ScheduleVisitor {
 public:
  Resolver(const descent::Range& range, std::string field, int depth, Message* message,
           Violations* violations)
      : range_(range),
        field_(std::move(field)),
        depth_(depth),
        fields_(message),
        violations_(violations) {}

  void Value(const char* name, double& value, Need need) override {
    if (Take(name, value, need)) CheckNumber(range_, value, Path(name));
  }
  void Value(const char* name, std::optional<double>& value) override {
    if (!fields_.Has(name)) return;
    value = fields_.GetDouble(name);
    CheckNumber(range_, *value, Path(name));
  }
  void Values(const char* name, std::vector<double>& values) override {
    values = fields_.GetDoubles(name);
    if (values.empty()) Missing(name, "Give at least one number.");
    for (size_t i = 0; i < values.size(); ++i) {
      CheckNumber(range_, values[i], absl::StrCat(Path(name), "[", i, "]"));
    }
  }
  void Number(const Range& range, double& number, Need need) override {
    const char* name = range.field.c_str();
    if (Take(name, number, need)) CheckNumber(range, number, Path(name));
  }
  void Count(const char* name, int64_t& count, int64_t least) override {
    if (!fields_.Has(name) && count < least) return Missing(name, "Give a number.");
    if (!fields_.Has(name)) return fields_.Set(name, count);
    count = fields_.GetInteger(name);
    CheckLeast(name, count, least);
  }
  void Positions(const char* name, std::vector<int64_t>& positions) override {
    positions = fields_.GetIntegers(name);
    for (size_t i = 0; i < positions.size(); ++i) {
      const int64_t before = i == 0 ? 0 : positions[i - 1];
      if (positions[i] > before) continue;
      Refuse(absl::StrCat(name, "[", i, "]"),
             absl::StrCat("It is ", positions[i], ", but must be greater than ", before, "."));
    }
  }
  void Length(const char* name, int64_t& length) override {
    length = 1;  // until the length of the run is known
    if (!fields_.Has(name)) return;
    length = fields_.GetInteger(name);
    CheckLeast(name, length, 1);
  }
  void Flag(const char* name, bool& flag) override {
    if (fields_.Has(name)) flag = fields_.GetBool(name);
    fields_.Set(name, flag);
  }
  void Measured(std::string& metric, int64_t& average) override {
    // Until the run is known, nothing is nothing.
    if (!fields_.Has(kMetric) && !fields_.Has(kAverage)) return;
    if (fields_.Has(kMetric)) metric = fields_.GetText(kMetric);
    if (metric.empty()) return Missing(kMetric, "Give the name of a metric.");
    fields_.Set(kMetric, metric);
    Count(kAverage, average, 1);
  }
  void Inner(const char* name, descent::Sequence& sequence) override;
  void Inners(const char* name, std::vector<descent::Sequence>& sequences) override;

  // Nothing was refused.
  bool right() const { return right_; }

 private:
  std::string Path(const std::string& name) const { return absl::StrCat(field_, ".", name); }
  void Refuse(const std::string& name, const std::string& problem) {
    violations_->Add(Path(name), problem, "OUT_OF_RANGE");
    right_ = false;
  }
  void Missing(const std::string& name, const char* what) {
    violations_->Add(Path(name), what, "MISSING_FIELD");
    right_ = false;
  }
  void CheckLeast(const char* name, int64_t value, int64_t least) {
    if (value < least) {
      Refuse(name, absl::StrCat("It is ", value, ", but must be at least ", least, "."));
    }
  }
  void CheckNumber(const descent::Range& range, double value, const std::string& path) {
    if (absl::Status status = range.Check(value); !status.ok()) {
      violations_->Add(path, absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
      right_ = false;
    }
  }
  // False if there is nothing to check.
  bool Take(const char* name, double& number, Need need) {
    if (fields_.Has(name)) {
      number = fields_.GetDouble(name);
      return true;
    }
    if (need == Need::kRequired) {
      Missing(name, "Give a number.");
      return false;
    }
    fields_.Set(name, number);
    return true;
  }

  const descent::Range& range_;
  const std::string field_;
  const int depth_;
  FieldsOf fields_;
  Violations* const violations_;
  bool right_ = true;
};

// What stands for a sequence until the run is built: all that matters is whether it goes by what
// happens.
descent::Sequence StandIn(api::Sequence* sequence) {
  const std::unique_ptr<AnySchedule> schedule = MakeSchedule(Kind(*sequence));
  const bool inner = sequence->has_warmup() &&
                     StandIn(sequence->mutable_warmup()->mutable_then()).feedback() != nullptr;
  if (!inner && !(schedule && schedule->has_feedback())) return descent::Sequence(0.0);
  descent::Sequence::Feedback feedback;
  feedback.number = [](int64_t, const std::vector<double>&) { return 0.0; };
  return descent::Sequence(std::move(feedback));
}

// Whether it is right.
bool Resolve(const descent::Range& range, const std::string& field, int depth,
             api::Sequence* sequence, Violations* violations) {
  if (depth > kMaxDepth) {
    violations->Add(field, absl::StrCat("Sequences are nested more than ", kMaxDepth, " deep."),
                    "NESTING_TOO_DEEP");
    return false;
  }
  if (sequence->has_constant()) {
    const absl::Status status = range.Check(sequence->constant());
    if (!status.ok()) {
      violations->Add(absl::StrCat(field, ".constant"),
                      absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
    }
    return status.ok();
  }
  const std::string kind = Kind(*sequence);
  const std::unique_ptr<AnySchedule> schedule = MakeSchedule(kind);
  if (!schedule) {
    std::vector<std::string> kinds;
    for (std::string_view known : ScheduleKinds()) kinds.emplace_back(known);
    violations->Add(field,
                    absl::StrCat("Give a number, or one of ", absl::StrJoin(kinds, ", "), "."),
                    "MISSING_FIELD");
    return false;
  }
  Resolver resolver(range, absl::StrCat(field, ".", kind), depth, Inside(sequence), violations);
  schedule->Declare(resolver);
  if (!resolver.right()) return false;
  if (absl::Status status = schedule->Validate(); !status.ok()) {
    violations->Add(absl::StrCat(field, ".", kind),
                    absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
    return false;
  }
  return true;
}

void Resolver::Inner(const char* name, descent::Sequence& sequence) {
  if (!fields_.Has(name)) return Missing(name, "Give a sequence.");
  api::Sequence* inner = fields_.Inner(name);
  if (!Resolve(range_, Path(name), depth_ + 1, inner, violations_)) {
    right_ = false;
  } else {
    sequence = StandIn(inner);
  }
}

void Resolver::Inners(const char* name, std::vector<descent::Sequence>& sequences) {
  const int count = fields_.InnerCount(name);
  if (count == 0) Missing(name, "Give at least one sequence.");
  sequences.assign(static_cast<size_t>(count), descent::Sequence(0.0));
  for (int i = 0; i < count; ++i) {
    const std::string path = absl::StrCat(Path(name), "[", i, "]");
    if (!Resolve(range_, path, depth_ + 1, fields_.Inner(name, i), violations_)) {
      right_ = false;
    } else {
      sequences[static_cast<size_t>(i)] = StandIn(fields_.Inner(name, i));
    }
  }
}

// Reads a schedule that is right; on its way sees to what a run has to say.
class Reader final : public ScheduleVisitor {
 public:
  // defaults: what to fill in, into the message too; null: everything is there.
  Reader(Message* message, const SequenceDefaults* defaults)
      : fields_(message), defaults_(defaults) {}

  void Value(const char* name, double& value, Need) override { value = fields_.GetDouble(name); }
  void Value(const char* name, std::optional<double>& value) override {
    if (fields_.Has(name)) value = fields_.GetDouble(name);
  }
  void Values(const char* name, std::vector<double>& values) override {
    values = fields_.GetDoubles(name);
  }
  void Number(const Range& range, double& number, Need) override {
    number = fields_.GetDouble(range.field.c_str());
  }
  void Count(const char* name, int64_t& count, int64_t) override {
    count = fields_.GetInteger(name);
  }
  void Positions(const char* name, std::vector<int64_t>& positions) override {
    positions = fields_.GetIntegers(name);
  }
  void Length(const char* name, int64_t& length) override {
    if (!fields_.Has(name)) missing_.push_back(name);
    length = fields_.GetInteger(name);
  }
  void Flag(const char* name, bool& flag) override { flag = fields_.GetBool(name); }
  void Measured(std::string& metric, int64_t& average) override {
    if (!fields_.Has(kMetric) && defaults_ != nullptr) {
      fields_.Set(kMetric, defaults_->metric);
      fields_.Set(kAverage, defaults_->average);
    }
    if (fields_.Has(kMetric)) metric = fields_.GetText(kMetric);
    if (fields_.Has(kAverage)) average = fields_.GetInteger(kAverage);
  }
  void Inner(const char* name, descent::Sequence& sequence) override {
    inners_.push_back(fields_.Inner(name));
    if (defaults_ == nullptr) sequence = ToSequence(*inners_.back());
  }
  void Inners(const char* name, std::vector<descent::Sequence>& sequences) override {
    for (int i = 0; i < fields_.InnerCount(name); ++i) {
      inners_.push_back(fields_.Inner(name, i));
      if (defaults_ == nullptr) sequences.push_back(ToSequence(*inners_.back()));
    }
  }

  // A warm-up may take longer than the run: what comes after must still be a schedule.
  void FillLengths(int64_t length) {
    for (const char* name : missing_) fields_.Set(name, std::max<int64_t>(length, 1));
  }
  const std::vector<api::Sequence*>& inners() const { return inners_; }

 private:
  FieldsOf fields_;
  const SequenceDefaults* const defaults_;
  std::vector<const char*> missing_;  // lengths
  std::vector<api::Sequence*> inners_;
};

}  // namespace

void ResolveSequence(const Range& range, const std::string& field, api::Sequence* sequence,
                     Violations* violations) {
  Resolve(range, field, 1, sequence, violations);
}

void ResolveSequenceInRun(const SequenceDefaults& defaults, api::Sequence* sequence) {
  const std::unique_ptr<AnySchedule> schedule = MakeSchedule(Kind(*sequence));
  if (!schedule) return;
  Reader reader(Inside(sequence), &defaults);
  schedule->Declare(reader);
  reader.FillLengths(schedule->OwnLength(defaults.length));
  for (size_t i = 0; i < reader.inners().size(); ++i) {
    SequenceDefaults inner = defaults;
    inner.length = schedule->InnerLength(i, defaults.length);
    ResolveSequenceInRun(inner, reader.inners()[i]);
  }
}

void VisitPlateaus(const Message& message, const std::string& path,
                   absl::FunctionRef<void(const std::string&, const api::PlateauSequence&)> visit) {
  if (message.GetDescriptor() == api::PlateauSequence::descriptor()) {
    return visit(path, static_cast<const api::PlateauSequence&>(message));
  }
  std::vector<const FieldDescriptor*> given;
  const auto* reflection = message.GetReflection();
  reflection->ListFields(message, &given);
  for (const FieldDescriptor* field : given) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string inner = absl::StrCat(path, ".", field->name());
    if (!field->is_repeated()) {
      VisitPlateaus(reflection->GetMessage(message, field), inner, visit);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      VisitPlateaus(reflection->GetRepeatedMessage(message, field, i),
                    absl::StrCat(inner, "[", i, "]"), visit);
    }
  }
}

descent::Sequence ToSequence(const api::Sequence& sequence) {
  const std::unique_ptr<AnySchedule> schedule = MakeSchedule(Kind(sequence));
  if (!schedule) return descent::Sequence(sequence.constant());
  api::Sequence copy = sequence;
  Reader reader(Inside(&copy), nullptr);
  schedule->Declare(reader);
  return schedule->Make();
}

}  // namespace descent::worker
