#include "server/daemon/journal/job_line.h"

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/rules/names.h"
#include "server/daemon/journal/checksum.h"
#include "server/daemon/journal/schema.h"

namespace descent::daemon {
namespace {

constexpr int kChecksumColumn = kJobColumns - 1;

}  // namespace

JobLine JobLineAt(const Statement& statement) {
  return {.number = statement.Int(0),
          .job_id = std::string(statement.Blob(1)),
          .compacted_revision = statement.Int(2),
          .iteration_bytes = statement.Int(3),
          .counted_revision = statement.Int(4),
          .last_other_revision = statement.Int(5)};
}

absl::Status CheckJobLine(const Statement& statement, const JobLine& line) {
  // In a store that was brought up to date a name may be impossible although its checksum is right.
  if (!rules::IsJobId(line.job_id)) {
    return absl::DataLossError(absl::StrCat("the table `jobs` calls it \"",
                                            ShortUtf8(Printable(line.job_id), 80),
                                            "\", which no job can be called"));
  }
  if (!IsJobNumber(line.number) || statement.IsNull(kChecksumColumn) ||
      statement.Int(kChecksumColumn) != int64_t{Checksum(line)}) {
    return absl::DataLossError(absl::StrCat("its line in the table `jobs`, which calls it ",
                                            line.job_id, ", is not what was written"));
  }
  return absl::OkStatus();
}

Statement& BindJobLine(Statement& update, const JobLine& line) {
  return update.Bind(1, line.number)
      .Bind(2, line.compacted_revision)
      .Bind(3, line.iteration_bytes)
      .Bind(4, line.counted_revision)
      .Bind(5, line.last_other_revision)
      .Bind(6, int64_t{Checksum(line)});
}

}  // namespace descent::daemon
