// Tests of the page that `descent open` leaves for the browser.
#include "client/cli/sign_in_page.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/time/clock.h"

namespace descent::cli {
namespace {

class SignInPageTest : public ::testing::Test {
 protected:
  SignInPageTest() {
    std::string name = "/tmp/descent-page-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~SignInPageTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  const absl::Time now_ = absl::Now();
};

TEST_F(SignInPageTest, LeadsToTheAddressForItsOwnerAlone) {
  const std::string page = WriteSignInPage(folder_, "http://localhost:1/#code=descent_x", now_);
  struct stat about{};
  ASSERT_EQ(stat(page.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  std::ifstream file(page);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(text.find("0; url=http://localhost:1/#code=descent_x\""), std::string::npos) << text;
  EXPECT_EQ(WriteSignInPage(folder_ + "/none", "http://localhost:1/", now_), "");
}

TEST_F(SignInPageTest, PagesWhoseCodesAreGoodNoLongerGo) {
  const std::string other = folder_ + "/descent-open-mine.txt";
  std::ofstream(other) << "mine";
  const std::string first = WriteSignInPage(folder_, "http://localhost:1/", now_);
  const std::string second = WriteSignInPage(folder_, "http://localhost:1/", now_);
  EXPECT_TRUE(std::filesystem::exists(first));
  const std::string third =
      WriteSignInPage(folder_, "http://localhost:1/", now_ + absl::Minutes(2));
  EXPECT_FALSE(std::filesystem::exists(first));
  EXPECT_FALSE(std::filesystem::exists(second));
  EXPECT_TRUE(std::filesystem::exists(third));
  EXPECT_TRUE(std::filesystem::exists(other));
}

}  // namespace
}  // namespace descent::cli
