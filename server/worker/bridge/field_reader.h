// A `FieldReader` goes from a message of the spec to core's options, by the fields that the options
// declare (core/fields), which the message calls the same. A new kind of anything needs no code
// here. One thread at a time.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_FIELD_READER_H_
#define DESCENT_SERVER_WORKER_BRIDGE_FIELD_READER_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/fields/fields.h"
#include "server/worker/bridge/message_fields.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

// Reads what was given into the options, writes the defaults of the rest into the message, and
// reports what is wrong. Reading a message that was read before changes nothing. What holds for
// some options alone, a derived class adds.
class FieldReader {
 public:
  using Message = google::protobuf::Message;

  // Reads the message at the field `path` of the spec. If violations is null, nobody asks.
  FieldReader(Message* message, std::string path, Violations* violations)
      : message_(message), path_(std::move(path)), violations_(violations) {}
  virtual ~FieldReader() = default;

  // Reads all fields; those that the message doesn't have stay as they are. False if something was
  // refused.
  bool Read(const FieldList& fields);
  // Reads one field, which the message has.
  void Read(const Field& field);

 protected:
  // Called with what nobody gave, before its default is written: true if there is nothing more to
  // be done.
  virtual bool Absent(const Field& field) { return false; }
  // Called with a number, a text, a flag or a list of these that was given and has been read.
  virtual void Check(const Field& field);
  // Called with a field with fields of its own that was given.
  virtual void ReadInner(const Field& field) {}
  // Writes the default of such a field that nobody gave.
  virtual void WriteInner(const Field& field) {}

  MessageFields& message() { return message_; }
  Violations* violations() const { return violations_; }
  // Gives `optimizer.adam.step_size`.
  std::string Path(std::string_view name) const;
  // Refuses a field below, or a place in it: `boundaries[1]`.
  void Refuse(const std::string& name, std::string problem, const char* reason);
  // Something below was refused, and has been reported.
  void RefuseInner() { right_ = false; }

 private:
  void CheckPath(const Field& field);
  void CheckWhole(const Field& field);

  MessageFields message_;
  const std::string path_;
  Violations* const violations_;
  bool right_ = true;
};

// Gives the member of the message's `oneof kind` that is set, by its name: `adam`. Empty if none
// is.
std::string KindOf(const google::protobuf::Message& message);
// Gives the kinds that there are: `sgd, adam, …`.
std::string KindNames(const google::protobuf::Message& message);
// Give that member, which must be set.
google::protobuf::Message* MutableKind(google::protobuf::Message* message);
const google::protobuf::Message& KindMessage(const google::protobuf::Message& message);
// Says `Give one of fixed, backtracking and strong_wolfe.`
std::string GiveOneOf(const google::protobuf::Message& message);
// Refuses a message at `path` whose kind is none that there is: `Give one of sgd, adam.`
void AddNoKind(const std::string& path, const google::protobuf::Message& message,
               Violations* violations);

// Makes a form of the kind that the message at `path` chooses, by `make` (NewLoss), and reads it by
// a reader of that class. Gives null if `make` has no such kind.
template <class Reader = FieldReader, class Form>
std::unique_ptr<Form> ReadKind(std::unique_ptr<Form> (*make)(std::string_view kind),
                               google::protobuf::Message* message, const std::string& path,
                               Violations* violations) {
  const std::string kind = KindOf(*message);
  std::unique_ptr<Form> form = make(kind);
  if (form) Reader(MutableKind(message), path + "." + kind, violations).Read(form->fields());
  return form;
}

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_BRIDGE_FIELD_READER_H_
