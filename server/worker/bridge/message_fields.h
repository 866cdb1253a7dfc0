// `MessageFields` gets at a message's fields by their names. One thread at a time.
#ifndef DESCENT_SERVER_WORKER_BRIDGE_MESSAGE_FIELDS_H_
#define DESCENT_SERVER_WORKER_BRIDGE_MESSAGE_FIELDS_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace descent::worker {

// `message` outlives it. Asking for a field that the message doesn't have, or of another type, is a
// programming error.
class MessageFields {
 public:
  using Message = google::protobuf::Message;

  explicit MessageFields(Message* message) : message_(message) {}
  // Makes fields that are only to be read.
  explicit MessageFields(const Message& message) : message_(const_cast<Message*>(&message)) {}

  // Gives null if there is no such field.
  const google::protobuf::FieldDescriptor* Field(const std::string& name) const {
    return message_->GetDescriptor()->FindFieldByName(name);
  }
  // Gives the member of `oneof kind` that is set; null if none is.
  const google::protobuf::FieldDescriptor* Kind() const {
    return reflection().GetOneofFieldDescriptor(*message_, KindOneof());
  }
  // Gives the members of `oneof kind`: `sgd, adam, …`.
  std::vector<std::string> Kinds() const {
    std::vector<std::string> names;
    for (int i = 0; i < KindOneof()->field_count(); ++i) {
      names.push_back(KindOneof()->field(i)->name());
    }
    return names;
  }

  // True if a field is set, or a repeated one is not empty.
  bool Given(const std::string& name) const {
    return Field(name)->is_repeated() ? Size(name) > 0
                                      : reflection().HasField(*message_, Field(name));
  }

  // T is double, int64_t, uint64_t, bool or std::string.
  template <class T>
  T Get(const std::string& name) const {
    if constexpr (std::is_same_v<T, double>) {
      return reflection().GetDouble(*message_, Field(name));
    } else if constexpr (std::is_same_v<T, int64_t>) {
      return reflection().GetInt64(*message_, Field(name));
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      return reflection().GetUInt64(*message_, Field(name));
    } else if constexpr (std::is_same_v<T, bool>) {
      return reflection().GetBool(*message_, Field(name));
    } else {
      return reflection().GetString(*message_, Field(name));
    }
  }
  // Gives the name of an enum's number, or the number as text if it has none.
  std::string GetEnum(const std::string& name) const {
    return reflection().GetEnum(*message_, Field(name))->name();
  }
  Message* Inner(const std::string& name) {
    return reflection().MutableMessage(message_, Field(name));
  }

  void Set(const std::string& name, int64_t value) {
    reflection().SetInt64(message_, Field(name), value);
  }
  void Set(const std::string& name, uint64_t value) {
    reflection().SetUInt64(message_, Field(name), value);
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
  void SetEnum(const std::string& name, const std::string& value) {
    reflection().SetEnum(message_, Field(name), Field(name)->enum_type()->FindValueByName(value));
  }

  // These are for repeated fields.
  int Size(const std::string& name) const { return reflection().FieldSize(*message_, Field(name)); }
  // T is double, int64_t or std::string.
  template <class T>
  T Get(const std::string& name, int i) const {
    if constexpr (std::is_same_v<T, double>) {
      return reflection().GetRepeatedDouble(*message_, Field(name), i);
    } else if constexpr (std::is_same_v<T, int64_t>) {
      return reflection().GetRepeatedInt64(*message_, Field(name), i);
    } else {
      return reflection().GetRepeatedString(*message_, Field(name), i);
    }
  }
  Message* Inner(const std::string& name, int i) {
    return reflection().MutableRepeatedMessage(message_, Field(name), i);
  }
  void Add(const std::string& name, double value) {
    reflection().AddDouble(message_, Field(name), value);
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

#endif  // DESCENT_SERVER_WORKER_BRIDGE_MESSAGE_FIELDS_H_
