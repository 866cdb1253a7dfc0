#include "client/cli/contexts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/environment.h"
#include "client/cpp/yaml_tree.h"
#include "core/files/private_file.h"
#include "proto/rules/nearest.h"

namespace descent::cli {
namespace {

using client::TextMark;
using client::YamlNode;

struct Field {
  const char* key;
  std::string SavedContext::* value;
};
constexpr Field kFields[] = {{"name", &SavedContext::name},
                             {"server", &SavedContext::server},
                             {"ca", &SavedContext::ca},
                             {"token", &SavedContext::token},
                             {"token_file", &SavedContext::token_file}};

absl::Status Damaged(const std::string& path, const TextMark& mark, const std::string& message) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ":", mark.line, ":", mark.column, ": ", message,
                   "; mend it, or delete the file and sign in anew by `descent login`"));
}

absl::StatusOr<SavedContext> ReadContext(const std::string& path, const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kMap) {
    return Damaged(path, node.mark, absl::StrCat("must be a context, not ", Described(node)));
  }
  SavedContext context;
  for (const YamlNode::Entry& entry : node.entries) {
    const auto* const field = std::find_if(std::begin(kFields), std::end(kFields),
                                           [&](const Field& f) { return entry.key == f.key; });
    if (field == std::end(kFields)) {
      return Damaged(path, entry.mark, absl::StrCat("there is no field `", entry.key, "`"));
    }
    // What is told may be a secret: its text is left out.
    if (entry.value->kind != YamlNode::Kind::kScalar) {
      return Damaged(path, entry.mark, absl::StrCat(entry.key, " must be a text"));
    }
    context.*(field->value) = entry.value->text;
  }
  if (context.name.empty()) return Damaged(path, node.mark, "a context has no name");
  if (context.server.empty()) return Damaged(path, node.mark, "a context has no server");
  return context;
}

absl::StatusOr<Contexts> ReadTree(const std::string& path, const YamlNode& root) {
  Contexts contexts;
  if (root.kind == YamlNode::Kind::kNull) return contexts;
  if (root.kind != YamlNode::Kind::kMap) {
    return Damaged(path, root.mark, "must be a mapping with `current` and `contexts`");
  }
  for (const YamlNode::Entry& entry : root.entries) {
    if (entry.key == "current" && entry.value->kind == YamlNode::Kind::kScalar) {
      contexts.current = entry.value->text;
    } else if (entry.key == "contexts" && entry.value->kind == YamlNode::Kind::kList) {
      for (const auto& item : entry.value->items) {
        absl::StatusOr<SavedContext> context = ReadContext(path, *item);
        if (!context.ok()) return context.status();
        if (contexts.Find(context->name) != nullptr) {
          return Damaged(path, item->mark, absl::StrCat("`", context->name, "` is there twice"));
        }
        contexts.all.push_back(*std::move(context));
      }
    } else if (entry.value->kind != YamlNode::Kind::kNull) {
      return Damaged(
          path, entry.mark,
          absl::StrCat("`", entry.key, "` is neither a text `current` nor a list ", "`contexts`"));
    }
  }
  return contexts;
}

std::shared_ptr<const YamlNode> Text(const std::string& text) {
  auto node = std::make_shared<YamlNode>();
  node->kind = YamlNode::Kind::kScalar;
  node->text = text;
  node->quoted = true;
  return node;
}

std::string Print(const Contexts& contexts) {
  auto list = std::make_shared<YamlNode>();
  list->kind = YamlNode::Kind::kList;
  for (const SavedContext& context : contexts.all) {
    auto item = std::make_shared<YamlNode>();
    item->kind = YamlNode::Kind::kMap;
    for (const Field& field : kFields) {
      const std::string& value = context.*(field.value);
      if (!value.empty()) item->entries.push_back({field.key, {}, Text(value)});
    }
    list->items.push_back(std::move(item));
  }
  YamlNode root;
  root.kind = YamlNode::Kind::kMap;
  if (!contexts.current.empty()) root.entries.push_back({"current", {}, Text(contexts.current)});
  root.entries.push_back({"contexts", {}, std::move(list)});
  return PrintYaml(root);
}

// Has others who sign in at the same moment wait, for as long as it lives. Where it can't, nothing
// waits.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder)
      : folder_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (folder_ >= 0) flock(folder_, LOCK_EX);
  }
  ~FolderLock() {
    if (folder_ >= 0) close(folder_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  const int folder_;
};

}  // namespace

const SavedContext* Contexts::Find(std::string_view name) const {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const SavedContext& c) { return c.name == name; });
  return found == all.end() ? nullptr : &*found;
}

void Contexts::Put(SavedContext context) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const SavedContext& c) { return c.name == context.name; });
  if (found == all.end()) {
    all.push_back(std::move(context));
  } else {
    *found = std::move(context);
  }
}

bool Contexts::Remove(std::string_view name) {
  const bool removed =
      std::erase_if(all, [&](const SavedContext& c) { return c.name == name; }) != 0;
  if (current == name) current.clear();
  return removed;
}

std::string ContextsPath() {
  std::string folder = Env("XDG_CONFIG_HOME");
  if (folder.empty()) {
    const std::string home = Env("HOME");
    if (home.empty()) return "";
    folder = home + "/.config";
  }
  return folder + "/descent/contexts.yaml";
}

absl::StatusOr<Contexts> ReadContexts(const std::string& path) {
  std::error_code error;
  if (path.empty() || !std::filesystem::exists(path, error)) return Contexts();
  std::ifstream file(path, std::ios::binary);
  // The reader refuses what is longer; a device would have no end.
  std::string text(client::kMaxYamlBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad() || (text.empty() && !file.eof())) {
    return absl::FailedPreconditionError(absl::StrCat("cannot read ", path));
  }
  std::vector<client::TextError> errors;
  const std::shared_ptr<const YamlNode> root = client::ParseYaml(text, &errors);
  if (!errors.empty()) return Damaged(path, errors[0].mark, errors[0].message);
  if (root == nullptr) return Contexts();
  return ReadTree(path, *root);
}

absl::Status WriteContexts(const std::string& path, const Contexts& contexts) {
  if (path.empty()) {
    return absl::FailedPreconditionError(
        "there is no place for contexts: neither $XDG_CONFIG_HOME nor $HOME is set");
  }
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code failed;
  const bool made = std::filesystem::create_directories(folder, failed);
  if (failed) {
    return absl::FailedPreconditionError(
        absl::StrCat("Can't make ", folder.string(), ": ", failed.message()));
  }
  if (made) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);

  const FolderLock lock(folder);
  const absl::Status status = WritePrivateFile(path, Print(contexts));
  // UNAVAILABLE would be a daemon that is away.
  if (status.ok()) return status;
  return absl::FailedPreconditionError(std::string(status.message()));
}

absl::Status NoSuchContext(std::string_view name, const Contexts& contexts) {
  std::vector<std::string> names;
  for (const SavedContext& context : contexts.all) names.push_back(context.name);
  return absl::NotFoundError(absl::StrCat("there is no context `", std::string(name), "`",
                                          rules::DidYouMean(name, names),
                                          "; `descent context list` has them, `descent login` "
                                          "makes one"));
}

}  // namespace descent::cli
