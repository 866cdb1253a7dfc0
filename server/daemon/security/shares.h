// `Shares` are so many places of one kind (watches, jobs), of which one principal has three
// quarters at most: however much somebody takes, something is left for others. Thread-safe; what
// was taken may outlive it.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_SHARES_H_
#define DESCENT_SERVER_DAEMON_SECURITY_SHARES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace descent::daemon {

// Places that somebody has, and gives back with this object.
class Share {
 public:
  Share() = default;  // none
  Share(Share&&) = default;
  Share& operator=(Share&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(principal_, other.principal_);
    std::swap(amount_, other.amount_);
    return *this;
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  ~Share();

 private:
  friend class Shares;
  struct State;
  Share(std::shared_ptr<State> state, std::string principal, int64_t amount)
      : state_(std::move(state)), principal_(std::move(principal)), amount_(amount) {}

  std::shared_ptr<State> state_;  // null: none
  std::string principal_;
  int64_t amount_ = 0;
};

class Shares {
 public:
  // What the places are of, for the sentences in which a refusal says it. All live as long as the
  // program.
  struct Kind {
    const char* name;    // "watches"
    const char* flag;    // that sets how many there are; empty: none does
    const char* advice;  // what the one who is refused can do: "end some"
    const char* reason;  // of the refusal, one of reason::
  };

  Shares(Kind kind, int64_t most);

  // Takes so many places for `principal`. RESOURCE_EXHAUSTED, with the kind's reason, says whose
  // limit was met, and by which flag it is set.
  absl::StatusOr<Share> Take(const std::string& principal, int64_t amount = 1);
  // Takes one whatever the limit is: for what there is already.
  Share TakeAnyway(const std::string& principal);

 private:
  const Kind kind_;
  const int64_t most_;
  const std::shared_ptr<Share::State> state_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_SHARES_H_
