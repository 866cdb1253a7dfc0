// `EveryString` is for tests of what becomes of text: it calls `use(message, path)` with a message
// of the prototype's type for each string field that is reachable from it, whichever message it is
// of. Only that field, and what leads to it, is set.
#ifndef DESCENT_TESTS_PROTO_EVERY_STRING_H_
#define DESCENT_TESTS_PROTO_EVERY_STRING_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace descent {

class EveryString {
 public:
  using Use = std::function<void(const google::protobuf::Message&, const std::string& path)>;

  EveryString(const google::protobuf::Message& prototype, std::string text, Use use)
      : prototype_(prototype), text_(std::move(text)), use_(std::move(use)) {
    Visit(*prototype.GetDescriptor());
  }

 private:
  using Field = google::protobuf::FieldDescriptor;

  void Visit(const google::protobuf::Descriptor& type) {
    if (!seen_.insert(&type).second) return;
    for (int i = 0; i < type.field_count(); ++i) {
      path_.push_back(type.field(i));
      if (path_.back()->type() == Field::TYPE_STRING) Show();
      if (path_.back()->type() == Field::TYPE_MESSAGE) Visit(*path_.back()->message_type());
      path_.pop_back();
    }
  }

  void Show() const {
    const std::unique_ptr<google::protobuf::Message> message(prototype_.New());
    google::protobuf::Message* at = message.get();
    std::string path;
    for (const Field* field : path_) {
      path += (path.empty() ? "" : ".") + field->name();
      const google::protobuf::Reflection& reflection = *at->GetReflection();
      if (field->type() == Field::TYPE_STRING) {
        if (field->is_repeated()) {
          reflection.AddString(at, field, text_);
        } else {
          reflection.SetString(at, field, text_);
        }
      } else {
        at = field->is_repeated() ? reflection.AddMessage(at, field)
                                  : reflection.MutableMessage(at, field);
      }
    }
    use_(*message, path);
  }

  const google::protobuf::Message& prototype_;
  const std::string text_;
  const Use use_;
  std::set<const google::protobuf::Descriptor*> seen_;
  std::vector<const Field*> path_;
};

}  // namespace descent

#endif  // DESCENT_TESTS_PROTO_EVERY_STRING_H_
