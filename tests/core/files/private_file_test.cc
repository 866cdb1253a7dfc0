#include "core/files/private_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace descent {
namespace {

class PrivateFileTest : public ::testing::Test {
 protected:
  PrivateFileTest() {
    std::string name = "/tmp/descent-private-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~PrivateFileTest() override { std::filesystem::remove_all(folder_); }

  static std::string Text(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static unsigned Mode(const std::string& path) {
    struct stat about{};
    return stat(path.c_str(), &about) == 0 ? about.st_mode & 0777U : 0;
  }

  std::string folder_;
};

TEST_F(PrivateFileTest, IsReplacedInOnePieceForItsOwnerAlone) {
  const std::string path = folder_ + "/token";
  std::ofstream(path) << "before";
  ASSERT_EQ(chmod(path.c_str(), 0666), 0);
  ASSERT_TRUE(WritePrivateFile(path, "after").ok());
  EXPECT_EQ(Text(path), "after");
  EXPECT_EQ(Mode(path), 0600U);
  const absl::Status status = WritePrivateFile(folder_ + "/none/token", "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "Can't write " + folder_ + "/none/token: No such file or directory");
}

TEST_F(PrivateFileTest, ANewOneGoesUnlessItWasWritten) {
  const std::string path = folder_ + "/token";
  {
    const NewPrivateFile unused(path);
    EXPECT_TRUE(unused.made().ok());
    EXPECT_EQ(Mode(path), 0600U);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    NewPrivateFile written(path);
    ASSERT_TRUE(written.Write("secret").ok());
  }
  EXPECT_EQ(Text(path), "secret");
  // What is there stays, a link that leads nowhere too.
  std::filesystem::create_symlink(folder_ + "/nothing", folder_ + "/link");
  for (const std::string& taken : {path, folder_ + "/link"}) {
    const NewPrivateFile refused(taken);
    EXPECT_EQ(refused.made().message(), "File exists");
  }
  EXPECT_EQ(Text(path), "secret");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/nothing"));
}

}  // namespace
}  // namespace descent
