#include "server/daemon/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/clock.h"
#include "server/common/tally.h"
#include "server/daemon/requests/request_counts.h"
#include "server/daemon/security/access.h"
#include "tests/server/daemon/fake_jobs.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kNow = 1'700'000'100 * server::kSecond;
constexpr int64_t kMinute = 60 * server::kSecond;

v1::Job MakeJob(const std::string& id, v1::JobState state = v1::RUNNING) {
  v1::Job job;
  job.set_name("jobs/" + id);
  job.set_display_name("A \"quoted\" name\\\n");
  job.set_state(state);
  job.set_attempt(2);
  v1::Iteration& last = *job.mutable_last_iteration();
  last.set_index(100);
  last.set_value(0.25);
  last.set_gradient_norm(1.5);
  last.set_step_size(0.01);
  last.set_samples(6400);
  last.set_epoch(1.5);
  for (const char* name : {"generator.value", "discriminator.value", "optimizer.adam.step_size"}) {
    job.add_series(name);
    last.add_scalars(job.series_size());
  }
  job.set_create_time_unix_nanos(1'700'000'000'500'000'000u);
  if (state >= v1::SUCCEEDED) job.set_end_time_unix_nanos(static_cast<uint64_t>(kNow));
  v1::DialState& dial = *job.add_dials();
  dial.set_path("optimizer.adam.step_size");
  dial.set_value(0.01);
  job.mutable_last_evaluation()->set_dataset("test");
  job.mutable_last_evaluation()->set_iteration(90);
  v1::Metric& metric = *job.mutable_last_evaluation()->add_metrics();
  metric.set_name("accuracy");
  metric.set_value(0.9);
  v1::Metric& matrix = *job.mutable_last_evaluation()->add_metrics();
  matrix.set_name("confusion_matrix");
  matrix.add_values(3);
  return job;
}

class MetricsTest : public ::testing::Test {
 protected:
  std::string Scrape() const { return metrics_->Scrape(); }

  // Whether the process `command` accepts `text` on its standard input.
  std::string Check(const std::string& command, const std::string& text) {
    const std::string input = daemon_.folder.File("metrics.txt");
    std::ofstream(input) << text;
    std::FILE* pipe = popen((command + " < " + input + " 2>&1").c_str(), "r");
    std::string output;
    char buffer[4096];
    while (const size_t n = std::fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, n);
    const int status = pclose(pipe);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? output : "FAILED " + output;
  }

  // How many series `text` has of a family.
  static size_t Count(const std::string& text, const std::string& family) {
    size_t count = 0;
    for (size_t at = 0; (at = text.find("\n" + family + "{", at)) != std::string::npos; ++at)
      ++count;
    return count;
  }

  MetricsTest() { clock_.Advance(kNow - clock_.WallNanos()); }

  FakeDaemon daemon_;
  TestClock clock_;
  std::unique_ptr<Metrics> metrics_ = Metrics::Create(
      daemon_.jobs, *daemon_.journal,
      {.version = "0.1.0",
       .transports =
           [] {
             return std::map<std::string, Metrics::Transport>{
                 {"grpc", {.connections = 5, .most_connections = 9, .watchers = 3, .lag = 17}},
                 {"http", {.connections = 4, .refused = 6, .watchers = 2}}};
           },
       .clock = &clock_});
};

