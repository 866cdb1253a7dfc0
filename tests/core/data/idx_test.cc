#include "core/data/idx.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace descent {
namespace {

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (int v : values) bytes.push_back(static_cast<char>(v));
  return bytes;
}

std::string Gzip(const std::string& bytes) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(bytes.size() + 1000, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = bytes.size();
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = out.size();
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// This is a table [2, 3] of the unsigned bytes 1 to 6.
const std::string kTable = Bytes({0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6});

TEST(Idx, ReadsUnsignedBytesOfAnyRank) {
  absl::StatusOr<at::Tensor> read = ParseIdx(kTable, "x");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(at::equal(*read, at::arange(1, 7, at::kByte).view({2, 3})));
  read = ParseIdx(Bytes({0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 7, 8}), "x");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->sizes().vec(), (std::vector<int64_t>{1, 1, 2, 1}));
}

TEST(Idx, ReadsBigEndianNumbers) {
  absl::StatusOr<at::Tensor> ints =
      ParseIdx(Bytes({0, 0, 0x0C, 1, 0, 0, 0, 2, 0, 0, 1, 2, 0xff, 0xff, 0xff, 0xfe}), "x");
  ASSERT_TRUE(ints.ok()) << ints.status();
  EXPECT_EQ((*ints)[0].item<int>(), 258);
  EXPECT_EQ((*ints)[1].item<int>(), -2);
  absl::StatusOr<at::Tensor> floats =
      ParseIdx(Bytes({0, 0, 0x0D, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0}), "x");
  ASSERT_TRUE(floats.ok()) << floats.status();
  EXPECT_EQ(floats->item<float>(), 1.5f);
}

TEST(Idx, ReadsGzip) {
  absl::StatusOr<at::Tensor> read = ParseIdx(Gzip(kTable), "x");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->sum().item<int64_t>(), 21);
}

TEST(Idx, ReadsGzipOfSeveralMembers) {
  absl::StatusOr<at::Tensor> read =
      ParseIdx(Gzip(kTable.substr(0, 10)) + Gzip(kTable.substr(10)), "x");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->sum().item<int64_t>(), 21);
}

TEST(Idx, RefusesTruncationAtEveryByteNamingTheFile) {
  for (const std::string& whole : {kTable, Gzip(kTable)}) {
    for (size_t n = 0; n < whole.size(); ++n) {
      absl::StatusOr<at::Tensor> read = ParseIdx(whole.substr(0, n), "images.idx");
      EXPECT_FALSE(read.ok()) << n;
      EXPECT_NE(read.status().message().find("images.idx"), absl::string_view::npos);
    }
  }
}

TEST(Idx, RefusesDamagedGzip) {
  std::string gzip = Gzip(kTable);
  gzip[gzip.size() - 5] ^= 1;  // its checksum
  EXPECT_EQ(ParseIdx(gzip, "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(Idx, RefusesAWrongMagic) {
  for (const std::string& bytes :
       {Bytes({1, 0, 8, 1, 0, 0, 0, 1, 1}), Bytes({0, 0, 7, 1, 0, 0, 0, 1, 1}), Bytes({0, 0, 8, 0}),
        std::string("PNG and more")}) {
    const absl::Status status = ParseIdx(bytes, "x").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("not an idx file"), absl::string_view::npos) << status;
  }
}

TEST(Idx, RefusesAHeaderThatPromisesTooMuchBeforeAllocating) {
  std::string huge = Bytes({0, 0, 8, 3});
  for (int i = 0; i < 3; ++i) huge += Bytes({0xff, 0xff, 0xff, 0xff});
  EXPECT_EQ(ParseIdx(huge, "x").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ParseIdx(Gzip(huge), "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(Idx, RefusesBytesAfterTheLastElement) {
  EXPECT_FALSE(ParseIdx(kTable + "x", "x").ok());
  EXPECT_FALSE(ParseIdx(Gzip(kTable + "x"), "x").ok());
}

TEST(Idx, RefusesNoElements) { EXPECT_FALSE(ParseIdx(Bytes({0, 0, 8, 1, 0, 0, 0, 0}), "x").ok()); }

}  // namespace
}  // namespace descent
