#include "client/cli/sign_in_page.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/cpp/identity.h"
#include "core/files/private_file.h"

namespace descent::cli {
namespace {

constexpr char kPrefix[] = "descent-open-";
constexpr char kSuffix[] = ".html";
constexpr absl::Duration kCodeTime = absl::Minutes(1);

void RemoveOldPages(const std::string& folder, absl::Time now) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    struct stat about = {};
    if (lstat(entry.path().c_str(), &about) != 0 || !S_ISREG(about.st_mode) ||
        about.st_uid != geteuid() || now - absl::TimeFromTimespec(about.st_mtim) <= kCodeTime) {
      continue;
    }
    unlink(entry.path().c_str());
  }
}

}  // namespace

std::string WriteSignInPage(const std::string& folder, const std::string& url, absl::Time now) {
  RemoveOldPages(folder, now);
  std::string path = absl::StrCat(folder, "/", kPrefix, client::DrawRequestId(), kSuffix);
  NewPrivateFile file(path);
  if (!file.made().ok()) return "";
  const absl::Status written = file.Write(absl::StrCat(
      "<!doctype html><title>Descent</title><meta http-equiv=\"refresh\" content=\"0; url=", url,
      "\">\n"));
  return written.ok() ? path : "";
}

}  // namespace descent::cli
