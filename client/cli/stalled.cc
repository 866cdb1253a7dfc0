#include "client/cli/stalled.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/format.h"

namespace descent::cli {
namespace {

// Most answers take less.
constexpr absl::Duration kPatience = absl::Seconds(1);
// Who has his answer need not wait for this one.
constexpr absl::Duration kCallTimeout = absl::Seconds(2);

}  // namespace

std::string StalledNews::Next(const std::string& stalled) {
  if (stalled_ != stalled.empty()) return "";
  stalled_ = !stalled.empty();
  return stalled_ ? absl::StrCat("nothing moves at present: ", Visible(stalled)) : "it goes on";
}

StalledWatch::StalledWatch(const Context& context, std::string job) {
  thread_ = std::thread([this, &context, job = std::move(job)] {
    const client::Client client = context.Connect(kCallTimeout);
    StalledNews news;
    while (true) {
      context.io.clock->Sleep(kPatience, &answered_);
      if (answered_.HasBeenNotified()) return;
      const absl::StatusOr<v1::Job> found = client.GetJob(job);
      if (!found.ok()) continue;
      if (const std::string line = news.Next(found->stalled()); !line.empty()) context.Say(line);
    }
  });
}

StalledWatch::~StalledWatch() {
  answered_.Notify();
  thread_.join();
}

}  // namespace descent::cli
