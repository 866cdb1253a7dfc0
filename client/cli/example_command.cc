#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/context.h"
#include "client/cli/examples.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "proto/rules/nearest.h"

namespace descent::cli {
namespace {

namespace fs = std::filesystem;

bool IsSpec(const Example& example) { return example.name.find('.') == std::string_view::npos; }

std::string FileName(const Example& example) {
  return absl::StrCat(std::string(example.name), IsSpec(example) ? ".yaml" : "");
}

// Gives how a spec of ours names a data file that lies beside it.
std::string PathField(const std::string& file) { return absl::StrCat("path: ", file); }

// Gives the data files that the example reads from its own folder.
std::vector<const Example*> DataOf(const Example& spec) {
  std::vector<const Example*> files;
  if (!IsSpec(spec)) return files;
  for (const Example& file : Examples()) {
    if (!IsSpec(file) &&
        spec.text.find(PathField(std::string(file.name))) != std::string_view::npos) {
      files.push_back(&file);
    }
  }
  return files;
}

const Example* Find(const std::string& name) {
  for (const Example& example : Examples()) {
    if (example.name == name || FileName(example) == name) return &example;
  }
  return nullptr;
}

// Gives what is wrong, or nothing. The file is there whole or not at all; one with this content is
// left.
std::string WriteFile(const fs::path& path, std::string_view text) {
  std::ifstream there(path, std::ios::binary);
  if (there.is_open() && std::string(std::istreambuf_iterator<char>(there), {}) == text) return "";
  const fs::path partial = absl::StrCat(path.string(), ".tmp");
  std::ofstream file(partial, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file) return absl::StrCat(partial.string(), ": ", std::strerror(errno));
  std::error_code error;
  fs::rename(partial, path, error);
  return error ? absl::StrCat(path.string(), ": ", error.message()) : "";
}

// Gives where data files of printed examples lie, and makes it if it is missing; nothing without a
// home.
std::optional<fs::path> CacheFolder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  fs::path folder;
  if (cache != nullptr && *cache == '/') {
    folder = cache;
  } else if (home != nullptr && *home == '/') {
    folder = fs::path(home) / ".cache";
  } else {
    return std::nullopt;
  }
  folder = folder / "descent" / "examples";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return std::nullopt;
  return folder;
}

int List(const Context& context) {
  Table table;
  for (const Example& example : Examples()) {
    if (IsSpec(example)) table.Add({std::string(example.name), std::string(example.title)});
  }
  context.io.out << table.Render(Columns(context.io)) << "\n";
  context.Print(
      "Print one: descent example NAME. Run one: descent example NAME | descent submit - "
      "--follow");
  context.Print("Write one with its data to work on: descent example NAME -o FOLDER");
  return kOk;
}

// Prints to standard output. The data get a place of their own, so that the spec works wherever it
// goes, through a pipe too.
int Print(const Context& context, const Example& example) {
  std::string text(example.text);
  for (const Example* data : DataOf(example)) {
    const std::string name(data->name);
    const std::optional<fs::path> folder = CacheFolder();
    const std::string error = folder.has_value() ? WriteFile(*folder / name, data->text)
                                                 : "there is no folder for caches ($HOME)";
    if (!error.empty()) {
      context.Say(absl::StrCat("cannot write ", name, ": ", error, "; it belongs beside the spec: ",
                               "descent example ", name, " > ", name));
      continue;
    }
    const std::string path = (*folder / name).string();
    const std::string quoted = absl::StrCat("'", absl::StrReplaceAll(path, {{"'", "''"}}), "'");
    text = absl::StrReplaceAll(text, {{PathField(name), PathField(quoted)}});
  }
  context.io.out << text;
  return kOk;
}

// Writes the spec and its data into a folder, where files of the same names are not touched.
int Write(const Context& context, const Example& example, const std::string& folder) {
  std::vector<const Example*> files = DataOf(example);
  files.push_back(&example);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return context.Usage(absl::StrCat(folder, ": ", error.message()));
  for (const Example* file : files) {
    const fs::path path = fs::path(folder) / FileName(*file);
    if (fs::exists(path, error)) {
      context.Say(absl::StrCat(path.string(), ": exists; it is left as it is"));
      return kRefused;
    }
  }
  for (const Example* file : files) {
    const fs::path path = fs::path(folder) / FileName(*file);
    if (const std::string wrong = WriteFile(path, file->text); !wrong.empty()) {
      context.Say(wrong);
      return kRefused;
    }
    context.io.out << path.lexically_normal().string() << "\n";
  }
  return kOk;
}

int ShowExample(const Context& context, const std::string& name, const std::string& folder) {
  if (name.empty()) return List(context);
  if (const Example* example = Find(name)) {
    return folder.empty() ? Print(context, *example) : Write(context, *example, folder);
  }
  std::vector<std::string> names;
  for (const Example& example : Examples()) names.emplace_back(example.name);
  return context.Fail(absl::NotFoundError(absl::StrCat("there is no example `", name, "`",
                                                       rules::DidYouMean(name, names),
                                                       "; `descent example` lists them")));
}

}  // namespace

void AddExampleCommand(CLI::App* app, Context* context) {
  CLI::App* command = app->add_subcommand("example", "Print an example spec, or list them");
  const auto name = std::make_shared<std::string>();
  const auto folder = std::make_shared<std::string>();
  command->add_option("NAME", *name, "one of those that `descent example` lists")->type_name("");
  command
      ->add_option("-o,--output", *folder,
                   "write the spec and the data it needs into this folder, instead of printing it")
      ->type_name("FOLDER");
  command->callback(
      [=] { context->action = [=] { return ShowExample(*context, *name, *folder); }; });
}

}  // namespace descent::cli
