// What a check of a store found, as people and programs read it. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_MAIN_REPORT_H_
#define DESCENT_SERVER_DAEMON_MAIN_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "server/daemon/journal/check.h"

namespace descent::daemon {

// Gives {whole, jobs: [{job, head_revision, whole, damage?, checkpoints?}], problems}.
nlohmann::json JsonOf(const StoreReport& report);
// Prints it to stdout, indented; what is not UTF-8 is replaced.
void PrintJson(const nlohmann::json& json);

// Prints what is damaged, a line each, and one that counts.
void PrintReport(const std::string& path, const StoreReport& report);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_REPORT_H_
