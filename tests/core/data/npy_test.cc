#include "core/data/npy.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/data/npz.h"
#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

std::string Golden(const std::string& name) {
  std::stringstream stream;
  stream << std::ifstream("tests/data/" + name, std::ios::binary).rdbuf();
  EXPECT_NE(stream.str(), "") << name;
  return stream.str();
}

absl::StatusOr<at::Tensor> Parse(const std::string& bytes) {
  return ParseNpy(bytes, "a.npy", nullptr);
}

std::string ErrorOf(const std::string& bytes) {
  const absl::Status status = Parse(bytes).status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("a.npy"), absl::string_view::npos) << status;
  return std::string(status.message());
}

std::string File(const std::string& header, const std::string& data) {
  std::string bytes = "\x93NUMPY";
  bytes += '\1';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + data;
}

TEST(Npy, ReadsEveryTypeThatNumpyWrites) {
  for (const auto& [name, type] :
       std::vector<std::pair<const char*, at::ScalarType>>{{"b1", at::kBool},
                                                           {"i1", at::kChar},
                                                           {"u1", at::kByte},
                                                           {"i2", at::kShort},
                                                           {"u2", at::kInt},
                                                           {"i4", at::kInt},
                                                           {"u4", at::kLong},
                                                           {"i8", at::kLong},
                                                           {"u8", at::kLong},
                                                           {"f2", at::kHalf},
                                                           {"f4", at::kFloat},
                                                           {"f8", at::kDouble}}) {
    absl::StatusOr<at::Tensor> read = Parse(Golden(std::string("arrays/") + name + ".npy"));
    ASSERT_TRUE(read.ok()) << name << read.status();
    EXPECT_EQ(read->scalar_type(), type) << name;
    EXPECT_TRUE(at::equal(*read, at::arange(6).view({2, 3}).to(type))) << name;
  }
}

TEST(Npy, ReadsFortranOrderAndVersion2AndScalars) {
  absl::StatusOr<at::Tensor> fortran = Parse(Golden("arrays/fortran.npy"));
  ASSERT_TRUE(fortran.ok()) << fortran.status();
  EXPECT_TRUE(at::equal(*fortran, at::arange(24, at::kFloat).view({2, 3, 4})));
  EXPECT_TRUE(fortran->is_contiguous());
  absl::StatusOr<at::Tensor> second = Parse(Golden("arrays/version2.npy"));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(at::equal(*second, at::arange(6, at::kFloat).view({2, 3})));
  EXPECT_EQ(Parse(Golden("arrays/scalar.npy"))->dim(), 0);
  absl::StatusOr<at::Tensor> swapped = Parse(Golden("arrays/big_endian.npy"));
  ASSERT_TRUE(swapped.ok()) << swapped.status();
  EXPECT_TRUE(at::equal(*swapped, at::arange(6, at::kFloat)));
}

TEST(Npy, TypesAreCalledAsNumpyCallsThem) {
  for (const auto& [name, type] :
       std::vector<std::pair<std::string, std::string>>{{"b1", "bool"},
                                                        {"u1", "uint8"},
                                                        {"u2", "uint16"},
                                                        {"u4", "uint32"},
                                                        {"u8", "uint64"},
                                                        {"i4", "int32"},
                                                        {"f8", "float64"}}) {
    std::string called;
    EXPECT_TRUE(ParseNpy(Golden("arrays/" + name + ".npy"), "a.npy", nullptr, &called).ok());
    EXPECT_EQ(called, type);
    const NpyFiles files{.inputs = "tests/data/arrays/" + name + ".npy", .targets = ""};
    EXPECT_EQ(files.Read({.inputs_only = true})->inputs_type, type);
  }
}

TEST(Npy, SharesTheBytesOfWhoKeepsThemAlive) {
  auto owner = std::make_shared<const std::string>(Golden("arrays/f4.npy"));
  at::Tensor read = *ParseNpy(*owner, "a.npy", owner);
  EXPECT_EQ(static_cast<const char*>(read.const_data_ptr()),
            owner->data() + owner->size() - 6 * sizeof(float));
  const std::weak_ptr<const std::string> alive = owner;
  owner.reset();
  EXPECT_FALSE(alive.expired());
  read.reset();
  EXPECT_TRUE(alive.expired());
}

TEST(Npy, RefusesTypesThatAreNoNumbers) {
  EXPECT_NE(ErrorOf(Golden("arrays/complex.npy")).find("'<c8'"), std::string::npos);
  ErrorOf(Golden("arrays/text.npy"));
  ErrorOf(Golden("arrays/record.npy"));
  EXPECT_NE(ErrorOf(Golden("arrays/above.npy")).find("2^63"), std::string::npos);
}

