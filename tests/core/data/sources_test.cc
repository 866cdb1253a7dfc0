#include "core/data/sources.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/checkpoint/safetensors.h"
#include "core/data/encode.h"
#include "core/data/safetensors_file.h"
#include "core/data/synthetic.h"
#include "core/data/text.h"
#include "core/fields/fields.h"
#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

TextFile Text(int64_t context) {
  TextFile file;
  file.path = "t.txt";
  file.context = context;
  return file;
}

TEST(Text, ExamplesAreWindowsAndTargetsTheNextCharacters) {
  absl::StatusOr<Examples> text = ParseText("abcabcabé\n", Text(3), std::nullopt);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->categories, (Categories{{"vocabulary", {"\n", "a", "b", "c", "é"}}}));
  EXPECT_TRUE(
      at::equal(text->inputs, at::tensor({1, 2, 3, 1, 2, 3, 1, 2, 4}, at::kLong).view({3, 3})));
  EXPECT_TRUE(
      at::equal(text->targets, at::tensor({2, 3, 1, 2, 3, 1, 2, 4, 0}, at::kLong).view({3, 3})));
  EXPECT_TRUE(text->inputs.is_alias_of(text->targets));
  absl::StatusOr<Dataset> data = Encode(*text);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->inputs.scalar_type(), at::kLong);
  EXPECT_EQ(CheckClasses(*data, 4).code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(CheckClasses(*data, 5).ok());
}

TEST(Text, WindowsMayOverlap) {
  TextFile file = Text(3);
  file.stride = 1;
  absl::StatusOr<Examples> text = ParseText("abcdefg", file, std::nullopt);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->size(), 4);
  EXPECT_TRUE(at::equal(text->targets, text->inputs + 1));
}

TEST(Text, TheVocabularyMayBeGiven) {
  TextFile file = Text(2);
  file.vocabulary = "v.txt";
  EXPECT_EQ(ParseText("bab", file, "cab")->inputs[0][0].item<int64_t>(), 1);
  EXPECT_EQ(ParseText("ab\nabx", file, "abc\n").status().message(),
            "t.txt, line 2, column 3: the character \"x\" is not in the vocabulary.");
  ReadOptions read;
  read.known = Categories{{"vocabulary", {"a", "b"}}};
  EXPECT_FALSE(ParseText("abc", Text(2), std::nullopt, read).ok());
  // What the training data's numbers stand for is not known.
  read.known = Categories{};
  EXPECT_FALSE(ParseText("abc", Text(2), std::nullopt, read).ok());
  EXPECT_TRUE(ParseText("abc", file, "abc", read).ok());
}

TEST(Text, RefusesWhatIsNoTextOrTooShort) {
  for (const char* bad :
       {"ab\xff", "ab\xc3", "\xc0\x80xx", "\xed\xa0\x80xx", "\xf4\x90\x80\x80xx", "\xe2\x82"}) {
    EXPECT_NE(ParseText(bad, Text(1), std::nullopt).status().message().find("is not UTF-8"),
              absl::string_view::npos)
        << bad;
  }
  EXPECT_EQ(ParseText("abc", Text(3), std::nullopt).status().message(),
            "t.txt holds 3 characters, but an example takes 3 and the one after them.");
}

TEST(Text, ToBePredictedItNeedsNoCharacterAfterTheLast) {
  const ReadOptions read{.known = Categories{{"vocabulary", {"a", "b", "c"}}}, .inputs_only = true};
  const auto text = ParseText("abcabc", Text(3), std::nullopt, read);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_TRUE(at::equal(text->inputs, at::tensor({0, 1, 2, 0, 1, 2}, at::kLong).view({2, 3})));
  EXPECT_FALSE(text->targets.defined());
  EXPECT_EQ(ParseText("ab", Text(3), std::nullopt, read).status().message(),
            "t.txt holds 2 characters, but an example takes 3.");
}

TEST(Text, CannotBeNormalized) {
  absl::StatusOr<Examples> text = ParseText("abcdefg", Text(3), std::nullopt);
  Dataset data;
  EXPECT_FALSE(Encoder::Fit(*text, {.normalization = Normalization{}}, &data).ok());
}

TEST(SafetensorsFile, MapsItsTensors) {
  const TemporaryFolder folder;
  Safetensors contents;
  contents.tensors["x"] = at::arange(6, at::kFloat).view({3, 2});
  contents.tensors["targets"] = at::arange(3, at::kLong);
  SafetensorsFile file;
  file.path = folder.path() + "/d.safetensors";
  ASSERT_TRUE(WriteSafetensors(file.path, contents).ok());
  EXPECT_EQ(file.Read({}).status().message(),
            file.path + " has no tensor \"inputs\"; its tensors are targets, x.");
  file.inputs = "x";
  absl::StatusOr<Examples> examples = file.Read({});
  ASSERT_TRUE(examples.ok()) << examples.status();
  absl::StatusOr<Dataset> data = Encode(*examples);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(at::equal(data->inputs, contents.tensors["x"]));
  EXPECT_EQ(data->inputs.const_data_ptr(), examples->inputs.const_data_ptr());  // not copied
  file.targets = "none";
  examples = file.Read({.inputs_only = true});
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_FALSE(examples->targets.defined());
  data = Encode(*examples);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->size(), 3);
}

