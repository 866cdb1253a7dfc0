#include "server/worker/bridge/data_cache.h"

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/data/source.h"
#include "core/data/split.h"
#include "core/text/exception_text.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/data_spec.h"
#include "server/worker/bridge/source_spec.h"

namespace descent::worker {
namespace {

// A job's data are always kept; more only while small.
constexpr size_t kAlwaysKept = 1;
constexpr int64_t kMaxBytes = int64_t{1} << 30;

// Gives what the data are a function of, besides the files.
std::string Key(const api::Spec& spec, const EncodeOptions& options) {
  api::Data data;
  *data.mutable_train() = spec.data().train();
  if (spec.data().has_test()) *data.mutable_test() = spec.data().test();
  if (spec.data().has_split()) *data.mutable_split() = spec.data().split();
  if (spec.data().has_normalization()) {
    *data.mutable_normalization() = spec.data().normalization();
  }
  if (spec.data().has_target_normalization()) {
    *data.mutable_target_normalization() = spec.data().target_normalization();
  }
  data.mutable_order()->set_weight_column(spec.data().order().weight_column());
  return absl::StrCat(static_cast<int>(options.dtype), " ", static_cast<int>(options.targets), " ",
                      options.indices, " ",
                      options.ignore_index ? absl::StrCat(*options.ignore_index) : "", " ",
                      data.SerializeAsString());
}

// What does not fit into memory is a fault of these data, and is said at their field.
absl::StatusOr<Examples> ReadSource(const api::DataSource& source, const ReadOptions& options) {
  try {
    return ToSource(source)->Read(options);
  } catch (const std::exception& error) {
    const std::vector<std::string> files = FilesOf(source);
    return absl::ResourceExhaustedError(absl::StrCat("Cannot load ",
                                                     files.empty() ? "the data" : files.front(),
                                                     ": ", ExceptionText(error), "."));
  }
}

int64_t Bytes(const Dataset& dataset) {
  return static_cast<int64_t>(dataset.inputs.nbytes() + dataset.targets.nbytes());
}

}  // namespace

// True if the encoding is the one asked for, or that which the files suggest.
bool DataCache::Entry::Has(const EncodeOptions& options) const {
  const InputEncoding& asked = options.encoding;
  const InputEncoding& loaded = data.encoder->encoding();
  return asked.divisor.value_or(default_divisor) == loaded.divisor &&
         (!asked.type || (asked.type == loaded.type && asked.shape == loaded.shape));
}

bool DataCache::Load(const api::Spec& spec, LoadedData* data, Violations* violations) {
  const EncodeOptions options = ToEncodeOptions(spec);
  const std::string key = Key(spec, options);
  // The stamps are taken before reading: a file that changes meanwhile is read again next time.
  std::vector<FileStamp> stamps;
  Stamp("data.train", spec.data().train(), &stamps, violations);
  if (spec.data().has_test()) Stamp("data.test", spec.data().test(), &stamps, violations);
  if (!violations->empty()) return false;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->key != key || entry->stamps != stamps || !entry->Has(options)) continue;
    Entry found = std::move(*entry);
    entries_.erase(entry);
    entries_.push_front(std::move(found));
    *data = entries_.front().data;
    return true;
  }
  if (!Read(spec, data, violations)) return false;
  const int64_t bytes = Bytes(data->train) + (data->test ? Bytes(*data->test) : 0);
  entries_.push_front(
      {key, std::move(stamps), DefaultDivisor(*data->encoder->encoding().type), *data, bytes});
  Evict();
  return true;
}

bool DataCache::Stamp(const std::string& field, const api::DataSource& source,
                      std::vector<FileStamp>* stamps, Violations* violations) const {
  for (const std::string& path : FilesOf(source)) {
    absl::StatusOr<FileStamp> stamp = StampDataFile(path, roots_);
    if (!stamp.ok()) {
      AddSourceViolation(field, source, stamp.status(), violations);
      return false;
    }
    stamps->push_back(*std::move(stamp));
  }
  return true;
}

bool DataCache::Read(const api::Spec& spec, LoadedData* data, Violations* violations) const {
  const auto refuse = [&](const char* part, const absl::Status& status) {
    const std::string& weights = spec.data().order().weight_column();
    if (!weights.empty() &&
        absl::StrContains(status.message(), absl::StrCat("has no column \"", weights, "\""))) {
      violations->Add("data.order.weight_column", std::string(status.message()),
                      reason::kInvalidData);
      return false;
    }
    const bool test = std::string(part) == "data.test" && spec.data().has_test();
    AddSourceViolation(test ? part : "data.train", test ? spec.data().test() : spec.data().train(),
                       status, violations);
    return false;
  };
  ReadOptions options{
      .roots = roots_, .seed = spec.seed(), .weight_column = spec.data().order().weight_column()};
  absl::StatusOr<Examples> train = ReadSource(spec.data().train(), options);
  if (!train.ok()) return refuse("data.train", train.status());
  std::optional<Examples> test;
  if (spec.data().has_test()) {
    options.known = train->categories;
    options.columns = train->columns;
    options.target_columns = train->target_columns;
    absl::StatusOr<Examples> read = ReadSource(spec.data().test(), options);
    if (!read.ok()) return refuse("data.test", read.status());
    test = *std::move(read);
  } else if (spec.data().has_split()) {
    const api::Split& split = spec.data().split();
    absl::StatusOr<SplitExamples> parts =
        Split(*train, split.test_fraction(), split.seed(), split.stratified());
    if (!parts.ok()) {
      const bool classes = absl::StrContains(parts.status().message(), "class");
      std::string problem(parts.status().message());
      for (const std::string& note : train->notes) absl::StrAppend(&problem, " ", note);
      violations->Add(classes ? "data.split.stratified" : "data.split.test_fraction", problem,
                      reason::kTooFewExamples);
      return false;
    }
    *train = std::move(parts->train);
    test = std::move(parts->test);
  }
  absl::StatusOr<Encoder> encoder = Encoder::Fit(*train, ToEncodeOptions(spec), &data->train);
  if (!encoder.ok()) return refuse("data.train", encoder.status());
  if (test) {
    absl::StatusOr<Dataset> encoded = encoder->Encode(*test);
    if (!encoded.ok()) return refuse("data.test", encoded.status());
    data->test = *std::move(encoded);
  }
  data->categories = train->categories;
  data->columns = train->columns;
  data->target_columns = train->target_columns;
  data->encoder = *std::move(encoder);
  return true;
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
