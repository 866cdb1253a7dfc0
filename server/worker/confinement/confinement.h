// What a worker gives up, so that the kernel holds it to that, whatever its code does from then on.
// Free functions; README.md says what is given up and why.
#ifndef DESCENT_SERVER_WORKER_CONFINEMENT_CONFINEMENT_H_
#define DESCENT_SERVER_WORKER_CONFINEMENT_CONFINEMENT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace descent::worker {

// Has nothing that this process executes get more privileges than it has (PR_SET_NO_NEW_PRIVS);
// that can't be taken back. Call it before the first thread is made: threads inherit it. False if
// the kernel refuses.
bool GiveUpPrivileges();

// True if the kernel can do what ConfineFiles asks: Landlock is in it, and switched on. Any thread.
bool CanConfineFiles();

// The files that a process has to do with, besides the system's own.
struct FileAccess {
  // Folders of which everything may be read; without any, everything may be.
  std::vector<std::string> readable = {};
  // Folders of which everything may be read besides.
  std::vector<std::string> shared = {};
  // A folder in which files may be read, made, written and removed, wherever it lies.
  std::string writable;
};

// Has the kernel refuse all threads of this process, for good, what is beyond `access` and what
// LibTorch and the C library need of the system: libraries, /proc, /sys, devices. Nothing may be
// executed. What is open stays open. Links count for where they lead. Called again, it can only
// take away more.
//
// FAILED_PRECONDITION if the kernel can't; UNAVAILABLE if a thread did not take it within seconds:
// then some threads are confined and others are not. One thread at a time; GiveUpPrivileges comes
// first.
absl::Status ConfineFiles(const FileAccess& access);

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_CONFINEMENT_CONFINEMENT_H_