TEST(SafetensorsFile, AnotherTensorMayBeOfAnyType) {
  const TemporaryFolder folder;
  const std::string header = R"({"inputs":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]},)"
                             R"("scales":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[2,3]},)"
                             R"("targets":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  SafetensorsFile file;
  file.path =
      folder.Write("d.safetensors", bytes + header + std::string("\x05\x06\x00\x00\x01", 5));
  absl::StatusOr<Examples> examples = file.Read({});
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_TRUE(at::equal(examples->inputs, at::tensor({5, 6}, at::kByte).view({2, 1})));
  file.inputs = "scales";
  EXPECT_EQ(file.Read({}).status().message(),
            file.path +
                ", scales: numbers of the type F8_E5M2 cannot be read; use one of BOOL, U8, "
                "I8 to I64, F16, BF16, F32 and F64.");
}

TEST(Synthetic, LinearDataFollowAnAffineFunction) {
  LinearData linear;
  linear.examples = 50;
  linear.inputs = 3;
  linear.outputs = 2;
  linear.noise = 0;
  absl::StatusOr<Examples> data = linear.Read({.roots = {}, .seed = 4});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->targets.sizes().vec(), (std::vector<int64_t>{50, 2}));
  const at::Tensor extended = at::cat({data->inputs, at::ones({50, 1}, at::kDouble)}, 1);
  const at::Tensor solved =
      at::linalg_solve(extended.t().mm(extended), extended.t().mm(data->targets));
  EXPECT_LT((extended.mm(solved) - data->targets).abs().max().item<double>(), 1e-10);
  EXPECT_TRUE(at::equal(linear.Read({.roots = {}, .seed = 4})->inputs, data->inputs));
  EXPECT_FALSE(at::equal(linear.Read({.roots = {}, .seed = 5})->inputs, data->inputs));
  linear.seed = 4;
  EXPECT_TRUE(at::equal(linear.Read({.roots = {}, .seed = 5})->inputs, data->inputs));
}

TEST(Synthetic, SpiralsAndMoonsHaveTheirShapes) {
  SpiralsData spirals;
  spirals.noise = 0;
  absl::StatusOr<Examples> arms = spirals.Read({});
  ASSERT_TRUE(arms.ok()) << arms.status();
  EXPECT_LE(arms->inputs.norm(2, 1).max().item<double>(), 1 + 1e-12);
  EXPECT_EQ(arms->targets.max().item<int64_t>(), 2);
  MoonsData moons;
  moons.noise = 0;
  absl::StatusOr<Examples> halves = moons.Read({});
  ASSERT_TRUE(halves.ok()) << halves.status();
  const at::Tensor upper = halves->inputs.index({halves->targets.eq(0)});
  const at::Tensor lower = halves->inputs.index({halves->targets.eq(1)});
  EXPECT_TRUE(at::allclose(upper.norm(2, 1), at::ones({500}, at::kDouble)));
  EXPECT_TRUE(at::allclose((lower - at::tensor({1.0, 0.5}, at::kDouble)).norm(2, 1),
                           at::ones({500}, at::kDouble)));
  EXPECT_GE(upper.select(1, 1).min().item<double>(), -1e-12);
}

// Fills in the fields that are required.
void Fill(const FieldList& fields) {
  std::set<std::string> names;
  for (const Field& field : fields) {
    EXPECT_TRUE(names.insert(field.name()).second) << field.name();
    if (!field.required()) continue;
    if (auto* path = field.As<std::string>()) *path = "/none";
    if (auto* texts = field.As<std::vector<std::string>>()) *texts = {"y"};
    if (auto* count = field.As<int64_t>()) *count = static_cast<int64_t>(field.range().min);
  }
}

TEST(Sources, AreKnownByTheirNames) {
  EXPECT_FALSE(SourceKinds().empty());
  for (const std::string_view kind : SourceKinds()) {
    const std::unique_ptr<SourceForm> source = NewSource(kind);
    ASSERT_NE(source, nullptr);
    EXPECT_EQ(source->kind(), kind);
    Fill(source->fields());
    EXPECT_TRUE(source->Validate().ok()) << kind << source->Validate();
    const absl::Status status = source->Read({}).status();
    EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kNotFound) << kind << status;
  }
  EXPECT_EQ(NewSource("none"), nullptr);
}

}  // namespace
}  // namespace descent
