// Gives back to the system what was freed. glibc keeps it in an arena a thread: after a few answers
// of some MB each on a dozen threads, several times what the daemon holds, for as long as it runs.
#ifndef DESCENT_SERVER_DAEMON_MAIN_FREED_MEMORY_H_
#define DESCENT_SERVER_DAEMON_MAIN_FREED_MEMORY_H_

namespace descent::daemon {

// Does so if it is 32 MiB or more, which takes some 20 ms for 100 MB; whoever allocates from the
// arena that is looked through waits for it. Call it now and then. Any thread.
void GiveBackFreedMemory();

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_MAIN_FREED_MEMORY_H_
