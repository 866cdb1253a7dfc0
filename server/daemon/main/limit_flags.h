// How much people may ask of this daemon, where its operator has a say. The table of all limits is
// in server/README.md. A value; for the start.
#ifndef DESCENT_SERVER_DAEMON_MAIN_LIMIT_FLAGS_H_
#define DESCENT_SERVER_DAEMON_MAIN_LIMIT_FLAGS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace descent::daemon {

struct LimitFlags {
  int64_t max_watches = 4096;
  int64_t max_jobs = 100'000;
  int64_t max_unfinished_jobs = 1000;
  int64_t max_parameters = 0;  // 0: as many as memory takes
  int64_t min_free_disk = -1;  // in bytes; −1: what MinFreeDisk chooses

  void AddTo(CLI::App& app);

  // Gives the most parameters that a model may have.
  int64_t MaxParameters() const;
  // Gives what is to stay free of the disk of `data_dir`, in bytes: what was typed, else a
  // twentieth of that disk, and 256 MiB at most.
  int64_t MinFreeDisk(const std::string& data_dir) const;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_LIMIT_FLAGS_H_
