// What the service around a training costs, and how soon people see and steer it:
//
//   bazel build -c opt //tests/benchmarks:service_benchmark //server/daemon/main:descentd \
//       //server/worker/main:descent-worker
//   .bazel-bin/tests/benchmarks/service_benchmark \
//       [--daemon .bazel-bin/server/daemon/main/descentd] [--rounds 10] [--slice 0.5]
//
// Both sides of every ratio run in turn, slice by slice, in one run: machines drift. While one
// side runs the other is paused. README.md says what the figures mean, and has some.
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/benchmarks/bare_loop.h"
#include "tests/benchmarks/cpu.h"
#include "tests/benchmarks/service.h"
#include "tests/benchmarks/watcher.h"
#include "tests/benchmarks/workloads.h"

namespace descent::benchmarks {
namespace {

struct Flags {
  std::string daemon = ".bazel-bin/server/daemon/main/descentd";
  std::string folder = "/tmp";
  int rounds = 10;
  double slice = 0.5;
  std::string only;
  int watchers = 0;
};

double Percentile(std::vector<double> values, double p) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(p * static_cast<double>(values.size() - 1))];
}

double Median(const std::vector<double>& values) { return Percentile(values, 0.5); }

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

int64_t WallNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// How many people watch, in one condition.
struct Audience {
  std::string name;
  int watchers = 0;
  int never_reading = 0;
};

// What one slice under the service took for each iteration, of computing time and of processor
// time.
struct ServiceSlice {
  double rate = 0;  // iterations a second
  double trainer = 0, worker_others = 0, daemon = 0;
};

ServiceSlice RunSlice(const Service& service, Job& job, const Audience& audience, double seconds) {
  const v1::Job before = job.Get();
  std::vector<std::unique_ptr<Watcher>> watchers;
  std::atomic<int64_t> seen{0};
  for (int i = 0; i < audience.watchers + audience.never_reading; ++i) {
    const Watcher::Options options{.after_revision = before.head_revision(),
                                   .never_reads = i >= audience.watchers};
    watchers.push_back(
        std::make_unique<Watcher>(service, job.name(), options,
                                  [&](const v1::WatchJobResponse& r) { seen += r.events_size(); }));
  }
  const CpuTime worker = CpuTimeOf(job.worker()), daemon = CpuTimeOf(service.pid());
  job.Resume();
  Sleep(seconds);
  job.Pause();
  const CpuTime worker_after = CpuTimeOf(job.worker()), daemon_after = CpuTimeOf(service.pid());
  const v1::Job after = job.Get();
  const auto iterations =
      static_cast<double>(after.last_iteration().index() - before.last_iteration().index());
  return {iterations / (after.last_iteration().elapsed_seconds() -
                        before.last_iteration().elapsed_seconds()),
          (worker_after.main_thread - worker.main_thread) / iterations,
          (worker_after.other_threads - worker.other_threads) / iterations,
          (daemon_after.all() - daemon.all()) / iterations};
}

void MeasureSpeed(const Service& service, Job& job, BareLoop& bare, const Workload& workload,
                  const Flags& flags) {
  std::vector<Audience> audiences = {
      {"no watcher", 0, 0}, {"1 watcher", 1, 0}, {"8 watchers, 1 never reads", 7, 1}};
  if (flags.watchers > 0) {
    audiences.push_back({std::to_string(flags.watchers) + " watchers", flags.watchers, 0});
  }
  struct Samples {
    std::vector<double> rate, ratio, trainer, worker_others, daemon;
  };
  bare.Run(flags.slice);
  RunSlice(service, job, audiences[0], flags.slice);
  std::vector<double> bare_rates, bare_cpu;
  std::map<std::string, Samples> samples;
  for (int round = 0; round < flags.rounds; ++round) {
    for (const Audience& audience : audiences) {
      // The bare loop on both sides of the service, so that a drift cancels out.
      const BareLoop::Slice first = bare.Run(flags.slice / 2);
      const ServiceSlice slice = RunSlice(service, job, audience, flags.slice);
      const BareLoop::Slice second = bare.Run(flags.slice / 2);
      bare_rates.push_back((first.rate + second.rate) / 2);
      bare_cpu.push_back((first.cpu_seconds + second.cpu_seconds) / 2);
      Samples& sample = samples[audience.name];
      sample.rate.push_back(slice.rate);
      sample.ratio.push_back(slice.rate / bare_rates.back());
      sample.trainer.push_back(slice.trainer);
      sample.worker_others.push_back(slice.worker_others);
      sample.daemon.push_back(slice.daemon);
    }
  }
  std::printf("\n%s, batch %ld\n", workload.name.c_str(), static_cast<long>(workload.batch_size));
  std::printf("  %-28s %9.0f iterations/s                               cpu a step: %6.1f us\n",
              "bare loop", Median(bare_rates), 1e6 * Median(bare_cpu));
  for (const Audience& audience : audiences) {
    const Samples& s = samples[audience.name];
    std::printf(
        "  %-28s %9.0f iterations/s  ratio %.3f (%.3f .. %.3f)  cpu a step: trainer %6.1f, rest of "
        "worker %5.1f, daemon %5.1f us\n",
        audience.name.c_str(), Median(s.rate), Median(s.ratio), Percentile(s.ratio, 0.25),
        Percentile(s.ratio, 0.75), 1e6 * Median(s.trainer), 1e6 * Median(s.worker_others),
        1e6 * Median(s.daemon));
  }
  std::fflush(stdout);
}

