// An `Interruptible` lets SIGINT end what follows instead of the program, as long as it lives. One
// at a time.
#ifndef DESCENT_CLIENT_CLI_INTERRUPTIBLE_H_
#define DESCENT_CLIENT_CLI_INTERRUPTIBLE_H_

#include "client/cli/io.h"

namespace descent::cli {

class Interruptible {
 public:
  explicit Interruptible(Io& io) : io_(io) { Set(true); }
  ~Interruptible() { Set(false); }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

  bool interrupted() const { return io_.interrupted != nullptr && *io_.interrupted; }

 private:
  void Set(bool value) {
    if (io_.interruptible != nullptr) *io_.interruptible = value;
  }
  Io& io_;
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_INTERRUPTIBLE_H_
