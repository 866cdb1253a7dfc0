#include "server/daemon/requests/request_counts.h"

#include <algorithm>
#include <utility>

#include "proto/rpc_status.h"

namespace descent::daemon {

void RequestCounts::Add(std::string_view method, absl::StatusCode code, int64_t begun_nanos) {
  const double seconds = static_cast<double>(Now() - begun_nanos) / server::kSecond;
  const auto* const bound = std::ranges::lower_bound(kBounds, seconds);
  server::MutexLock lock(mutex_);
  auto it = methods_.find(method);
  if (it == methods_.end()) it = methods_.try_emplace(std::string(method)).first;
  Method& counted = it->second;
  ++counted.codes[absl::StatusCodeToString(code)];
  ++counted.within[static_cast<size_t>(bound - kBounds.begin())];
  counted.seconds += seconds;
}

std::map<std::string, RequestCounts::Method, std::less<>> RequestCounts::methods() const {
  server::MutexLock lock(mutex_);
  return methods_;
}

void CountedRequest::End(const absl::Status& status) const {
  if (counts_ != nullptr) counts_->Add(method_, status.code(), begun_);
  if (audit_ == nullptr || !absl::IsPermissionDenied(status)) return;
  v1::AuditEntry entry;
  entry.set_principal(caller_.principal);
  entry.set_credential(caller_.credential);
  entry.set_method(std::string(method_));
  entry.set_job(job_);
  entry.set_reason(GetErrorDetail(status).reason);
  entry.set_message(std::string(status.message()));
  audit_->AddRefusal(std::move(entry));
}

}  // namespace descent::daemon
