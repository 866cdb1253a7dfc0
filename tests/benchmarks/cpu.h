// Processor time used so far, in seconds: unlike the time on the wall it hardly depends on what
// else the machine does.
#ifndef DESCENT_TESTS_BENCHMARKS_CPU_H_
#define DESCENT_TESTS_BENCHMARKS_CPU_H_

#include <sys/types.h>

namespace descent::benchmarks {

struct CpuTime {
  double main_thread = 0;
  double other_threads = 0;
  double all() const { return main_thread + other_threads; }
};

// Gives that of a process by its id, out of /proc; zeros if it is gone.
CpuTime CpuTimeOf(pid_t pid);

// Gives that of the calling thread.
double ThreadCpuSeconds();

}  // namespace descent::benchmarks

#endif  // DESCENT_TESTS_BENCHMARKS_CPU_H_
