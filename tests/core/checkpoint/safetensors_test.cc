#include "core/checkpoint/safetensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/digest/sha256.h"

namespace descent {
namespace {

class SafetensorsTest : public ::testing::Test {
 protected:
  static std::string File(uint64_t header_bytes, const std::string& header,
                          const std::string& data) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &header_bytes, 8);
    return bytes + header + data;
  }
  static std::string File(const std::string& header, const std::string& data = "") {
    return File(header.size(), header, data);
  }

  static std::string ErrorOf(const std::string& bytes) {
    absl::StatusOr<Safetensors> read = ParseSafetensors(bytes, "c.safetensors");
    if (read.ok()) return "";
    EXPECT_NE(read.status().message().find("c.safetensors"), absl::string_view::npos);
    return std::string(read.status().message());
  }

  static std::string Slurp(const std::string& path) {
    std::stringstream stream;
    stream << std::ifstream(path, std::ios::binary).rdbuf();
    return stream.str();
  }

  static Safetensors Example() {
    Safetensors contents;
    contents.tensors["a.weight"] = at::arange(6, at::kFloat).view({2, 3});
    contents.tensors["b"] = at::arange(3, at::kDouble);
    contents.tensors["c"] = at::arange(3, at::kByte);
    contents.tensors["empty"] = at::empty({0, 4});
    contents.tensors["scalar"] = at::scalar_tensor(5, at::kLong);
    contents.metadata["spec"] = "{\"seed\": \"1\"}\n\u00e4";
    return contents;
  }

  const std::string folder_ = [] {
    const char* given = std::getenv("TEST_TMPDIR");
    std::string name = std::string(given ? given : "/tmp") + "/safetensors.XXXXXX";
    return std::string(mkdtemp(name.data()));
  }();
  const std::string path_ = folder_ + "/0-10.safetensors";
};

TEST_F(SafetensorsTest, ReadsWhatItWrote) {
  const Safetensors written = Example();
  absl::StatusOr<SavedFile> saved = WriteSafetensors(path_, written);
  ASSERT_TRUE(saved.ok()) << saved.status();
  const std::string bytes = Slurp(path_);
  EXPECT_EQ(saved->bytes, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(saved->sha256, Sha256Hex(bytes));
  absl::StatusOr<Safetensors> read = ReadSafetensors(path_, saved->sha256);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->metadata, written.metadata);
  ASSERT_EQ(read->tensors.size(), written.tensors.size());
  for (const auto& [name, tensor] : written.tensors) {
    EXPECT_TRUE(at::equal(read->tensors.at(name), tensor)) << name;
    EXPECT_EQ(read->tensors.at(name).scalar_type(), tensor.scalar_type());
  }
}

TEST_F(SafetensorsTest, LeavesNoTemporaryFileAndReplacesAtOnce) {
  ASSERT_TRUE(WriteSafetensors(path_, Example()).ok());
  ASSERT_TRUE(WriteSafetensors(path_, Example()).ok());
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++files;
  EXPECT_EQ(files, 1);
}

TEST_F(SafetensorsTest, WritingIntoNoFolderNamesTheFile) {
  const absl::Status status = WriteSafetensors(folder_ + "/none/x", Example()).status();
  EXPECT_NE(status.message().find(folder_ + "/none/x"), absl::string_view::npos);
}

TEST_F(SafetensorsTest, RefusesEveryFlippedBitByTheDigest) {
  absl::StatusOr<SavedFile> saved = WriteSafetensors(path_, Example());
  ASSERT_TRUE(saved.ok());
  const std::string bytes = Slurp(path_);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] ^= static_cast<char>(1 << (i % 8));
    std::ofstream(path_, std::ios::binary) << flipped;
    EXPECT_EQ(ReadSafetensors(path_, saved->sha256).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST_F(SafetensorsTest, FlippedBitsNeverCrash) {
  ASSERT_TRUE(WriteSafetensors(path_, Example()).ok());
  const std::string bytes = Slurp(path_);
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[i] ^= static_cast<char>(1 << bit);
      ErrorOf(flipped);
    }
  }
}

TEST_F(SafetensorsTest, RefusesTruncationAtEveryByte) {
  ASSERT_TRUE(WriteSafetensors(path_, Example()).ok());
  const std::string bytes = Slurp(path_);
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_NE(ErrorOf(bytes.substr(0, n)), "") << n;
  EXPECT_NE(ErrorOf(bytes + "x"), "");
}

