#include "server/daemon/main/report.h"

#include <cstddef>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "proto/rules/names.h"

namespace descent::daemon {

nlohmann::json JsonOf(const StoreReport& report) {
  nlohmann::json jobs = nlohmann::json::array();
  for (const StoreReport::Job& job : report.jobs) {
    nlohmann::json& entry = jobs.emplace_back();
    entry = {{"job", rules::JobName(job.job_id)},
             {"head_revision", job.head_revision},
             {"whole", job.whole()}};
    if (!job.damage.empty()) entry["damage"] = job.damage;
    for (const StoreReport::Job::Checkpoint& checkpoint : job.looked_at) {
      nlohmann::json& file = entry["checkpoints"].emplace_back();
      file = {{"name", checkpoint.name}, {"whole", checkpoint.fault.empty()}};
      if (!checkpoint.fault.empty()) file["fault"] = checkpoint.fault;
    }
  }
  return {{"whole", report.whole()}, {"jobs", std::move(jobs)}, {"problems", report.problems}};
}

void PrintJson(const nlohmann::json& json) {
  std::cout << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

void PrintReport(const std::string& path, const StoreReport& report) {
  for (const std::string& problem : report.problems) std::cout << path << ": " << problem << "\n";
  if (!report.readable) {
    std::cout << "the database itself is damaged; its jobs were not looked at\n";
    return;
  }
  size_t damaged = 0;
  for (const StoreReport::Job& job : report.jobs) {
    const std::string name = rules::JobName(job.job_id);
    if (!job.whole()) ++damaged;
    if (!job.damage.empty()) std::cout << name << ": " << job.damage << "\n";
    for (const std::string& fault : job.checkpoints) std::cout << name << ": " << fault << "\n";
  }
  std::cout << report.jobs.size() << (report.jobs.size() == 1 ? " job, " : " jobs, ");
  if (report.whole()) {
    std::cout << "all whole\n";
  } else {
    std::cout << damaged << " damaged"
              << (report.problems.empty() ? "" : ", and the database itself") << "\n";
  }
}

}  // namespace descent::daemon
