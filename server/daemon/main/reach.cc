#include "server/daemon/main/reach.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/daemon/tls/authority.h"

namespace descent::daemon {
namespace {

// Gives a name as it is compared with a Host header's, whose port counts for nothing.
absl::StatusOr<std::string> HttpHost(const std::string& given) {
  std::string host = absl::AsciiStrToLower(given);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty() || host.find('/') != std::string::npos ||
      std::count(host.begin(), host.end(), ':') == 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--http_host ", given, " is no name: the host's alone, such as gpu.example.org"));
  }
  return host;
}

}  // namespace

std::string CertificateFolderOf(const std::string& data_dir) {
  return absl::StrCat(data_dir, "/tls");
}

absl::StatusOr<Reach> ChooseReach(const ReachFlags& flags, const std::string& data_dir,
                                  const std::vector<std::string>& data_roots,
                                  const server::Clock* clock) {
  absl::StatusOr<ListenAddress> listen = ParseListenAddress(flags.listen, "--listen");
  if (!listen.ok()) return listen.status();
  absl::StatusOr<ListenAddress> http = ParseListenAddress(flags.http, "--http");
  if (!http.ok()) return http.status();
  Reach reach{.listen = *std::move(listen), .http = *std::move(http)};

  if (flags.tls.certificate.empty() != flags.tls.key.empty()) {
    return absl::InvalidArgumentError("--tls_certificate and --tls_key belong together.");
  }
  const bool far = !reach.listen.IsLoopback() || !reach.http.IsLoopback();
  const CertificateFolder own(CertificateFolderOf(data_dir));
  TlsFiles files = flags.tls;
  if (files.certificate.empty() && far && own.Exists()) files = own.server;
  if (!files.certificate.empty()) {
    absl::StatusOr<std::shared_ptr<ServerCertificate>> loaded =
        ServerCertificate::Load(std::move(files), clock);
    if (!loaded.ok()) return loaded.status();
    reach.certificate = *std::move(loaded);
  }
  for (const auto& [address, flag] :
       {std::pair(&reach.listen, "--listen"), std::pair(&reach.http, "--http")}) {
    if (absl::Status status = CheckReach(*address, reach.certificate != nullptr, flag);
        !status.ok()) {
      return status;
    }
    if (address->IsLoopback() || !data_roots.empty()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " ", address->ToString(),
                     " can be reached from other machines, so it must be said which folders their "
                     "jobs may read: --data_root FOLDER, any number of them."));
  }
  for (const std::string& given : flags.http_hosts) {
    absl::StatusOr<std::string> host = HttpHost(given);
    if (!host.ok()) return host.status();
    reach.http_hosts.push_back(*std::move(host));
  }
  return reach;
}

}  // namespace descent::daemon
