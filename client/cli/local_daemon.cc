#include "client/cli/local_daemon.h"

#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "client/cli/environment.h"

namespace descent::cli {
namespace {

// As deploy/systemd/descentd.service has it.
constexpr const char* kServiceFolder = "/var/lib/descent";

constexpr off_t kMostBytes = 64 << 10;

// Gives the field's value, or nothing of that type if it isn't there: another version wrote it.
template <class T>
T Field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  const T* value = found->get_ptr<const T*>();
  return value == nullptr ? T() : *value;
}

// Gives what the folder's daemon says of itself, if it runs.
std::optional<LocalDaemon> DaemonOf(const std::string& folder) {
  const std::string path = folder + "/descentd.json";
  struct stat about = {};
  // A FIFO would be waited for, and none that a daemon writes is long.
  if (stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode) || about.st_size > kMostBytes) {
    return std::nullopt;
  }
  std::ifstream file(path);
  const nlohmann::json told = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!told.is_object()) return std::nullopt;
  LocalDaemon found{.client_socket = Field<std::string>(told, "client_socket"),
                    .http = Field<std::string>(told, "http"),
                    .tls = Field<bool>(told, "tls")};
  if (found.client_socket.empty() || stat(found.client_socket.c_str(), &about) != 0 ||
      !S_ISSOCK(about.st_mode)) {
    return std::nullopt;
  }
  return found;
}

}  // namespace

std::optional<LocalDaemon> FindLocalDaemon(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    if (std::optional<LocalDaemon> found = DaemonOf(folder)) return found;
  }
  return std::nullopt;
}

std::string UsualFolder() {
  if (const std::string data = Env("XDG_DATA_HOME"); !data.empty()) return data + "/descent";
  const std::string home = Env("HOME");
  return home.empty() ? "" : home + "/.local/share/descent";
}

std::vector<std::string> DaemonFolders() {
  std::vector<std::string> folders;
  if (std::string own = UsualFolder(); !own.empty()) folders.push_back(std::move(own));
  folders.emplace_back(kServiceFolder);
  return folders;
}

}  // namespace descent::cli
