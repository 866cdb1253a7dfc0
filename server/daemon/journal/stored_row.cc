#include "server/daemon/journal/stored_row.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "server/daemon/journal/checksum.h"

namespace descent::daemon {

absl::StatusOr<RowPtr> RowOf(const Statement& statement) {
  const StoredRow stored{.id = statement.Int(0),
                         .last_revision = statement.Int(1),
                         .kind = statement.Int(2),
                         .branch = statement.Int(3),
                         .first_iteration = statement.Int(4),
                         .last_iteration = statement.Int(5),
                         .previous = statement.Int(8),
                         .request_id = statement.Blob(9),
                         .entries = statement.Blob(6)};
  if (statement.IsNull(7) || statement.Int(7) != int64_t{Checksum(stored)}) {
    return absl::DataLossError(
        absl::StrCat("revision ", RevisionOf(stored.id), " is not what was written"));
  }
  auto row = std::make_shared<Row>();
  row->first_revision = RevisionOf(stored.id);
  row->last_revision = stored.last_revision;
  row->kind = static_cast<v1::EventKind>(stored.kind);
  row->branch = static_cast<int32_t>(stored.branch);
  row->first_iteration = stored.first_iteration;
  row->last_iteration = stored.last_iteration;
  row->entries = stored.entries;
  return row;
}

}  // namespace descent::daemon
