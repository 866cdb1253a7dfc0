// Compares the tables of a store with those that it should have. For the connections' thread.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_SCHEMA_SHAPE_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_SCHEMA_SHAPE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {

// In what the tables of a store differ from those that it should have.
struct SchemaDifference {
  struct Index {
    std::string name;
    std::string sql;        // that makes it
    bool is_there = false;  // but another one
  };
  std::vector<std::string> lost;     // tables and columns: clauses
  std::vector<Index> indexes;        // missing, or not as they were made
  std::vector<std::string> strange;  // tables and columns that should not be there: clauses
  // Triggers, and indexes of these tables, that are somebody else's: they can change what is
  // written, or refuse it.
  std::vector<std::string> foreign;
};

// `reference` is a database with the right tables. DATA_LOSS if the list of tables can't be read.
absl::StatusOr<SchemaDifference> CompareSchemas(Connection& connection, Connection& reference);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_SCHEMA_SHAPE_H_
