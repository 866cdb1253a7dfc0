#include "server/worker/bridge/data_spec.h"

#include <ATen/ATen.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "core/data/sources.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/source_spec.h"
#include "tests/core/data/temporary_folder.h"
#include "tests/server/worker/bridge/declared_fields.h"

namespace descent::worker {
namespace {

class DataSpecTest : public ::testing::Test {
 protected:
  // Makes a spec with these data, a textproto of Data.
  api::Spec Spec(const std::string& data, const std::string& objective = "cross_entropy {}") {
    api::Spec spec;
    const std::string text = "objective {" + objective + "} data {" + data + "} seed: 7";
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    return spec;
  }

  std::string Csv(const std::string& name, const std::string& text,
                  const std::string& more = "targets: 'y'") {
    return "csv { path: '" + folder_.Write(name, text) + "' " + more + "}";
  }

  // Resolves and loads; gives the first violation's field and reason, empty if there is none.
  std::string Load(api::Spec spec) {
    Violations violations;
    ResolveData(&spec, &violations);
    if (violations.empty() && cache_.Load(spec, &data_, &violations)) {
      if (!spec.data().has_batch_size()) spec.mutable_data()->set_batch_size(1);
      ResolveBatches(data_.train, &spec, &violations);
    }
    resolved_ = spec.data();
    if (violations.empty()) return "";
    description_ = violations.list().front().description;
    EXPECT_EQ(description_.back(), '.') << description_;
    return violations.list().front().field + " " + violations.list().front().reason;
  }
  std::string Load(const std::string& data) { return Load(Spec(data)); }

