#include "core/data/sources.h"

#include "core/data/csv.h"
#include "core/data/idx.h"
#include "core/data/image_folder.h"
#include "core/data/npy.h"
#include "core/data/npz.h"
#include "core/data/safetensors_file.h"
#include "core/data/synthetic.h"
#include "core/data/text.h"
#include "core/fields/form.h"
#include "core/kinds/kind_list.h"

namespace descent {
namespace {

template <class Source>
class SourceFormOf final : public FormOf<Source, SourceForm> {
 public:
  absl::StatusOr<Examples> Read(const ReadOptions& options) const override {
    return this->options_.Read(options);
  }
};

using Kinds = KindList<SourceForm, SourceFormOf, IdxFiles, CsvFile, NpyFiles, NpzFile, ImageFolder,
                       TextFile, SafetensorsFile, LinearData, SpiralsData, MoonsData>;

}  // namespace

std::unique_ptr<SourceForm> NewSource(std::string_view kind) { return Kinds::Make(kind); }

std::vector<std::string_view> SourceKinds() { return Kinds::Names(); }

}  // namespace descent
