#ifndef DESCENT_SERVER_WORKER_SPEC_MESSAGE_FIELDS_H_
#define DESCENT_SERVER_WORKER_SPEC_MESSAGE_FIELDS_H_

// A message's fields by their names. One thread at a time.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <vector>

namespace descent::worker {

// Of `message`, which outlives it. Asking for a field that the message doesn't have, or of another
// type, is a programming error.
class MessageFields {
 public:
  using Message = google::protobuf::Message;

  explicit MessageFields(Message* message) : message_(message) {}

  const google::protobuf::FieldDescriptor* Field(const std::string& name) const {
    return message_->GetDescriptor()->FindFieldByName(name);
  }
  // The member of `oneof kind` that is set; null if none is.
  const google::protobuf::FieldDescriptor* Kind() const {
    return reflection().GetOneofFieldDescriptor(*message_, KindOneof());
  }
  // `sgd, adam, …`: the members of `oneof kind`.
  std::vector<std::string> Kinds() const {
    std::vector<std::string> names;
    for (int i = 0; i < KindOneof()->field_count(); ++i) {
      names.push_back(KindOneof()->field(i)->name());
    }
    return names;
  }

  // Not of repeated fields.
  bool Has(const std::string& name) const { return reflection().HasField(*message_, Field(name)); }
  int64_t GetInteger(const std::string& name) const {
    return reflection().GetInt64(*message_, Field(name));
  }
  double GetDouble(const std::string& name) const {
    return reflection().GetDouble(*message_, Field(name));
  }
  bool GetBool(const std::string& name) const {
    return reflection().GetBool(*message_, Field(name));
  }
  std::string GetText(const std::string& name) const {
    return reflection().GetString(*message_, Field(name));
  }
  Message* Inner(const std::string& name) {
    return reflection().MutableMessage(message_, Field(name));
  }

  void Set(const std::string& name, int64_t value) {
    reflection().SetInt64(message_, Field(name), value);
  }
  void Set(const std::string& name, double value) {
    reflection().SetDouble(message_, Field(name), value);
  }
  void Set(const std::string& name, bool value) {
    reflection().SetBool(message_, Field(name), value);
  }
  void Set(const std::string& name, const std::string& value) {
    reflection().SetString(message_, Field(name), value);
  }

  // Of repeated fields.
  int Size(const std::string& name) const { return reflection().FieldSize(*message_, Field(name)); }
  int64_t GetInteger(const std::string& name, int i) const {
    return reflection().GetRepeatedInt64(*message_, Field(name), i);
  }
  std::string GetText(const std::string& name, int i) const {
    return reflection().GetRepeatedString(*message_, Field(name), i);
  }
  Message* Inner(const std::string& name, int i) {
    return reflection().MutableRepeatedMessage(message_, Field(name), i);
  }
  void Add(const std::string& name, int64_t value) {
    reflection().AddInt64(message_, Field(name), value);
  }
  void Add(const std::string& name, const std::string& value) {
    reflection().AddString(message_, Field(name), value);
  }

 private:
  const google::protobuf::Reflection& reflection() const { return *message_->GetReflection(); }
  const google::protobuf::OneofDescriptor* KindOneof() const {
    return message_->GetDescriptor()->FindOneofByName("kind");
  }

  Message* message_;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SPEC_MESSAGE_FIELDS_H_