TEST_F(SafetensorsTest, RefusesHugeHeaders) {
  EXPECT_NE(ErrorOf(File(~uint64_t{0}, "{}", "")).find("claims"), std::string::npos);
  EXPECT_NE(ErrorOf(File(100'000'001, "{}", "")).find("claims"), std::string::npos);
  EXPECT_NE(ErrorOf(File(3, "{}", "")).find("truncated"), std::string::npos);
}

TEST_F(SafetensorsTest, RefusesDuplicateNames) {
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_EQ(ErrorOf(File(R"({"a":)" + entry + "}", "x")), "");
  EXPECT_NE(ErrorOf(File(R"({"a":)" + entry + R"(,"a":)" + entry + "}", "x")).find("stands twice"),
            std::string::npos);
  EXPECT_NE(ErrorOf(File(R"({"__metadata__":{"k":"1","k":"2"}})")).find("stands twice"),
            std::string::npos);
}

TEST_F(SafetensorsTest, RefusesRangesThatOverlapOrLeaveGapsOrTheFile) {
  const auto two = [](const std::string& a, const std::string& b) {
    return File(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + a +
                    R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}",
                "1234");
  };
  EXPECT_EQ(ErrorOf(two("[0,2]", "[2,4]")), "");
  EXPECT_NE(ErrorOf(two("[0,2]", "[1,3]")).find("overlaps"), std::string::npos);
  EXPECT_NE(ErrorOf(two("[0,2]", "[0,2]")).find("overlaps"), std::string::npos);
  EXPECT_NE(ErrorOf(two("[1,3]", "[3,5]")).find("outside"), std::string::npos);
  EXPECT_NE(ErrorOf(two("[0,2]", "[4,2]")).find("outside"), std::string::npos);
  EXPECT_NE(ErrorOf(two("[0,1]", "[1,3]")).find("does not fit"), std::string::npos);
  EXPECT_NE(ErrorOf(two("[0,2]", "[2,4,6]")).find("outside"), std::string::npos);
}

TEST_F(SafetensorsTest, RefusesOverflowingShapesAndWrongTypes) {
  const auto one = [](const std::string& dtype, const std::string& shape) {
    return ErrorOf(
        File(R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":[0,0]}})"));
  };
  EXPECT_EQ(one(R"("F32")", "[0]"), "");
  EXPECT_NE(one(R"("F32")", "[4611686018427387904,4]").find("overflows"), std::string::npos);
  EXPECT_NE(one(R"("F32")", "[18446744073709551615]"), "");
  EXPECT_NE(one(R"("F32")", "[-1]"), "");
  EXPECT_NE(one(R"("F32")", "[0.5]"), "");
  EXPECT_NE(one(R"("F33")", "[4611686018427387904,4]").find("overflows"), std::string::npos);
  EXPECT_NE(one("1", "[0]"), "");
}

TEST_F(SafetensorsTest, TensorsOfUnknownTypesDoNotKeepOthersFromBeingRead) {
  const std::string bytes = File(R"({"a":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]},)"
                                 R"("b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})",
                                 "xyz\x07");
  const absl::StatusOr<Safetensors> read = ParseSafetensors(bytes, "c.safetensors");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->unreadable, (std::map<std::string, std::string>{{"a", "F8_E4M3"}}));
  ASSERT_EQ(read->tensors.size(), 1u);
  EXPECT_EQ(read->tensors.at("b").item<int64_t>(), 7);
  // Ranges are checked all the same.
  EXPECT_NE(ErrorOf(File(R"({"a":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]}})", "xy")),
            "");
}

TEST_F(SafetensorsTest, RefusesJsonOfAnotherForm) {
  for (const char* header :
       {"[]", "{", "{}x", "null", R"({"a":1})", R"({"a":{}})", R"({"a":{"dtype":"U8"}})",
        R"({"__metadata__":{"k":1}})", R"({"__metadata__":{"k":{}}})",
        R"({"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})",
        R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})"}) {
    EXPECT_NE(ErrorOf(File(header)), "") << header;
  }
  EXPECT_NE(ErrorOf(File("{\"a\":" + std::string(100000, '['))), "");
}

}  // namespace
}  // namespace descent