TEST_F(MetricsTest, ShowsARunningJob) {
  daemon_.jobs.Set(MakeJob("mnist"));
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("descent_job_value{job_name=\"mnist\"} 0.25\n"));
  EXPECT_THAT(text, Not(HasSubstr("confusion_matrix")));
  EXPECT_THAT(text, HasSubstr("descent_job_gradient_norm{job_name=\"mnist\"} 1.5\n"));
  EXPECT_THAT(text, HasSubstr("descent_job_step_size{job_name=\"mnist\"} 0.01\n"));
  EXPECT_THAT(text, HasSubstr("descent_job_iterations_total{job_name=\"mnist\"} 100\n"));
  EXPECT_THAT(text, HasSubstr("descent_job_examples_total{job_name=\"mnist\"} 6400\n"));
  EXPECT_THAT(text, HasSubstr("state=\"running\""));
  EXPECT_THAT(text, HasSubstr("descent_job_state{job_name=\"mnist\",state=\"running\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("descent_job_state{job_name=\"mnist\",state=\"failed\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("descent_job_evaluation{job_name=\"mnist\",dataset=\"test\","
                              "metric=\"accuracy\"} 0.9\n"));
  EXPECT_THAT(text, HasSubstr("descent_job_evaluation_iteration{job_name=\"mnist\","
                              "dataset=\"test\"} 90\n"));
  EXPECT_THAT(text, HasSubstr("descent_job_create_timestamp_seconds{job_name=\"mnist\"} "
                              "1700000000.5\n"));
  // Of a system, or of a sum of losses; a dial is shown as one.
  EXPECT_THAT(text, HasSubstr("descent_job_series{job_name=\"mnist\",series=\"generator.value\"} "
                              "1\n"));
  EXPECT_EQ(Count(text, "descent_job_series"), 2U);
  // `job` is what a scraper calls what it scrapes.
  EXPECT_THAT(text, Not(HasSubstr("{job=")));
  EXPECT_THAT(text, Not(HasSubstr(",job=")));
}

TEST_F(MetricsTest, SaysWhyAJobHasFailed) {
  v1::Job failed = MakeJob("mnist", v1::FAILED);
  failed.set_error_reason("DIVERGED");
  daemon_.jobs.Set(failed);
  daemon_.jobs.Set(MakeJob("going"));
  daemon_.jobs.Set(MakeJob("mute", v1::FAILED));
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("descent_job_status_reason{job_name=\"mute\",reason=\"UNKNOWN\"} "
                              "1\n"));
  EXPECT_THAT(text, HasSubstr("descent_job_status_reason{job_name=\"mnist\",reason=\"DIVERGED\"} "
                              "1\n"));
  EXPECT_EQ(Count(text, "descent_job_status_reason"), 2U);
  EXPECT_EQ(Check("/usr/bin/promtool check metrics", text), "");
}

// It stays so that an alert can name it: a scraper that comes once a minute sees it for sure.
TEST_F(MetricsTest, SaysWhichRunsWait) {
  daemon_.jobs.Set(MakeJob("moves"));
  v1::Job waits = MakeJob("waits");
  waits.set_stalled("The last checkpoint can't be saved.");
  daemon_.jobs.Set(waits);
  daemon_.jobs.Set(MakeJob("over", v1::SUCCEEDED));
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("descent_job_stalled{job_name=\"moves\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("descent_job_stalled{job_name=\"waits\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("descent_job_stalled{job_name=\"over\"}")));
}

