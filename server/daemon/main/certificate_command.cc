#include "server/daemon/main/certificate_command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/daemon/main/reach.h"
#include "server/daemon/tls/authority.h"

namespace descent::daemon {
namespace {

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

// Gives the hosts as typed, then those under which this machine knows itself.
std::vector<std::string> WithOwn(std::vector<std::string> hosts) {
  if (std::string own = HostName(); !own.empty()) hosts.push_back(own);
  hosts.insert(hosts.end(), {"localhost", "127.0.0.1", "::1"});
  return hosts;
}

}  // namespace

CertificateCommand::CertificateCommand(CLI::App& app)
    : command_(app.add_subcommand(
          "certificate",
          "Makes a certificate in --data_dir, by an authority of its own that clients are given "
          "once, for a daemon that listens beyond loopback; run again it renews the certificate, "
          "which a daemon that runs takes up by itself")) {
  command_->add_option("--host", hosts_,
                       "A name or an IP address under which clients find the daemon (any number), "
                       "besides this machine's name and loopback; none: as in the certificate that "
                       "is there");
  command_->fallthrough();  // --data_dir after it
}

int CertificateCommand::Run(const std::string& data_dir) const {
  umask(S_IRWXG | S_IRWXO);
  const std::string folder = CertificateFolderOf(data_dir);
  const CertificateFolder files(folder);
  const bool as_before = hosts_.empty() && files.Exists();
  const absl::StatusOr<IssuedCertificate> issued = IssueCertificate(
      folder, as_before ? std::vector<std::string>() : WithOwn(hosts_), absl::Now());
  if (!issued.ok()) {
    std::cerr << "descentd: " << std::string(issued.status().message()) << "\n";
    return 1;
  }
  const std::string host = issued->hosts.front();
  std::cout << "certificate " << files.server.certificate << "\n  for       "
            << absl::StrJoin(issued->hosts, ", ") << "\n  until     "
            << absl::FormatTime("%Y-%m-%d", issued->not_after, absl::UTCTimeZone())
            << "; this command renews it\nauthority   " << files.authority
            << (issued->new_authority ? " (new)" : " (as before: clients that know it go on)")
            << "\n  SHA-256   " << issued->authority_fingerprint
            << "\n\nThe daemon takes it when it listens beyond loopback:\n"
               "  descentd --listen 0.0.0.0:7600 --http 0.0.0.0:7601 --data_root FOLDER\n"
               "Clients on other machines sign in once, with a token (descent token create):\n"
               "  descent login "
            << host << " --fingerprint " << issued->authority_fingerprint
            << "\nor, with a copy of the authority's certificate:\n  descent login " << host
            << " --ca ca.pem\n";
  return 0;
}

}  // namespace descent::daemon
