// AuditService's method, over a real journal and a real list of what it doesn't have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proto/rpc_status.h"
#include "server/daemon/audit/audit_log.h"
#include "server/daemon/requests/requests.h"
#include "server/daemon/security/caller.h"
#include "tests/server/daemon/fake_jobs.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ListAuditTest : public ::testing::Test {
 protected:
  ListAuditTest() : audit_(*AuditLog::Open(folder_.File("audit.jsonl"), &clock_)) {
    daemon_.jobs.Add("mnist");
    audit_->Add(Entry(10, "root", "CreateToken", ""));
    AuditLog::Record gone;
    *gone.add_entries() = Entry(20, "ann", "CreateJob", "jobs/gone");
    *gone.add_entries() = Entry(30, "bob", "CommandJob", "jobs/gone");
    *gone.add_entries() = Entry(40, "ann", "DeleteJob", "jobs/gone");
    for (v1::AuditEntry& entry : *gone.mutable_entries()) {
      entry.set_owner("ann");
      entry.set_group("lab");
      entry.set_deleted(true);
    }
    audit_->Add(gone);
  }

  static v1::AuditEntry Entry(uint64_t time, const std::string& principal,
                              const std::string& method, const std::string& job) {
    v1::AuditEntry entry;
    entry.set_time_unix_nanos(time);
    entry.set_principal(principal);
    entry.set_method(method);
    entry.set_job(job);
    return entry;
  }

  // Gives who did what: `ann DeleteJob`, and the jobs' own creations as ` CreateJob`.
  std::vector<std::string> List(const Caller& caller,
                                const v1::ListAuditEntriesRequest& request = {}) {
    const auto listed = requests_.ListAuditEntries(caller, request);
    EXPECT_TRUE(listed.ok()) << listed.status();
    next_ = listed.ok() ? listed->next_page_token() : "";
    std::vector<std::string> all;
    if (!listed.ok()) return all;
    for (const v1::AuditEntry& entry : listed->entries()) {
      all.push_back(entry.principal() + " " + entry.method());
    }
    return all;
  }

  static Caller Operator(const std::string& name, std::vector<std::string> groups = {}) {
    return {.principal = name, .role = Role::kOperator, .groups = std::move(groups)};
  }

  TestFolder folder_;
  TestClock clock_;
  FakeDaemon daemon_;
  const std::unique_ptr<AuditLog> audit_;
  const Requests requests_{daemon_.jobs, nullptr, audit_.get()};
  const Caller admin_{.principal = "root", .role = Role::kAdmin};
  std::string next_;
};

TEST_F(ListAuditTest, HasJournalsAndWhatTheyDoNotHaveTheNewestFirst) {
  EXPECT_THAT(List(admin_), ElementsAre("ann DeleteJob", "bob CommandJob", "ann CreateJob",
                                        "root CreateToken", " CreateJob"));
}

TEST_F(ListAuditTest, IsFilteredByJobPrincipalAndTime) {
  v1::ListAuditEntriesRequest request;
  request.set_job("jobs/gone");
  request.set_principal("ann");
  EXPECT_THAT(List(admin_, request), ElementsAre("ann DeleteJob", "ann CreateJob"));
  request.set_since_unix_nanos(21);
  EXPECT_THAT(List(admin_, request), ElementsAre("ann DeleteJob"));
  request.set_until_unix_nanos(40);
  EXPECT_THAT(List(admin_, request), IsEmpty());
}

TEST_F(ListAuditTest, ComesByPages) {
  v1::ListAuditEntriesRequest request;
  std::vector<std::string> all;
  do {
    request.set_page_size(2);
    request.set_page_token(next_);
    for (const std::string& entry : List(admin_, request)) all.push_back(entry);
  } while (!next_.empty());
  EXPECT_EQ(all, List(admin_));
  request.set_page_token("what");
  EXPECT_EQ(GetErrorDetail(requests_.ListAuditEntries(admin_, request).status()).reason,
            "INVALID_PAGE_TOKEN");
}

TEST_F(ListAuditTest, OperatorsSeeWhatIsTheirs) {
  EXPECT_THAT(List(Operator("ann")),
              ElementsAre("ann DeleteJob", "bob CommandJob", "ann CreateJob"));
  EXPECT_THAT(List(Operator("bob")), ElementsAre("bob CommandJob"));
  EXPECT_THAT(List(Operator("eve", {"lab"})),
              ElementsAre("ann DeleteJob", "bob CommandJob", "ann CreateJob"));
  EXPECT_THAT(List(Operator("eve")), IsEmpty());
  const Caller viewer{.principal = "vic", .role = Role::kViewer};
  EXPECT_TRUE(absl::IsPermissionDenied(requests_.ListAuditEntries(viewer, {}).status()));
  // Who may not is written down.
  EXPECT_THAT(List(Operator("vic")), ElementsAre("vic ListAuditEntries"));
}

TEST_F(ListAuditTest, PassesOverADeletionThatWasNotCarriedOut) {
  v1::Job job;
  job.set_name("jobs/mnist");
  job.set_create_time_unix_nanos(50);
  daemon_.jobs.Set(job);
  AuditLog::Record record;
  *record.add_entries() = Entry(50, "ann", "CreateJob", "jobs/mnist");
  *record.add_entries() = Entry(60, "ann", "DeleteJob", "jobs/mnist");
  for (v1::AuditEntry& entry : *record.mutable_entries()) entry.set_deleted(true);
  audit_->Add(record);
  v1::ListAuditEntriesRequest request;
  request.set_job("jobs/mnist");
  EXPECT_THAT(List(admin_, request), ElementsAre(" CreateJob"));
  // A later job of the name is another one.
  job.set_create_time_unix_nanos(70);
  daemon_.jobs.Set(job);
  EXPECT_THAT(List(admin_, request), ElementsAre("ann DeleteJob", "ann CreateJob", " CreateJob"));
}

}  // namespace
}  // namespace descent::daemon
