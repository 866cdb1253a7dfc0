#include "client/cli/stalled.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/format.h"
#include "client/cpp/client.h"

namespace descent::cli {
namespace {

// Most answers take less than this.
constexpr absl::Duration kPatience = absl::Seconds(1);
// Whoever has his answer need not wait for this one longer than this.
constexpr absl::Duration kCallTimeout = absl::Seconds(2);

}  // namespace

std::string StalledNews::Next(const std::string& stalled) {
  if (stalled_ != stalled.empty()) return "";
  stalled_ = !stalled.empty();
  return stalled_ ? absl::StrCat("nothing moves at present: ", Visible(stalled)) : "it goes on";
}

void Notices::Add(const std::string& text) {
  std::string kind = text;
  kind.erase(std::remove_if(kind.begin(), kind.end(), absl::ascii_isdigit), kind.end());
  if (kind == kind_) {
    ++more_;
    last_ = text;
    return;
  }
  SayMore();
  kind_ = std::move(kind);
  context_.Say(text);
}

void Notices::SayMore() {
  if (more_ == 1) context_.Say(last_);
  if (more_ > 1) context_.Say(absl::StrCat("and ", more_, " more like this; the last: ", last_));
  more_ = 0;
}

CommandWait::CommandWait(const Context& context, const v1::CommandJobRequest& request) {
  thread_ = std::thread(
      [this, &context, job = request.name(), id = request.request_id()] { Run(context, job, id); });
}

CommandWait::~CommandWait() {
  answered_.Notify();
  {
    const absl::MutexLock lock(&mutex_);
    if (watch_ != nullptr) watch_->Cancel();
  }
  thread_.join();
}

void CommandWait::Run(const Context& context, const std::string& job,
                      const std::string& request_id) {
  context.io.clock->Sleep(kPatience, &answered_);
  if (answered_.HasBeenNotified()) return;
  const client::Client client = context.Connect(kCallTimeout);
  StalledNews news;
  const auto tell = [&](const std::string& stalled) {
    if (const std::string line = news.Next(stalled); !line.empty()) context.Say(line);
  };
  const absl::StatusOr<v1::Job> found = client.GetJob(job);
  if (!found.ok()) return;  // the command's own answer says more
  tell(found->stalled());
  const auto watch =
      client.Watch({.name = job, .after_revision = 0, .kinds = {v1::COMMAND_ACCEPTED, v1::NOTICE}});
  {
    const absl::MutexLock lock(&mutex_);
    if (answered_.HasBeenNotified()) return;
    watch_ = watch.get();
  }
  v1::WatchJobResponse batch;
  bool accepted = false;
  Notices notices(context);
  for (absl::StatusOr<bool> more = watch->Next(&batch); more.ok() && *more;
       more = watch->Next(&batch)) {
    tell(batch.stalled());
    for (const v1::Event& event : batch.events()) {
      accepted = accepted || event.command_accepted().request_id() == request_id;
      // What the run waits for is told above.
      if (accepted && event.has_notice() && !event.notice().waits()) {
        notices.Add(Visible(event.notice().message()));
      }
    }
  }
  const absl::MutexLock lock(&mutex_);
  watch_ = nullptr;
}

}  // namespace descent::cli
