// A `Watcher` is one person who watches a job, on a connection and a thread of their own, until
// destroyed.
#ifndef DESCENT_TESTS_BENCHMARKS_WATCHER_H_
#define DESCENT_TESTS_BENCHMARKS_WATCHER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "descent/v1/training_service.grpc.pb.h"
#include "tests/benchmarks/service.h"

namespace descent::benchmarks {

class Watcher {
 public:
  struct Options {
    int64_t after_revision = 0;
    // Opens the stream and never reads from it.
    bool never_reads = false;
  };
  using OnEvents = std::function<void(const v1::WatchJobResponse&)>;

  // `on_events` runs on the watcher's thread.
  Watcher(const Service& service, const std::string& job, const Options& options,
          OnEvents on_events);
  ~Watcher();

 private:
  const std::unique_ptr<v1::TrainingService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchJobResponse>> reader_;
  std::thread thread_;
};

// How fast a lagging watcher catches up from the start to the head: events a second.
struct CatchUp {
  int64_t events = 0;
  double parsed = 0;  // a client that parses every message
  double raw = 0;     // one that only takes the bytes
};
CatchUp MeasureCatchUp(const Service& service, const std::string& job);

}  // namespace descent::benchmarks

#endif  // DESCENT_TESTS_BENCHMARKS_WATCHER_H_
