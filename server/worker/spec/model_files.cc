#include "server/worker/spec/model_files.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/data/file.h"
#include "descent/v1/options.pb.h"
#include "server/worker/spec/prepare_parts.h"
#include "server/worker/spec/source_spec.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

class Files {
 public:
  Files(const DataRoots& roots, api::SpecSummary* summary, Violations* violations)
      : roots_(roots), summary_(summary), violations_(violations) {}

  // Of the message, which is at `field` of the spec, and of what is in it.
  void Visit(const std::string& field, const Message& message) {
    const Reflection& reflection = *message.GetReflection();
    std::vector<const FieldDescriptor*> given;
    reflection.ListFields(message, &given);
    for (const FieldDescriptor* member : given) {
      const std::string name = absl::StrCat(field, ".", member->name());
      if (member->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !member->is_repeated()) {
        Visit(name, reflection.GetMessage(message, member));
      } else if (member->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        for (int i = 0; i < reflection.FieldSize(message, member); ++i) {
          Visit(absl::StrCat(name, "[", i, "]"), reflection.GetRepeatedMessage(message, member, i));
        }
      } else if (member->options().GetExtension(api::file_path)) {
        Add(name, reflection.GetString(message, member));
      }
    }
  }

 private:
  void Add(const std::string& field, const std::string& path) {
    absl::StatusOr<FileContents> file = ReadDataFile(path, roots_);
    if (!file.ok()) {
      violations_->Add(field, Sentence(file.status()), FileReason(file.status()));
      return;
    }
    AddDigest(file->digest, summary_);
  }

  const DataRoots& roots_;
  api::SpecSummary* const summary_;
  Violations* const violations_;
};

}  // namespace

void AddModelFiles(const api::Spec& spec, const DataRoots& roots, api::SpecSummary* summary,
                   Violations* violations) {
  Files files(roots, summary, violations);
  files.Visit("model", spec.model());
  for (int p = 0; p < spec.system().players_size(); ++p) {
    files.Visit(absl::StrCat("system.players[", p, "].model"), spec.system().players(p).model());
  }
}

}  // namespace descent::worker
