// How events come into a journal: this is ScanEvent and ToPending of journal.h.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "descent/v1/event.pb.h"
#include "server/daemon/journal/iteration_fields.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/wire.h"

namespace descent::daemon {
namespace {

absl::Status Malformed(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("not a descent.v1.Event: ", what));
}

// How a field may stand on the wire.
enum class Shape : uint8_t { kAny, kVarint, kFixed64, kFixed64s };

constexpr Shape ShapeOf(const Int64Field&) { return Shape::kVarint; }
constexpr Shape ShapeOf(const DoubleField&) { return Shape::kFixed64; }
constexpr Shape ShapeOf(const DoublesField&) { return Shape::kFixed64s; }

// The shapes by the fields' numbers; those of a newer worker's fields are any.
class Shapes {
 public:
  constexpr Shapes() {
    ForEachIterationField([this](const auto& field) {
      shapes_.at(static_cast<size_t>(field.number)) = ShapeOf(field);
    });
  }

  [[nodiscard]] bool Fits(const WireField& field) const {
    const auto number = static_cast<size_t>(field.tag);
    switch (number < shapes_.size() ? shapes_[number] : Shape::kAny) {
      case Shape::kAny:
        return true;
      case Shape::kVarint:
        return field.type == WireType::kVarint;
      case Shape::kFixed64:
        return field.type == WireType::kFixed64;
      case Shape::kFixed64s:  // packed, or one by one
        return field.type == WireType::kFixed64 ||
               (field.type == WireType::kBytes && field.bytes.size() % 8 == 0);
    }
    return true;
  }

 private:
  std::array<Shape, 32> shapes_{};
};

constexpr Shapes kShapes;

// Checks an Iteration field by field and takes its index: there are many of them, and a parse
// would cost ten times as much.
absl::StatusOr<int64_t> ScanIteration(std::string_view bytes) {
  int64_t index = 0;
  while (!bytes.empty()) {
    WireField field;
    if (!ReadField(&bytes, &field)) return Malformed("its iteration is truncated or malformed");
    if (!kShapes.Fits(field)) return Malformed("a field of its iteration has another type");
    if (field.tag == v1::Iteration::kIndexFieldNumber) index = static_cast<int64_t>(field.number);
  }
  if (index < 0) return Malformed("its iteration's index is negative");
  return index;
}

// The rows of a request are its life: its acceptance and what resolved it, which answer whoever
// asks again. Other events that carry a request_id (an evaluation, a checkpoint) don't belong here.
std::string RequestOf(const v1::Event& event) {
  switch (event.kind_case()) {
    case v1::Event::kCommandAccepted:
      return event.command_accepted().request_id();
    case v1::Event::kCommandApplied:
      return event.command_applied().request_id();
    case v1::Event::kCommandRejected:
      return event.command_rejected().request_id();
    default:
      return "";
  }
}

int64_t IterationOf(const v1::Event& event) {
  switch (event.kind_case()) {
    case v1::Event::kIteration:
      return event.iteration().index();
    case v1::Event::kEvaluation:
      return event.evaluation().iteration();
    case v1::Event::kCommandApplied:
      return event.command_applied().iteration();
    case v1::Event::kCheckpointSaved:
      return event.checkpoint_saved().iteration();
    case v1::Event::kRewound:
      return event.rewound().to_iteration();
    case v1::Event::kStateChanged:
      return event.state_changed().has_iteration() ? event.state_changed().iteration() : -1;
    default:
      return -1;
  }
}

}  // namespace

absl::StatusOr<PendingEvent> ScanEvent(std::string bytes) {
  PendingEvent pending;
  std::string_view body;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    WireField field;
    if (!ReadField(&rest, &field)) return Malformed("truncated or malformed");
    bool fits = true;
    switch (field.tag) {
      case v1::Event::kRevisionFieldNumber:
        return Malformed("it already has a revision, which is the daemon's to give");
      case v1::Event::kTimeUnixNanosFieldNumber:
        fits = field.type == WireType::kFixed64;
        break;
      case v1::Event::kAttemptFieldNumber:
        fits = field.type == WireType::kVarint;
        pending.attempt = static_cast<int32_t>(field.number);
        break;
      case v1::Event::kBranchFieldNumber:
        fits = field.type == WireType::kVarint;
        pending.branch = static_cast<int32_t>(field.number);
        break;
      case v1::Event::kSequenceFieldNumber:
        fits = field.type == WireType::kVarint;
        pending.sequence = static_cast<int64_t>(field.number);
        break;
      default:
        if (!v1::EventKind_IsValid(field.tag)) break;  // it is a kind of a newer worker
        if (field.type != WireType::kBytes) return Malformed("its kind is not a message");
        if (pending.kind != v1::EVENT_KIND_UNSPECIFIED) return Malformed("it has two kinds");
        pending.kind = static_cast<v1::EventKind>(field.tag);
        body = field.bytes;
        break;
    }
    if (!fits) return Malformed("a field has another type");
  }
  if (pending.kind == v1::EVENT_KIND_UNSPECIFIED) return Malformed("it has no known kind");
  if (pending.branch < 0) return Malformed("its branch is negative");
  if (pending.kind == v1::ITERATION) {
    absl::StatusOr<int64_t> index = ScanIteration(body);
    if (!index.ok()) return index.status();
    pending.iteration = *index;
  } else {
    v1::Event event;
    if (!event.ParseFromString(bytes)) return Malformed("it does not parse");
    pending.iteration = IterationOf(event);
    pending.request_id = RequestOf(event);
    if (event.has_state_changed()) pending.state = event.state_changed().state();
  }
  pending.bytes = std::move(bytes);
  return pending;
}

PendingEvent ToPending(const v1::Event& event) {
  PendingEvent pending;
  pending.kind = static_cast<v1::EventKind>(event.kind_case());
  pending.iteration = IterationOf(event);
  pending.request_id = RequestOf(event);
  pending.branch = event.branch();
  pending.attempt = event.attempt();
  pending.sequence = event.sequence();
  if (event.has_state_changed()) pending.state = event.state_changed().state();
  if (event.revision() == 0) {
    event.SerializeToString(&pending.bytes);
  } else {
    v1::Event copy = event;
    copy.clear_revision();
    copy.SerializeToString(&pending.bytes);
  }
  return pending;
}

}  // namespace descent::daemon