  const TemporaryFolder folder_;
  DataCache cache_;
  LoadedData data_;
  api::Data resolved_;
  std::string description_;
};

TEST_F(DataSpecTest, MessagesAndSourcesHaveTheSameFields) {
  const google::protobuf::Descriptor* kinds = api::DataSource::descriptor();
  EXPECT_EQ(static_cast<int>(SourceKinds().size()), kinds->FindOneofByName("kind")->field_count());
  for (const std::string_view kind : SourceKinds()) {
    const auto* field = kinds->FindFieldByName(std::string(kind));
    ASSERT_NE(field, nullptr) << kind;
    EXPECT_EQ(FieldsOfOptions(NewSource(kind)->fields()), FieldsOfMessage(*field->message_type()))
        << kind;
  }
}

TEST_F(DataSpecTest, FillsInDefaults) {
  EXPECT_EQ(Load("train {" + Csv("t.csv", "a,y\n1,0\n2,1\n") + "}"), "");
  EXPECT_TRUE(resolved_.shuffle());
  EXPECT_TRUE(resolved_.train().csv().header());
  EXPECT_EQ(resolved_.train().csv().delimiter(), ",");
  EXPECT_EQ(resolved_.prefetch(), 0);  // a batch of a few bytes
  EXPECT_FALSE(resolved_.has_order());
  EXPECT_EQ(Load(Spec("train { linear {} } split { test_fraction: 0.1 } normalization {}",
                      "mean_squared_error {}")),
            "");
  EXPECT_EQ(resolved_.train().linear().examples(), 1000);
  EXPECT_EQ(resolved_.train().linear().seed(), 7);
  EXPECT_EQ(resolved_.split().seed(), 7);
  EXPECT_EQ(resolved_.normalization().kind(), api::Normalization::STANDARD);
  EXPECT_EQ(data_.train.size(), 900);
  EXPECT_EQ(data_.test->size(), 100);
}

TEST_F(DataSpecTest, ResolvingAgainChangesNothing) {
  api::Spec spec = Spec("train {" + Csv("t.csv", "a,y\n1,0\n2,1\n") + "} test { " +
                        Csv("u.csv", "a,y\n1,0\n", "") +
                        "} augmentation {} order { last_batch: DROP } normalization {}");
  Violations violations;
  ResolveData(&spec, &violations);
  const std::string once = spec.DebugString();
  ResolveData(&spec, &violations);
  EXPECT_TRUE(violations.empty());
  EXPECT_EQ(spec.DebugString(), once);
}

TEST_F(DataSpecTest, EveryKindOfSourceIsRead) {
  for (const char* kind : {"linear {}", "moons { examples: 10 }", "spirals { classes: 2 }"}) {
    EXPECT_EQ(Load(Spec(std::string("train {") + kind + "}", "mean_squared_error {}")), "") << kind;
  }
  const std::string text = folder_.Write("t.txt", "abcabcabc");
  EXPECT_EQ(Load("train { text { path: '" + text + "' context: 2 } }"), "");
  EXPECT_EQ(data_.train.inputs.scalar_type(), at::kLong);
  EXPECT_EQ(data_.categories.at("vocabulary").size(), 3u);
  EXPECT_EQ(Load("train { text { path: '" + text + "' } }"),
            "data.train.text.context MISSING_FIELD");
}

TEST_F(DataSpecTest, TestDataNeedNotRepeatTheColumns) {
  EXPECT_EQ(Load("train {" +
                 Csv("t.csv", "a;c;y\n1;u;no\n2;v;yes\n",
                     "targets: 'y' categorical: ['c', 'y'] delimiter: ';'") +
                 "} test {" + Csv("u.csv", "a;c;y\n3;v;no\n", "") + "}"),
            "");
  EXPECT_TRUE(at::equal(data_.test->inputs, at::tensor({3.f, 0.f, 1.f}).view({1, 3})));
  EXPECT_EQ(data_.test->targets[0].item<int64_t>(), 0);
  EXPECT_EQ(resolved_.test().csv().delimiter(), ";");
}

TEST_F(DataSpecTest, TestDataAreReadByTheirColumnsNames) {
  const std::string train = "train {" + Csv("t.csv", "a,b,y\n1,2,0\n3,4,1\n") + "} ";
  EXPECT_EQ(Load(train + "test {" + Csv("u.csv", "y,b,a\n1,40,30\n", "") + "}"), "");
  EXPECT_TRUE(at::equal(data_.test->inputs, at::tensor({30.f, 40.f}).view({1, 2})));
  EXPECT_EQ(Load(train + "test {" + Csv("u.csv", "y,c,a\n1,40,30\n", "") + "}"),
            "data.test.csv.path INVALID_DATA");
  EXPECT_EQ(Load(train + "test {" + Csv("u.csv", "a,b,y,z\n1,2,0,9\n", "") + "}"),
            "data.test.csv.path INVALID_DATA");
  EXPECT_EQ(description_, folder_.path() +
                              "/u.csv has the column \"z\", which the training data does not have: "
                              "leave it out, or name it in `ignore`.");
}

TEST_F(DataSpecTest, TokensAloneMeanTheMean) {
  EXPECT_EQ(
      Load("train {" +
           Csv("t.csv", "a,y\n1,0\n-,1\n3,1\n", "targets: 'y' missing { tokens: '-' }") + "}"),
      "");
  EXPECT_TRUE(resolved_.train().csv().missing().has_mean());
  EXPECT_EQ(data_.train.inputs[1].item<float>(), 2);
}

TEST_F(DataSpecTest, TargetsAreNormalizedWhereTheyAreNumbers) {
  const std::string train = "train { linear {} } target_normalization { kind: MIN_MAX }";
  EXPECT_EQ(Load(Spec(train, "mean_squared_error {}")), "");
  EXPECT_EQ(data_.train.targets.min().item<float>(), 0);
  EXPECT_EQ(data_.train.targets.max().item<float>(), 1);
  EXPECT_EQ(resolved_.target_normalization().per(), api::Normalization::FEATURE);
  EXPECT_EQ(Load(train), "data.target_normalization CONFLICT");
}

TEST_F(DataSpecTest, WeightsAreOfTheTrainingDataAlone) {
  EXPECT_EQ(
      Load("train {" + Csv("t.csv", "a,w,y\n1,2,0\n3,4,1\n") + "} test {" +
           Csv("u.csv", "a,y\n1,0\n", "") + "} order { replacement: true weight_column: 'w' }"),
      "");
  EXPECT_TRUE(data_.train.weights.defined());
}

TEST_F(DataSpecTest, TheEncodingIsResolvedAndAppliedToTheTestData) {
  const auto idx = [&](const std::string& name, char type, const std::string& elements,
                       char width) {
    const char rows = static_cast<char>(elements.size() / static_cast<size_t>(width));
    return folder_.Write(name, std::string{0, 0, type, 2, 0, 0, 0, rows, 0, 0, 0, 1} + elements);
  };
  const std::string targets = folder_.Write("y", std::string{0, 0, 8, 1, 0, 0, 0, 2, 0, 1});
  const std::string bytes = idx("x8", 8, std::string("\x33\xff", 2), 1);
  const std::string shorts = idx("x16", 11, std::string("\x00\x33\x00\xff", 4), 2);
  const auto source = [&](const std::string& inputs) {
    return "{ idx { inputs: '" + inputs + "' targets: '" + targets + "' } } ";
  };
  const auto load = [&](const std::string& data) {
    EXPECT_EQ(Load(data), "");
    ResolveEncoding(data_.encoder->encoding(), &resolved_);
    return data_.test->inputs[0].item<float>();
  };
  EXPECT_EQ(load("train " + source(bytes) + "test " + source(shorts)), 0.2f);
  EXPECT_EQ(resolved_.encoding().divisor(), 255);
  EXPECT_EQ(resolved_.encoding().dtype(), "uint8");
  // A spec that was resolved finds the same data.
  const void* first = data_.train.inputs.const_data_ptr();
  api::Spec again = Spec("");
  *again.mutable_data() = resolved_;
  EXPECT_EQ(Load(again), "");
  EXPECT_EQ(data_.train.inputs.const_data_ptr(), first);
  EXPECT_EQ(load("train " + source(shorts) + "test " + source(bytes)), 51);
  // This tells whether numbers of another type are on the same scale.
  EXPECT_EQ(resolved_.encoding().least(), 51);
  EXPECT_EQ(resolved_.encoding().greatest(), 255);
  EXPECT_TRUE(resolved_.encoding().whole());
  const std::string floats = idx("xf", 13, std::string("\x3f\0\0\0\x3f\x80\0\0", 8), 4);
  EXPECT_EQ(load("train " + source(floats) + "test " + source(floats)), 0.5f);
  EXPECT_EQ(resolved_.encoding().least(), 0.5);
  EXPECT_EQ(resolved_.encoding().greatest(), 1);
  EXPECT_FALSE(resolved_.encoding().whole());
  again = Spec("");
  *again.mutable_data() = resolved_;
  const InputEncoding known = ToEncodeOptions(again).encoding;
  ASSERT_TRUE(known.spread.has_value());
  EXPECT_EQ(known.spread->greatest, 1);
  for (const char* divisor : {"", "encoding { divisor: 1 }", "encoding { divisor: 255 }"}) {
    EXPECT_EQ(Load("train " + source(floats) + "test " + source(shorts) + divisor),
              "data.test.idx.inputs INVALID_DATA");
    EXPECT_EQ(Load("train " + source(bytes) + "test " + source(floats) + divisor),
              "data.test.idx.inputs INVALID_DATA");
  }
  EXPECT_EQ(load("train " + source(bytes) + "test " + source(shorts) + "encoding { divisor: 1 }"),
            51);
  EXPECT_EQ(Load("train " + source(bytes) + "encoding { divisor: 0 }"),
            "data.encoding.divisor OUT_OF_RANGE");
  EXPECT_EQ(Load("train " + source(bytes) + "encoding { dtype: 'int64' }"),
            "data.train.idx.inputs INVALID_DATA");
  EXPECT_EQ(Load("train " + source(bytes) + "encoding { dtype: 'text' }"),
            "data.encoding.dtype OUT_OF_RANGE");
}

TEST_F(DataSpecTest, NamesTheFieldOfWhatIsWrong) {
  const std::string table = "a,y\n1,0\n2,1\n3,0\n4,1\n";
  const std::string train = "train {" + Csv("t.csv", table) + "} ";
  EXPECT_EQ(Load(""), "data.train MISSING_FIELD");
  EXPECT_EQ(Load("train { csv {} }"), "data.train.csv.path MISSING_FIELD");
  EXPECT_EQ(Load("train {" + Csv("t.csv", table, "") + "}"),
            "data.train.csv.targets MISSING_FIELD");
  EXPECT_EQ(Load("train {" + Csv("t.csv", table, "targets: 'z'") + "}"),
            "data.train.csv.targets INVALID_DATA");
  EXPECT_EQ(Load("train {" + Csv("t.csv", table, "targets: 'y' ignore: 'z'") + "}"),
            "data.train.csv.ignore INVALID_DATA");
  EXPECT_EQ(Load("train {" + Csv("t.csv", table, "targets: 'y' delimiter: '::'") + "}"),
            "data.train.csv.delimiter OUT_OF_RANGE");
  EXPECT_EQ(Load("train {" + Csv("t.csv", table, "targets: 'y' missing {}") + "}"),
            "data.train.csv.missing MISSING_FIELD");
  EXPECT_EQ(Load("train { npz { path: '/none.npz' } }"), "data.train.npz.path FILE_NOT_FOUND");
  EXPECT_EQ(Load("train { npy { inputs: 'x.npy' targets: '/y.npy' } }"),
            "data.train.npy.inputs INVALID_PATH");
  EXPECT_EQ(Load("train { image_folder { path: '" + folder_.path() + "' channels: 2 } }"),
            "data.train.image_folder.channels OUT_OF_RANGE");
  EXPECT_EQ(description_, "it must be 1 (grey) or 3 (colors).");
  EXPECT_EQ(
      Load("train { image_folder { path: '" + folder_.path() + "' height: 65537 width: 1 } }"),
      "data.train.image_folder.height OUT_OF_RANGE");
  EXPECT_EQ(description_, "It is 65537, but must be at least 1 and at most 65536.");
  EXPECT_EQ(Load("train { image_folder { path: '" + folder_.path() + "' } }"),
            "data.train.image_folder.path INVALID_DATA");
  EXPECT_EQ(resolved_.train().image_folder().alpha(), api::ImageFolder::REFUSE);
  EXPECT_EQ(
      Load("train { image_folder { path: '" + folder_.path() + "' alpha: ALPHA_UNSPECIFIED } }"),
      "data.train.image_folder.alpha OUT_OF_RANGE");
  EXPECT_EQ(Load("train { image_folder { path: '" + folder_.path() + "' background: -1 } }"),
            "data.train.image_folder.background OUT_OF_RANGE");
  EXPECT_EQ(Load("train { image_folder { path: '" + folder_.path() +
                 "' alpha: COMPOSE background: [0.5, 2, 0] } }"),
            "data.train.image_folder.background OUT_OF_RANGE");
  EXPECT_EQ(Load("train { linear { noise: -1 } }"), "data.train.linear.noise OUT_OF_RANGE");
  EXPECT_EQ(Load(train + "split {}"), "data.split.test_fraction MISSING_FIELD");
  EXPECT_EQ(Load(train + "split { test_fraction: 2 }"), "data.split.test_fraction OUT_OF_RANGE");
  EXPECT_EQ(Load(train + "split { test_fraction: 0.01 }"),
            "data.split.test_fraction TOO_FEW_EXAMPLES");
  EXPECT_EQ(Load(train + "test {" + Csv("t.csv", table) + "} split { test_fraction: 0.5 }"),
            "data.split CONFLICT");
  EXPECT_EQ(Load(train + "augmentation { horizontal_flip: 2 }"),
            "data.augmentation.horizontal_flip OUT_OF_RANGE");
  EXPECT_EQ(Load(train + "augmentation { horizontal_flip: 0.5 }"), "data.augmentation CONFLICT");
  EXPECT_EQ(Load(train + "order { balanced: true }"), "data.order.replacement CONFLICT");
  EXPECT_EQ(Load(train + "order { replacement: true weight_column: 'w' }"),
            "data.order.weight_column INVALID_DATA");
  EXPECT_EQ(Load("train { linear {} } order { replacement: true weight_column: 'w' }"),
            "data.order.weight_column CONFLICT");
  EXPECT_EQ(Load(train + "shuffle: false order { replacement: true }"), "data.shuffle CONFLICT");
  EXPECT_EQ(Load(train + "prefetch: -1"), "data.prefetch OUT_OF_RANGE");
  const std::string text = folder_.Write("t.txt", "abcabcabc");
  EXPECT_EQ(Load("normalization {} train { text { path: '" + text + "' context: 2 } }"),
            "data.train.text.path INVALID_DATA");
}

TEST_F(DataSpecTest, FilesMustBeInTheRoots) {
  const std::string source = Csv("root/t.csv", "a,y\n1,0\n2,1\n");
  const std::string outside = Csv("t.csv", "a,y\n1,0\n2,1\n");
  absl::StatusOr<DataRoots> roots = DataRoots::Create({folder_.path() + "/root"});
  ASSERT_TRUE(roots.ok()) << roots.status();
  DataCache cache(*roots);
  const auto load = [&](const std::string& train) {
    api::Spec spec = Spec("train {" + train + "}");
    Violations violations;
    ResolveData(&spec, &violations);
    if (cache.Load(spec, &data_, &violations)) return std::string();
    return violations.list().front().field + " " + violations.list().front().reason;
  };
  EXPECT_EQ(load(source), "");
  EXPECT_EQ(load(outside), "data.train.csv.path FILE_UNREADABLE");
}

TEST_F(DataSpecTest, ReadsAgainOnlyWhatHasChanged) {
  const std::string train = "train {" + Csv("t.csv", "a,y\n1,0\n2,1\n") + "}";
  ASSERT_EQ(Load(train), "");
  const void* first = data_.train.inputs.const_data_ptr();
  ASSERT_EQ(Load(train), "");
  EXPECT_EQ(data_.train.inputs.const_data_ptr(), first);
  ASSERT_EQ(Load(train + " normalization {}"), "");
  EXPECT_NE(data_.train.inputs.const_data_ptr(), first);
  folder_.Write("t.csv", "a,y\n1,0\n2,1\n3,1\n");
  ASSERT_EQ(Load(train), "");
  EXPECT_EQ(data_.train.size(), 3);
}

}  // namespace
}  // namespace descent::worker