void PrintLatency(const char* what, const std::vector<double>& seconds) {
  std::printf("  %-28s p50 %7.0f us   p90 %7.0f us   p99 %7.0f us   max %7.0f us   (%zu)\n", what,
              1e6 * Percentile(seconds, 0.5), 1e6 * Percentile(seconds, 0.9),
              1e6 * Percentile(seconds, 0.99), 1e6 * Percentile(seconds, 1), seconds.size());
  std::fflush(stdout);
}

// Seconds from the moment an event is made in the worker until a client has read it.
std::vector<double> StepToWatcher(const Service& service, Job& job, double seconds) {
  std::mutex mutex;
  std::vector<double> latencies;
  const int64_t head = job.Get().head_revision();
  Watcher watcher(
      service, job.name(), {.after_revision = head, .never_reads = false},
      [&](const v1::WatchJobResponse& response) {
        const int64_t now = WallNanos();
        std::lock_guard lock(mutex);
        for (const v1::Event& event : response.events()) {
          if (!event.has_iteration()) continue;
          latencies.push_back(
              1e-9 * static_cast<double>(now - static_cast<int64_t>(event.time_unix_nanos())));
        }
      });
  job.Resume();
  Sleep(seconds);
  job.Pause();
  std::lock_guard lock(mutex);
  return latencies;
}

// Seconds from a command's call to its answer: then it is applied and durable.
std::vector<double> CommandRoundTrips(Job& job, int count) {
  std::vector<double> latencies;
  job.Resume();
  for (int i = 0; i < count; ++i) {
    const auto start = std::chrono::steady_clock::now();
    job.SetStepSize(1e-9);
    latencies.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    Sleep(0.005);
  }
  job.Pause();
  return latencies;
}

// Measures from CreateJob's call until it returns, and until a watcher has read the first
// iteration. The next worker is warm, and has decoded the data for a validation.
void MeasureSubmission(const Service& service, const v1::Spec& spec) {
  auto stub = service.NewStub();
  std::vector<double> created, first_iteration;
  const auto seconds_since = [](std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (int i = 0; i < 7; ++i) {
    grpc::ClientContext context;
    v1::ValidateSpecRequest request;
    *request.mutable_spec() = spec;
    v1::ValidateSpecResponse response;
    CheckOk(stub->ValidateSpec(&context, request, &response), "ValidateSpec");
    Sleep(1);
    const auto start = std::chrono::steady_clock::now();
    Job job(service, "submit-" + std::to_string(i), spec);
    created.push_back(seconds_since(start));
    {
      std::atomic<bool> seen{false};
      Watcher watcher(service, job.name(), {}, [&](const v1::WatchJobResponse& response) {
        for (const v1::Event& event : response.events()) {
          if (event.has_iteration() && !seen.exchange(true)) {
            first_iteration.push_back(seconds_since(start));
          }
        }
      });
      while (!seen) Sleep(0.001);
    }
    job.Stop();
  }
  PrintLatency("submit -> created", created);
  PrintLatency("submit -> first iteration", first_iteration);
}

int Main(const Flags& flags) {
  std::string folder = flags.folder + "/descent-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    std::fprintf(stderr, "cannot make a folder in %s\n", flags.folder.c_str());
    return 2;
  }
  {
    auto service = Service::Start(flags.daemon, folder);
    if (!service.ok()) {
      std::fprintf(stderr, "%s\n", service.status().ToString().c_str());
      return 1;
    }
    for (const Workload& workload : {MillisecondMlp(), TinyMlp()}) {
      if (flags.only == "millisecond" && workload.inputs == TinyMlp().inputs) continue;
      if (flags.only == "tiny" && workload.inputs != TinyMlp().inputs) continue;
      const v1::Spec spec = MakeSpec(workload, folder);
      auto bare = BareLoop::Create(spec);
      if (!bare.ok()) {
        std::fprintf(stderr, "%s\n", bare.status().ToString().c_str());
        return 1;
      }
      const bool tiny = workload.inputs == TinyMlp().inputs;
      Job job(**service, tiny ? "tiny" : "millisecond", spec);
      job.Pause();
      MeasureSpeed(**service, job, **bare, workload, flags);
      PrintLatency("step -> watcher", StepToWatcher(**service, job, 5));
      PrintLatency("command, round trip", CommandRoundTrips(job, 400));
      job.Stop();
      if (!tiny) {
        MeasureSubmission(**service, spec);
        continue;
      }
      const CatchUp catch_up = MeasureCatchUp(**service, job.name());
      std::printf("  %-28s %.2f M events/s (%.2f M/s parsed by the client) of %ld\n",
                  "catching up from the start", catch_up.raw / 1e6, catch_up.parsed / 1e6,
                  static_cast<long>(catch_up.events));
    }
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace descent::benchmarks

int main(int argc, char** argv) {
  descent::benchmarks::Flags flags;
  CLI::App app("Measures the service against the bare loop.", "service_benchmark");
  app.option_defaults()->always_capture_default();
  app.add_option("--daemon", flags.daemon, "The daemon's program");
  app.add_option("--folder", flags.folder, "Where the daemon's folder is made: on a real disk");
  app.add_option("--rounds", flags.rounds, "Slices of each kind")->check(CLI::PositiveNumber);
  app.add_option("--slice", flags.slice, "Seconds")->check(CLI::PositiveNumber);
  app.add_option("--watchers", flags.watchers, "One more audience of so many");
  app.add_option("--only", flags.only, "One workload")
      ->check(CLI::IsMember({"tiny", "millisecond"}));
  CLI11_PARSE(app, argc, argv);
  return descent::benchmarks::Main(flags);
}
