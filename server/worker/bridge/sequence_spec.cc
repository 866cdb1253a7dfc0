#include "server/worker/bridge/sequence_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/reflection.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/fields/fields.h"
#include "core/sequence/schedule.h"
#include "core/sequence/schedules.h"
#include "proto/for_each_message.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/field_reader.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxDepth = 8;

// Gives null if it is constant or of no kind.
std::unique_ptr<ScheduleForm> FormOf(const api::Sequence& sequence) {
  return NewSchedule(KindOf(sequence));
}

// Gives what is read, or nothing if it is wrong.
std::optional<descent::Sequence> Read(const Range& range, const std::string& field, int depth,
                                      api::Sequence* sequence, Violations* violations);

// Reads a schedule. The numbers that it yields are in the range of the hyperparameter.
class ScheduleReader final : public FieldReader {
 public:
  ScheduleReader(const Range& range, std::string field, int depth, Message* schedule,
                 Violations* violations)
      : FieldReader(schedule, std::move(field), violations), range_(range), depth_(depth) {}

 private:
  bool Absent(const Field& field) override {
    // Until the run is known, what is not given is left so.
    if (field.role() == kMeasured) return !message().Given("average");
    if (field.role() == kAveraged) return !message().Given("metric");
    if (field.role() != kRunLength) return false;
    *field.As<int64_t>() = 1;
    return true;
  }
  void Check(const Field& field) override {
    if (field.role() != kYielded) return FieldReader::Check(field);
    if (const auto* numbers = field.As<std::vector<double>>()) {
      for (size_t i = 0; i < numbers->size(); ++i) {
        CheckYielded(absl::StrCat(field.name(), "[", i, "]"), (*numbers)[i]);
      }
    } else {
      CheckYielded(field.name(), message().Get<double>(field.name()));
    }
  }
  void CheckYielded(const std::string& name, double number) {
    const absl::Status status = range_.Check(number);
    if (!status.ok()) Refuse(name, Sentence(status), reason::kOutOfRange);
  }
  void ReadInner(const Field& field) override {
    if (auto* sequence = field.As<descent::Sequence>()) {
      return ReadInto(*sequence, Path(field.name()), message().Inner(field.name()));
    }
    auto& sequences = *field.As<std::vector<descent::Sequence>>();
    sequences.assign(message().Size(field.name()), descent::Sequence(0.0));
    for (size_t i = 0; i < sequences.size(); ++i) {
      ReadInto(sequences[i], absl::StrCat(Path(field.name()), "[", i, "]"),
               message().Inner(field.name(), static_cast<int>(i)));
    }
  }
  void ReadInto(descent::Sequence& sequence, const std::string& path, Message* inner) {
    std::optional<descent::Sequence> read =
        worker::Read(range_, path, depth_ + 1, static_cast<api::Sequence*>(inner), violations());
    if (!read) return RefuseInner();
    sequence = *std::move(read);
  }

  const Range& range_;
  const int depth_;
};

std::optional<descent::Sequence> Read(const Range& range, const std::string& field, int depth,
                                      api::Sequence* sequence, Violations* violations) {
  const auto refuse = [&](const std::string& where, std::string problem, const char* reason) {
    if (violations != nullptr) violations->Add(where, std::move(problem), reason);
    return std::nullopt;
  };
  if (depth > kMaxDepth) {
    return refuse(field, absl::StrCat("Sequences are nested more than ", kMaxDepth, " deep."),
                  reason::kNestingTooDeep);
  }
  if (sequence->has_constant()) {
    const absl::Status status = range.Check(sequence->constant());
    if (status.ok()) return descent::Sequence(sequence->constant());
    return refuse(absl::StrCat(field, ".constant"), Sentence(status), reason::kOutOfRange);
  }
  const std::unique_ptr<ScheduleForm> form = FormOf(*sequence);
  if (!form) {
    std::vector<std::string> kinds;
    for (std::string_view known : ScheduleKinds()) kinds.emplace_back(known);
    return refuse(field, absl::StrCat("Give a number, or one of ", absl::StrJoin(kinds, ", "), "."),
                  reason::kMissingField);
  }
  const std::string inside = absl::StrCat(field, ".", std::string(form->kind()));
  ScheduleReader reader(range, inside, depth, MutableKind(sequence), violations);
  if (!reader.Read(form->fields())) return std::nullopt;
  const absl::Status status = form->Validate();
  if (!status.ok()) return refuse(inside, Sentence(status), reason::kOutOfRange);
  return form->Make();
}

}  // namespace

