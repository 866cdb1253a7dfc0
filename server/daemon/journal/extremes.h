// Chooses the events that stand for a row of iterations where only some are to be shown. A pure
// function; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_EXTREMES_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_EXTREMES_H_

#include <cstdint>
#include <vector>

#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/row.h"

namespace descent::daemon {

// Gives the events whose index is a multiple of `every` (a fair sample, for means), and of each
// stretch of `every` iterations that the row has a part of, those with the least and the greatest
// value and gradient norm (so that the range of a curve, and each spike, stays). A number that is
// not finite counts as the greatest. They are those after this revision; in order, each once.
std::vector<Entry> Extremes(const Row& row, int64_t after_revision, int64_t every);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_EXTREMES_H_
