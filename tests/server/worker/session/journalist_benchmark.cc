// Measures what it costs the trainer to hand over one iteration's event: it is filled in,
// serialized and appended, while another thread sends what comes.

#include <benchmark/benchmark.h>

#include <thread>

#include "server/worker/session/journalist.h"
#include "server/worker/session/outbox.h"

namespace descent::worker {
namespace {

void BM_WriteIteration(benchmark::State& state) {
  Outbox outbox(size_t{64} << 20, Clock::Real());
  outbox.Begin("jobs/benchmark", 1);
  const int64_t connection = outbox.NewConnection(0);
  // Acknowledges what it takes, as a daemon would.
  std::thread sender([&] {
    v1::WorkerMessage message;
    while (outbox.Next(connection, 1'000'000'000, &message) != Outbox::Taken::kInterrupted) {
      if (!message.has_events()) continue;
      outbox.Acknowledge(message.events().first_sequence() + message.events().events_size() - 1);
    }
  });
  Journalist journalist(1, 0, &outbox, Clock::Real());
  int64_t k = 0;
  for (auto _ : state) {
    ::descent::v1::Iteration* iteration = journalist.iteration();
    iteration->set_index(++k);
    iteration->set_value(0.5);
    iteration->set_gradient_norm(0.25);
    iteration->set_step_size(1e-3);
    iteration->set_samples(64 * k);
    iteration->set_epoch(0.001 * static_cast<double>(k));
    iteration->set_elapsed_seconds(1);
    iteration->clear_scalars();
    iteration->add_scalars(0.9);
    iteration->add_scalars(0.999);
    journalist.WriteIteration();
  }
  outbox.Close();
  sender.join();
}
BENCHMARK(BM_WriteIteration);

}  // namespace
}  // namespace descent::worker