std::optional<descent::Sequence> ReadSequence(const Range& range, const std::string& field,
                                              api::Sequence* sequence, Violations* violations) {
  return Read(range, field, 1, sequence, violations);
}

void DialsReader::ReadInner(const Field& field) {
  auto* sequence = static_cast<api::Sequence*>(message().Inner(field.name()));
  Range range = field.range();
  // Numbers in the range may be refused of a constant, which turns to them are, too.
  if (const double constant = sequence->constant();
      sequence->has_constant() && !range.Check(constant).ok()) {
    range = InBoth(range, field.turned(), constant);
  }
  std::optional<descent::Sequence> read =
      ReadSequence(range, Path(field.name()), sequence, violations());
  if (!read) return RefuseInner();
  *field.As<descent::Sequence>() = *std::move(read);
}

void DialsReader::WriteInner(const Field& field) {
  const auto* value = field.As<descent::Sequence>();
  if (value == nullptr) return;
  auto* sequence = static_cast<api::Sequence*>(message().Inner(field.name()));
  // A default is a number, or else the only schedule that is one, Nesterov's.
  const auto& bounds = value->bounds();
  if (bounds && bounds->least == bounds->greatest) {
    sequence->set_constant(bounds->least);
  } else {
    sequence->mutable_nesterov();
  }
}

namespace {

// Fills in a sequence, and those in it.
void ResolveInRun(const SequenceDefaults& defaults, api::Sequence* sequence) {
  const std::unique_ptr<ScheduleForm> form = FormOf(*sequence);
  if (!form) return;
  const FieldList fields = form->fields();
  ScheduleReader(Range(), "", 1, MutableKind(sequence), nullptr).Read(fields);
  MessageFields message(MutableKind(sequence));
  size_t place = 0;
  const auto resolve_inner = [&](google::protobuf::Message* inner) {
    SequenceDefaults own = defaults;
    own.length = form->InnerLength(place++, defaults.length);
    ResolveInRun(own, static_cast<api::Sequence*>(inner));
  };
  for (const Field& field : fields) {
    const std::string& name = field.name();
    if (field.As<descent::Sequence>() != nullptr) {
      resolve_inner(message.Inner(name));
    } else if (field.As<std::vector<descent::Sequence>>() != nullptr) {
      for (int i = 0; i < message.Size(name); ++i) resolve_inner(message.Inner(name, i));
    } else if (message.Given(name)) {
      continue;
    } else if (field.role() == kRunLength) {
      // A warm-up may take longer than the run: what comes after must still be a schedule.
      message.Set(name, std::max<int64_t>(form->OwnLength(defaults.length), 1));
    } else if (field.role() == kMeasured) {
      message.Set(name, defaults.metric);
    } else if (field.role() == kAveraged) {
      message.Set(name, defaults.average);
    }
  }
}

}  // namespace

void ResolveSequencesInRun(const SequenceDefaults& defaults, Message* message) {
  if (message->GetDescriptor() == api::Sequence::descriptor()) {
    return ResolveInRun(defaults, static_cast<api::Sequence*>(message));
  }
  std::vector<const FieldDescriptor*> given;
  const auto* reflection = message->GetReflection();
  reflection->ListFields(*message, &given);
  for (const FieldDescriptor* field : given) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      ResolveSequencesInRun(defaults, reflection->MutableMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      ResolveSequencesInRun(defaults, reflection->MutableRepeatedMessage(message, field, i));
    }
  }
}

void VisitPlateaus(const Message& message, const std::string& path,
                   absl::FunctionRef<void(const std::string&, const api::PlateauSequence&)> visit) {
  ForEachMessage(path, message, [&](const std::string& field, const Message& part) {
    if (part.GetDescriptor() != api::PlateauSequence::descriptor()) return;
    visit(field, static_cast<const api::PlateauSequence&>(part));
  });
}

descent::Sequence ToSequence(const api::Sequence& sequence) {
  api::Sequence copy = sequence;
  const std::optional<descent::Sequence> read = Read(Range(), "", 1, &copy, nullptr);
  // It was refused before.
  return read ? *read : descent::Sequence(sequence.constant());
}

}  // namespace descent::worker
