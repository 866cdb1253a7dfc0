// What `descentd certificate` does.
#ifndef DESCENT_SERVER_DAEMON_MAIN_CERTIFICATE_COMMAND_H_
#define DESCENT_SERVER_DAEMON_MAIN_CERTIFICATE_COMMAND_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace descent::daemon {

// A subcommand of descentd.
class CertificateCommand {
 public:
  // Adds it to the program's, which writes what was typed into this object.
  explicit CertificateCommand(CLI::App& app);
  CertificateCommand(const CertificateCommand&) = delete;
  CertificateCommand& operator=(const CertificateCommand&) = delete;

  bool parsed() const { return command_->parsed(); }
  // Makes or renews the certificate in the daemon's folder, and prints what clients are to be
  // given. Gives the program's exit status: 0, or 1 if it could not.
  int Run(const std::string& data_dir) const;

 private:
  CLI::App* command_;
  std::vector<std::string> hosts_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_CERTIFICATE_COMMAND_H_
