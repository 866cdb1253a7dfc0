#include "core/data/sources.h"

#include "core/data/csv.h"
#include "core/data/idx.h"
#include "core/data/image_folder.h"
#include "core/data/npy.h"
#include "core/data/npz.h"
#include "core/data/safetensors_file.h"
#include "core/data/synthetic.h"
#include "core/data/text.h"
#include "core/kinds/kind_list.h"

namespace descent {
namespace {

template <class Source>
class SourceOf final : public AnySource {
 public:
  std::string_view kind() const override { return Source::kind; }
  void Declare(SourceVisitor& visit) override { source_.Declare(visit); }
  absl::Status Check() const override {
    if constexpr (requires { source_.Check(); }) return source_.Check();
    return absl::OkStatus();
  }
  absl::StatusOr<Examples> Read(const ReadOptions& options) const override {
    return source_.Read(options);
  }

 private:
  Source source_;
};

using Kinds = KindList<AnySource, SourceOf, IdxFiles, CsvFile, NpyFiles, NpzFile, ImageFolder,
                       TextFile, SafetensorsFile, LinearData, SpiralsData, MoonsData>;

}  // namespace

std::unique_ptr<AnySource> MakeSource(std::string_view kind) { return Kinds::Make(kind); }

std::vector<std::string_view> SourceKinds() { return Kinds::Names(); }

}  // namespace descent