TEST_F(MetricsTest, OfALostJobNothingIsMadeUp) {
  v1::Job lost;
  lost.set_name("jobs/lost-1");
  daemon_.jobs.Set(lost);
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("job_name=\"lost-1\",display_name=\"\",state=\"unknown\""));
  EXPECT_THAT(text, HasSubstr("descent_jobs{state=\"unknown\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("unspecified")));
  EXPECT_THAT(text, Not(HasSubstr("descent_job_create_timestamp_seconds{job_name=\"lost-1\"}")));
}

TEST_F(MetricsTest, AFinishedJobStaysForAQuarterOfAnHour) {
  for (const v1::JobState state : {v1::SUCCEEDED, v1::STOPPED, v1::FAILED}) {
    v1::Job job = MakeJob("mnist", state);
    job.set_end_time_unix_nanos(static_cast<uint64_t>(clock_.WallNanos()));
    daemon_.jobs.Set(job);
    const std::string label = absl::AsciiStrToLower(v1::JobState_Name(state));
    for (const int64_t minutes : {0, 1, 13}) {
      clock_.Advance(minutes * kMinute);
      const std::string text = Scrape();
      EXPECT_THAT(text,
                  HasSubstr("descent_job_state{job_name=\"mnist\",state=\"" + label + "\"} 1\n"));
      EXPECT_THAT(text, HasSubstr("descent_job_value{job_name=\"mnist\"} 0.25\n"));
      EXPECT_THAT(text, HasSubstr("descent_job_end_timestamp_seconds{job_name=\"mnist\"} "));
    }
    clock_.Advance(kMinute);
    EXPECT_THAT(Scrape(), Not(HasSubstr("mnist")));
    EXPECT_THAT(Scrape(), HasSubstr("descent_jobs{state=\"" + label + "\"} 1\n"));
  }
}

TEST_F(MetricsTest, ThereAreNeverTooManySeries) {
  for (int i = 0; i < 1100; ++i) {
    v1::Job ended = MakeJob(absl::StrCat("ended-", i), v1::FAILED);
    ended.set_end_time_unix_nanos(static_cast<uint64_t>(kNow - kMinute + i));
    daemon_.jobs.Set(ended);
    daemon_.jobs.Set(MakeJob(absl::StrCat("waiting-", i), v1::QUEUED));
  }
  v1::Job wide = MakeJob("wide");
  for (int i = 0; i < 1000; ++i) {
    wide.add_dials()->set_path(absl::StrCat("groups[", i, "].step_size"));
    wide.add_series(absl::StrCat("series ", i));
    wide.mutable_last_iteration()->add_scalars(1);
    wide.mutable_last_evaluation()->add_metrics()->set_name(absl::StrCat("metric ", i));
  }
  daemon_.jobs.Set(wide);
  const std::string text = Scrape();
  EXPECT_EQ(Count(text, "descent_job_info"), 1100U);
  for (const char* name : {"wide", "ended-1099", "ended-1000"}) {  // the last hundred to end
    EXPECT_THAT(text, HasSubstr(absl::StrCat("descent_job_value{job_name=\"", name, "\"}")));
  }
  EXPECT_THAT(text, Not(HasSubstr("\"ended-999\"")));
  EXPECT_THAT(text, HasSubstr("descent_jobs{state=\"failed\"} 1100\n"));
  EXPECT_THAT(text, HasSubstr("descent_unshown_jobs 1101\n"));  // 101 that wait, 1,000 that ended
  EXPECT_THAT(text, HasSubstr("groups[98].step_size"));
  EXPECT_THAT(text, Not(HasSubstr("groups[99].step_size")));
  EXPECT_THAT(text, Not(HasSubstr("series 100")));
  EXPECT_THAT(text, Not(HasSubstr("metric 100")));
}

TEST_F(MetricsTest, TenThousandJobsHaveABoundedPage) {
  for (int i = 0; i < 10'000; ++i) {
    v1::Job job = MakeJob(absl::StrCat("job-", i));
    for (int k = 0; k < 50; ++k) {
      job.add_series(absl::StrCat("series ", k));
      job.mutable_last_iteration()->add_scalars(k);
    }
    daemon_.jobs.Set(job);
  }
  const std::string text = Scrape();
  EXPECT_EQ(Count(text, "descent_job_info"), 1000U);
  EXPECT_LE(Count(text, "descent_job_series"), 20'000U);
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 50'000);
  EXPECT_THAT(text, HasSubstr("descent_unshown_jobs 9000\n"));
  // Of each 56 are named: 53 series, a dial, two metrics.
  EXPECT_THAT(text, HasSubstr("descent_unshown_series 36000\n"));
}

// Two series of one name would make the whole page unreadable to a scraper.
TEST_F(MetricsTest, NothingIsGivenTwice) {
  v1::Job job = MakeJob("mnist");
  job.add_series("generator.value");
  job.mutable_last_iteration()->add_scalars(5);
  *job.mutable_last_evaluation()->add_metrics() = job.last_evaluation().metrics(0);
  *job.add_dials() = job.dials(0);
  daemon_.jobs.Set(job);
  EXPECT_EQ(Check("/usr/bin/promtool check metrics", Scrape()), "");
  std::set<std::string> seen;
  std::istringstream lines(Scrape());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) continue;
    EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
}

TEST_F(MetricsTest, ShowsWhatWorkersTake) {
  const std::string stat = [] {
    std::ifstream file("/proc/self/stat");
    std::string line;
    std::getline(file, line);
    return line.substr(line.rfind(')') + 2);
  }();
  const std::vector<std::string> fields = absl::StrSplit(stat, ' ');
  const int64_t start = std::stoll(fields[19]);
  daemon_.jobs.counts.processes = {
      {.id = "w1", .pid = getpid(), .start_ticks = start, .job = "mnist"},
      {.id = "w2", .pid = getpid(), .start_ticks = start, .job = ""},
      {.id = "other", .pid = getpid(), .start_ticks = start + 1, .job = "x"},  // had its number
      {.id = "gone", .pid = 1 << 30, .start_ticks = 1, .job = "x"}};
  daemon_.jobs.counts.iterations = 1234;
  const std::string text = Scrape();
  EXPECT_THAT(text,
              HasSubstr("descent_worker_cpu_seconds_total{worker=\"w1\",job_name=\"mnist\"} "));
  EXPECT_THAT(text,
              HasSubstr("descent_worker_resident_memory_bytes{worker=\"w1\",job_name=\"mnist\"} "));
  EXPECT_THAT(text, HasSubstr("descent_worker_threads{worker=\"w2\",job_name=\"\"} "));
  EXPECT_THAT(text, Not(HasSubstr("\"other\"")));
  EXPECT_THAT(text, Not(HasSubstr("\"gone\"")));
  EXPECT_THAT(text, HasSubstr("descent_iterations_total 1234\n"));
}

TEST_F(MetricsTest, ShowsTheDaemon) {
  daemon_.jobs.Add("a");
  const std::string text = Scrape();
  EXPECT_THAT(text, HasSubstr("descent_build_info{version=\"0.1.0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("descent_journal_up 1\n"));
  EXPECT_THAT(text, HasSubstr("descent_journal_waits_for_room 0\n"));
  EXPECT_THAT(text, HasSubstr("descent_journal_events_total 1\n"));
  EXPECT_THAT(text, HasSubstr("descent_journal_commit_seconds_bucket{le=\"+Inf\"}"));
  EXPECT_THAT(text, HasSubstr("descent_watchers{transport=\"grpc\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("descent_watchers{transport=\"http\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("descent_watcher_lag_events{transport=\"grpc\"} 17\n"));
  EXPECT_THAT(text, HasSubstr("descent_connections{transport=\"http\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("descent_connections_limit{transport=\"grpc\"} 9\n"));
  EXPECT_THAT(text, HasSubstr("descent_connections_refused_total{transport=\"http\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes "));
  EXPECT_THAT(text, HasSubstr("process_open_fds "));
  EXPECT_THAT(text, HasSubstr("process_start_time_seconds "));
}

TEST_F(MetricsTest, ShowsRequestsAndWhatCameOfThem) {
  RequestCounts requests(&clock_);
  const CountedRequest slow(&requests, "CreateJob");
  clock_.Advance(5 * server::kSecond);
  slow.End(absl::OkStatus());
  CountedRequest(&requests, "CreateJob").End(absl::NotFoundError("no"));
  server::Tally<3> answered;
  answered.Add({"GET", "/v1/jobs/{job}", "404"});
  daemon_.jobs.counts.losses = {{"killed", 2}, {"silent", 0}};
  daemon_.jobs.counts.commands_applied = 3;
  daemon_.jobs.counts.commands_rejected = 1;
  const auto metrics = Metrics::Create(
      daemon_.jobs, *daemon_.journal,
      {.transports =
           [&] {
             return std::map<std::string, Metrics::Transport>{
                 {"grpc", {.requests = requests.methods()}}};
           },
       .readiness =
           [] { return MakeError(absl::StatusCode::kUnavailable, "full", reason::kDiskFull); },
       .certificate_end = [] { return 1.5e9; },
       .http_answered = &answered,
       .clock = &clock_});
  const std::string text = metrics->Scrape();
  for (const char* line :
       {"descent_requests_total{transport=\"grpc\",method=\"CreateJob\",code=\"OK\"} 1\n",
        "descent_requests_total{transport=\"grpc\",method=\"CreateJob\",code=\"NOT_FOUND\"} 1\n",
        "descent_request_duration_seconds_count{transport=\"grpc\",method=\"CreateJob\"} 2\n",
        "descent_request_duration_seconds_sum{transport=\"grpc\",method=\"CreateJob\"} 5\n",
        "method=\"CreateJob\",le=\"0.001\"} 1\n", "method=\"CreateJob\",le=\"10\"} 2\n",
        "descent_http_requests_total{verb=\"GET\",path=\"/v1/jobs/{job}\",status=\"404\"} 1\n",
        "descent_worker_losses_total{reason=\"killed\"} 2\n",
        "descent_worker_losses_total{reason=\"silent\"} 0\n", "descent_commands_applied_total 3\n",
        "descent_commands_rejected_total 1\n", "descent_ready 0\n",
        "descent_ready_status_reason{reason=\"DISK_FULL\"} 1\n",
        "descent_tls_certificate_expiration_timestamp_seconds 1500000000\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_EQ(Check("/usr/bin/promtool check metrics", text), "");
}

TEST_F(MetricsTest, ShowsWhoWasTurnedAway) {
  const auto access = *Access::Open(daemon_.folder.File("."), &clock_);
  EXPECT_FALSE(access->Identify({}).ok());
  EXPECT_FALSE(access->Identify({.authorization = "Basic x"}).ok());
  v1::CreateTokenRequest request;
  request.set_role(v1::METRICS);
  request.set_ttl_seconds(60);
  ASSERT_TRUE(access->CreateToken(Caller(), request).ok());
  const auto metrics =
      Metrics::Create(daemon_.jobs, *daemon_.journal, {.access = access.get(), .clock = &clock_});
  const std::string text = metrics->Scrape();
  for (const char* line :
       {"{reason=\"no_token\"} 1\n", "{reason=\"malformed\"} 1\n", "{reason=\"unknown\"} 0\n",
        "{reason=\"expired\"} 0\n", "{reason=\"revoked\"} 0\n", "{reason=\"bad_code\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("descent_callers_refused_total", line)));
  }
  EXPECT_THAT(text, HasSubstr("descent_token_expiration_timestamp_seconds 1700000160\n"));
}

// What a folder takes is added up beside the scrape.
TEST_F(MetricsTest, ShowsTheFolder) {
  const std::string folder = daemon_.folder.File("");
  std::filesystem::create_directories(folder + "/jobs/a/checkpoints");
  std::ofstream(folder + "/jobs/a/checkpoints/x") << std::string(100'000, 'x') << std::flush;
  const auto metrics =
      Metrics::Create(daemon_.jobs, *daemon_.journal, {.data_dir = folder, .clock = &clock_});
  std::string text = metrics->Scrape();
  EXPECT_THAT(text, HasSubstr("descent_data_free_bytes "));
  EXPECT_THAT(text, HasSubstr("descent_data_capacity_bytes "));
  EXPECT_THAT(text, Not(HasSubstr("descent_last_backup_timestamp_seconds")));
  std::ofstream(folder + "/last_backup") << "elsewhere\n";
  for (int i = 0; i < 1000 && Count(text, "descent_data_used_bytes") == 0; ++i) {
    usleep(10'000);
    text = metrics->Scrape();
  }
  for (const char* part : {"journal", "jobs", "datasets", "orphans", "other"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("descent_data_used_bytes{part=\"", part, "\"} ")));
  }
  EXPECT_THAT(text, Not(HasSubstr("descent_data_used_bytes{part=\"jobs\"} 0\n")));
  EXPECT_THAT(text, HasSubstr("descent_data_used_bytes{part=\"orphans\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("descent_last_backup_timestamp_seconds "));
  EXPECT_EQ(Check("/usr/bin/promtool check metrics", text), "");
}

TEST_F(MetricsTest, PleasesPromtool) {
  daemon_.jobs.Add("a");
  daemon_.jobs.Set(MakeJob("mnist"));
  EXPECT_EQ(Check("/usr/bin/promtool check metrics", Scrape()), "");
}

TEST_F(MetricsTest, AThousandJobsTakeMilliseconds) {
  for (int i = 0; i < 1000; ++i) daemon_.jobs.Set(MakeJob(absl::StrCat("job-", i)));
  Scrape();
  auto best = std::chrono::nanoseconds::max();
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const std::string text = Scrape();
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - start);
    EXPECT_GT(text.size(), 100'000u);
  }
  RecordProperty("microseconds", std::to_string(best.count() / 1000));
  std::printf("scrape of 1,000 jobs: %.1f ms\n", static_cast<double>(best.count()) / 1e6);
  EXPECT_LT(best, std::chrono::milliseconds(200));  // 20 are wanted; leaves room for a busy machine
}

}  // namespace
}  // namespace descent::daemon
