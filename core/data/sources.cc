#include "core/data/sources.h"

#include "core/data/csv.h"
#include "core/data/idx.h"
#include "core/data/image_folder.h"
#include "core/data/npy.h"
#include "core/data/npz.h"
#include "core/data/safetensors_file.h"
#include "core/data/synthetic.h"
#include "core/data/text.h"

namespace descent {
namespace {

template <class Source>
class SourceOf final : public AnySource {
 public:
  std::string_view kind() const override { return Source::kKind; }
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

struct Kind {
  std::string_view name;
  std::unique_ptr<AnySource> (*make)();
};

template <class Source>
constexpr Kind KindOf() {
  return {Source::kKind,
          []() -> std::unique_ptr<AnySource> { return std::make_unique<SourceOf<Source>>(); }};
}

constexpr Kind kKinds[] = {
    KindOf<IdxFiles>(),    KindOf<CsvFile>(),   KindOf<NpyFiles>(),        KindOf<NpzFile>(),
    KindOf<ImageFolder>(), KindOf<TextFile>(),  KindOf<SafetensorsFile>(), KindOf<LinearData>(),
    KindOf<SpiralsData>(), KindOf<MoonsData>(),
};

}  // namespace

std::unique_ptr<AnySource> MakeSource(std::string_view kind) {
  for (const Kind& known : kKinds) {
    if (known.name == kind) return known.make();
  }
  return nullptr;
}

std::vector<std::string_view> SourceKinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.name);
  return names;
}

}  // namespace descent