TEST(Npy, RefusesTruncationAtEveryByteAndBytesTooMany) {
  const std::string whole = Golden("arrays/f4.npy");
  for (size_t n = 1; n < whole.size(); ++n) {
    EXPECT_NE(ErrorOf(whole.substr(0, n)).find("truncated"), std::string::npos) << n;
  }
  ErrorOf("");
  EXPECT_NE(ErrorOf(whole + "x").find("more than"), std::string::npos);
}

TEST(Npy, FlippedBitsNeverCrash) {
  const std::string whole = Golden("arrays/f4.npy");
  for (size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[i] ^= static_cast<char>(1 << bit);
      (void)Parse(flipped).ok();
    }
  }
}

TEST(Npy, RefusesHeadersThatLie) {
  const std::string four = "1234";
  EXPECT_TRUE(Parse(File("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", four)).ok());
  for (const char* header : {
           "",
           "{",
           "{'descr': '<f4'}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
           "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}",
       }) {
    EXPECT_NE(ErrorOf(File(header, four)).find("header"), std::string::npos) << header;
  }
  const std::string huge = "(4611686018427387904, 4611686018427387904, 0)";
  ErrorOf(File("{'descr': '<f4', 'fortran_order': False, 'shape': " + huge + ", }", four));
  ErrorOf(
      File("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,), }", four));
  std::string version = File("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", four);
  version[6] = 9;
  EXPECT_NE(ErrorOf(version).find("version 9"), std::string::npos);
}

TEST(Npy, PairsInputsAndTargets) {
  const TemporaryFolder folder;
  const std::string inputs = folder.Write("x.npy", Golden("arrays/f4.npy"));
  const std::string targets = folder.Write("y.npy", Golden("arrays/i8.npy"));
  absl::StatusOr<Examples> examples = NpyFiles{inputs, targets}.Read({});
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->size(), 2);
  EXPECT_EQ(examples->files.size(), 2u);
  const std::string scalar = folder.Write("s.npy", Golden("arrays/scalar.npy"));
  EXPECT_EQ(NpyFiles({inputs, scalar}).Read({}).status().message(),
            scalar + " is a single number, where an array of examples is expected.");
}

TEST(Npy, ToBePredictedItNeedsNoTargets) {
  const TemporaryFolder folder;
  const std::string inputs = folder.Write("x.npy", Golden("arrays/f4.npy"));
  const auto alone = NpyFiles{inputs, ""}.Read({.inputs_only = true});
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(alone->size(), 2);
  EXPECT_FALSE(alone->targets.defined());
  EXPECT_EQ(alone->files.size(), 1u);
  NpzFile file;
  file.path = folder.Write("a.npz", Golden("arrays.npz"));
  file.targets = "none";
  const auto of_two = file.Read({.inputs_only = true});
  ASSERT_TRUE(of_two.ok()) << of_two.status();
  EXPECT_EQ(of_two->size(), 4);
}

TEST(Npz, ReadsWhatNumpyWrites) {
  const TemporaryFolder folder;
  for (const char* name : {"arrays.npz", "arrays_compressed.npz"}) {
    NpzFile file;
    file.path = folder.Write(name, Golden(name));
    absl::StatusOr<Examples> examples = file.Read({});
    ASSERT_TRUE(examples.ok()) << examples.status();
    EXPECT_TRUE(at::equal(examples->inputs, at::arange(8, at::kFloat).view({4, 2})));
    EXPECT_TRUE(at::equal(examples->targets, at::arange(4) % 2));
    EXPECT_EQ(examples->files.size(), 1u);
  }
}

TEST(Npz, NamesTheArraysThatThereAre) {
  EXPECT_EQ(ParseNpz(Golden("arrays.npz"), "a.npz", "x").status().message(),
            "a.npz has no array \"x\"; its arrays are inputs, targets.");
}

TEST(Npz, RefusesTruncationAtEveryByteAndSurvivesFlippedBits) {
  for (const char* name : {"arrays.npz", "arrays_compressed.npz"}) {
    const std::string whole = Golden(name);
    for (size_t n = 0; n < whole.size(); ++n) {
      const absl::Status status = ParseNpz(whole.substr(0, n), "a.npz", "targets").status();
      EXPECT_FALSE(status.ok()) << n;
      EXPECT_NE(status.message().find("a.npz"), absl::string_view::npos);
    }
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string flipped = whole;
      flipped[i] ^= static_cast<char>(1 << (i % 8));
      (void)ParseNpz(flipped, "a.npz", "targets").ok();
    }
  }
}

TEST(Npz, RefusesOtherFiles) {
  EXPECT_NE(ParseNpz("no archive", "a.npz", "x").status().message().find("ZIP"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace descent
