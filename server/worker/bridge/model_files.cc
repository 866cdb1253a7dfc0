#include "server/worker/bridge/model_files.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/data/file.h"
#include "descent/v1/options.pb.h"
#include "proto/for_each_message.h"
#include "server/worker/bridge/prepare_parts.h"
#include "server/worker/bridge/source_spec.h"

namespace descent::worker {

void AddModelFiles(const api::Spec& spec, const DataRoots& roots, api::SpecSummary* summary,
                   Violations* violations) {
  const auto add = [&](const std::string& field, const google::protobuf::Message& message) {
    const google::protobuf::Reflection& reflection = *message.GetReflection();
    std::vector<const google::protobuf::FieldDescriptor*> given;
    reflection.ListFields(message, &given);
    for (const google::protobuf::FieldDescriptor* member : given) {
      if (!member->options().GetExtension(api::file_path)) continue;
      const absl::StatusOr<FileContents> file =
          ReadDataFile(reflection.GetString(message, member), roots);
      if (file.ok()) {
        AddDigest(file->digest, summary);
      } else {
        violations->Add(absl::StrCat(field, ".", member->name()), Sentence(file.status()),
                        FileReason(file.status()));
      }
    }
  };
  ForEachMessage("model", spec.model(), add);
  for (int p = 0; p < spec.system().players_size(); ++p) {
    ForEachMessage(absl::StrCat("system.players[", p, "].model"), spec.system().players(p).model(),
                   add);
  }
}

}  // namespace descent::worker
