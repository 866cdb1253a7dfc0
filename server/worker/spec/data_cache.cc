#include "server/worker/spec/data_cache.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace descent::worker {
namespace {

// A job's training and test data are always kept; more only while small.
constexpr size_t kAlwaysKept = 2;
constexpr int64_t kMaxBytes = int64_t{1} << 30;

std::vector<std::string> Paths(const api::DataSource& source) {
  if (source.has_csv()) return {source.csv().path()};
  return {source.idx().inputs(), source.idx().targets()};
}

absl::StatusOr<Dataset> Read(const api::DataSource& source, const DatasetOptions& options) {
  if (source.has_csv()) {
    return LoadCsv(source.csv().path(),
                   {source.csv().targets().begin(), source.csv().targets().end()}, options);
  }
  return LoadIdx(source.idx().inputs(), source.idx().targets(), options);
}

}  // namespace

absl::StatusOr<Dataset> DataCache::Load(const api::DataSource& source,
                                        const DatasetOptions& options) {
  const std::string key =
      absl::StrCat(static_cast<int>(options.dtype), " ", static_cast<int>(options.targets), " ",
                   source.SerializeAsString());
  // Looked at before reading: a file that changes meanwhile is read again next time.
  std::vector<FileStamp> stamps;
  for (const std::string& path : Paths(source)) {
    absl::StatusOr<FileStamp> stamp = StampDataFile(path);
    if (!stamp.ok()) return stamp.status();
    stamps.push_back(*std::move(stamp));
  }
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->key != key || entry->stamps != stamps) continue;
    Entry found = std::move(*entry);
    entries_.erase(entry);
    entries_.push_front(std::move(found));
    return entries_.front().dataset;
  }
  absl::StatusOr<Dataset> dataset = Read(source, options);
  if (!dataset.ok()) return dataset.status();
  const int64_t bytes = static_cast<int64_t>(dataset->inputs.nbytes() + dataset->targets.nbytes());
  entries_.push_front({key, std::move(stamps), *dataset, bytes});
  Evict();
  return dataset;
}

void DataCache::Evict() {
  int64_t bytes = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    bytes += entries_[i].bytes;
    if (i >= kAlwaysKept && bytes > kMaxBytes) {
      entries_.resize(i);
      return;
    }
  }
}

}  // namespace descent::worker
