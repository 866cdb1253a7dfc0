// What `descentd backup` and `descentd restore` do. One call at a time.
#ifndef DESCENT_SERVER_DAEMON_MAIN_BACKUP_COMMANDS_H_
#define DESCENT_SERVER_DAEMON_MAIN_BACKUP_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <string>

namespace descent::daemon {

// The two subcommands of descentd.
class BackupCommands {
 public:
  // Adds them to the program's, which writes what was typed into this object.
  explicit BackupCommands(CLI::App& app);
  BackupCommands(const BackupCommands&) = delete;
  BackupCommands& operator=(const BackupCommands&) = delete;

  // True if one of them was typed.
  bool parsed() const { return backup_->parsed() || restore_->parsed(); }
  // Does what was typed, with the daemon's folder, and prints what came of it. Gives the program's
  // exit status: 0 if all is whole, 1 if it was done but something in the store is damaged, 2 if it
  // could not be done.
  int Run(const std::string& data_dir) const;

 private:
  int Backup(const std::string& data_dir) const;
  int Restore(const std::string& data_dir) const;

  CLI::App* backup_;
  CLI::App* restore_;
  std::string folder_;
  bool secrets_ = false;
  bool no_links_ = false;
  bool json_ = false;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_BACKUP_COMMANDS_H_
