// Gives a test a folder of its own, and writes files in it.
#ifndef DESCENT_TESTS_CORE_DATA_TEMPORARY_FOLDER_H_
#define DESCENT_TESTS_CORE_DATA_TEMPORARY_FOLDER_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace descent {

class TemporaryFolder {
 public:
  // Writes a file, and the folders that its name goes through; gives its full path.
  std::string Write(const std::string& name, const std::string& bytes) const {
    const std::filesystem::path path = path_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

  const std::string& path() const { return path_; }

 private:
  const std::string path_ = [] {
    const char* given = std::getenv("TEST_TMPDIR");
    std::string name = std::string(given ? given : "/tmp") + "/data.XXXXXX";
    return std::string(mkdtemp(name.data()));
  }();
};

}  // namespace descent

#endif  // DESCENT_TESTS_CORE_DATA_TEMPORARY_FOLDER_H_
