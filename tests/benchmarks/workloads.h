// A `Workload` is a training job of a known size on random data, which never ends by itself: Adam
// at a vanishing step size, so that the loss stays alive (a fixed batch trained to zero loss slows
// down through denormals); no evaluation, no checkpoints.
#ifndef DESCENT_TESTS_BENCHMARKS_WORKLOADS_H_
#define DESCENT_TESTS_BENCHMARKS_WORKLOADS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "descent/v1/spec.pb.h"

namespace descent::benchmarks {

struct Workload {
  std::string name;
  int64_t inputs = 0;                // a square number: pictures
  std::vector<int64_t> hidden = {};  // layers, each followed by a ReLU
  int64_t batch_size = 0;
};

// The smallest network of PEERS: a step of tens of microseconds.
Workload TinyMlp();
// A step of about a millisecond on one core.
Workload MillisecondMlp();

// Writes the workload's data into `folder` and gives the spec.
v1::Spec MakeSpec(const Workload& workload, const std::string& folder);

}  // namespace descent::benchmarks

#endif  // DESCENT_TESTS_BENCHMARKS_WORKLOADS_H_
