#include "core/data/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    inside_ = folder_.Write("root/a.csv", "a");
    outside_ = folder_.Write("secret.csv", "b");
    folder_.Write("root2/c.csv", "c");
    absl::StatusOr<DataRoots> roots = DataRoots::Create({folder_.path() + "/root"});
    EXPECT_TRUE(roots.ok()) << roots.status();
    roots_ = *roots;
  }

  std::string In(const std::string& name) { return folder_.path() + "/root/" + name; }

  absl::Status Read(const std::string& path) {
    const absl::Status read = ReadDataFile(path, roots_).status();
    EXPECT_EQ(MapDataFile(path, roots_).status(), read);
    EXPECT_EQ(StampDataFile(path, roots_).status().code(), read.code());
    return read;
  }

  const TemporaryFolder folder_;
  std::string inside_;
  std::string outside_;
  DataRoots roots_;
};

TEST_F(FileTest, ReadsAndMapsTheSame) {
  absl::StatusOr<FileContents> read = ReadDataFile(inside_, roots_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->bytes, "a");
  absl::StatusOr<MappedFile> mapped = MapDataFile(inside_, roots_);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_EQ(mapped->bytes, "a");
  EXPECT_EQ(mapped->digest.sha256, read->digest.sha256);
}

// A file is refused before anything is read of it: to hash a terabyte of holes takes an hour.
TEST_F(FileTest, RefusesWhatIsLargerThanMemoryAndWhatIsMadeOfHoles) {
  const std::string path = folder_.Write("root/hollow.npy", "x");
  if (truncate(path.c_str(), off_t{1} << 43) != 0) GTEST_SKIP() << "no files so large here";
  const absl::Status read = ReadDataFile(path, roots_).status();
  EXPECT_EQ(read.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(read.message().find("too large for memory: it is 8796 GB") != std::string::npos)
      << read;
  const absl::Status mapped = MapDataFile(path, roots_).status();
  EXPECT_EQ(mapped.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(mapped.message().find("is sparse: it claims 8796 GB") != std::string::npos) << mapped;
}

TEST_F(FileTest, AMappedFileThatIsOverwrittenIsNoticed) {
  const std::string path = folder_.Write("root/data.npy", "0123456789");
  FileDigest file = MapDataFile(path, roots_)->digest;
  FileDigest read = ReadDataFile(path, roots_)->digest;
  EXPECT_TRUE(CheckUnchanged(&file, roots_).ok());
  const auto write = [&](const char* text) {
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_EQ(pwrite(fd, text, 10, 0), 10);
    const timespec times[2] = {{0, UTIME_OMIT}, {1'000'000'000, 7}};  // not that of before
    ASSERT_EQ(futimens(fd, times), 0);
    close(fd);
  };
  write("0123456789");  // only its time is another
  EXPECT_TRUE(CheckUnchanged(&file, roots_).ok());
  write("0123456780");
  file.mapped->stamp.modified_nanos = 0;
  const absl::Status status = CheckUnchanged(&file, roots_);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(path), std::string::npos);
  EXPECT_TRUE(CheckUnchanged(&read, roots_).ok());  // of that there is a copy
  ASSERT_EQ(truncate(path.c_str(), 0), 0);
  EXPECT_FALSE(CheckUnchanged(&file, roots_).ok());
  // Another file takes its place; what is mapped is the old one.
  unlink(path.c_str());
  EXPECT_TRUE(CheckUnchanged(&file, roots_).ok());
  folder_.Write("root/data.npy", "other");
  file.mapped->stamp.inode = 0;
  EXPECT_TRUE(CheckUnchanged(&file, roots_).ok());
}

TEST_F(FileTest, AMappedFileThatIsOverwrittenWithItsTimeKeptIsNoticed) {
  const std::string path = folder_.Write("root/data.npy", "0123456789");
  FileDigest file = MapDataFile(path, roots_)->digest;
  struct stat before{};
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(pwrite(fd, "0123456780", 10, 0), 10);
  const timespec times[2] = {{0, UTIME_OMIT}, before.st_mtim};
  ASSERT_EQ(futimens(fd, times), 0);
  close(fd);
  file.mapped->stamp.changed_nanos = 0;  // the clock of files may not have moved on yet
  EXPECT_EQ(StampDataFile(path, roots_)->modified_nanos, file.mapped->stamp.modified_nanos);
  EXPECT_EQ(CheckUnchanged(&file, roots_).code(), absl::StatusCode::kDataLoss);
}

TEST_F(FileTest, RefusesWhatIsOutsideTheRootsHoweverItIsNamed) {
  std::filesystem::create_symlink(outside_, In("link.csv"));
  std::filesystem::create_symlink("../secret.csv", In("relative.csv"));
  std::filesystem::create_directory_symlink(folder_.path(), In("up"));
  for (const std::string& path :
       {outside_, In("../secret.csv"), In("link.csv"), In("relative.csv"), In("up/secret.csv"),
        folder_.path() + "/root2/c.csv", std::string("/etc/passwd"), std::string("/dev/zero")}) {
    const absl::Status status = Read(path);
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << path << status;
    EXPECT_NE(status.message().find(path + " is outside the folders"), absl::string_view::npos);
  }
  EXPECT_EQ(ListDataFolder(folder_.path(), roots_).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(IsDataFolder(In("up"), roots_));
}

TEST_F(FileTest, LinksAndDotsWithinTheRootsAreFine) {
  std::filesystem::create_symlink(inside_, In("link.csv"));
  EXPECT_TRUE(Read(In("link.csv")).ok());
  EXPECT_TRUE(Read(folder_.path() + "/root2/../root/a.csv").ok());
  EXPECT_TRUE(ListDataFolder(In(""), roots_).ok());
}

TEST_F(FileTest, WithoutRootsEverythingMayBeRead) {
  absl::StatusOr<DataRoots> all = DataRoots::Create({});
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(ReadDataFile(outside_, *all).ok());
  absl::StatusOr<DataRoots> top = DataRoots::Create({"/"});
  ASSERT_TRUE(top.ok());
  EXPECT_TRUE(ReadDataFile(outside_, *top).ok());
}

TEST_F(FileTest, WhatIsKeptOutIsReadByNoWay) {
  std::filesystem::create_symlink(folder_.path() + "/root", folder_.path() + "/link");
  for (const std::vector<std::string>& roots :
       std::vector<std::vector<std::string>>{{}, {folder_.path()}, {folder_.path() + "/root"}}) {
    absl::StatusOr<DataRoots> but = DataRoots::Create(roots, {folder_.path() + "/link"});
    ASSERT_TRUE(but.ok()) << but.status();
    for (const std::string& path :
         {inside_, folder_.path() + "/link/a.csv", folder_.path() + "/root2/../root/a.csv"}) {
      const absl::Status status = ReadDataFile(path, *but).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << path;
      EXPECT_EQ(status.message(),
                path + " is in descentd's own folder, of which no job reads data.");
    }
    EXPECT_FALSE(ListDataFolder(In(""), *but).ok());
  }
}

TEST_F(FileTest, AFileThatIsKeptOutIsReadByNoneOfItsNames) {
  const std::string later = folder_.path() + "/keys/later.key";
  absl::StatusOr<DataRoots> but = DataRoots::Create({folder_.path() + "/root"}, {outside_, later});
  ASSERT_TRUE(but.ok()) << but.status();
  std::filesystem::create_hard_link(outside_, In("link.csv"));
  folder_.Write("keys/later.key", "made when the roots were there already");
  std::filesystem::create_hard_link(later, In("later.csv"));
  for (const std::string& path : {In("link.csv"), In("later.csv")}) {
    const absl::Status status = ReadDataFile(path, *but).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << path;
    EXPECT_EQ(status.message(),
              path + " is another name of a file that descentd keeps to itself: remove this one.");
  }
  std::filesystem::create_hard_link(inside_, In("mine.csv"));
  EXPECT_TRUE(ReadDataFile(In("mine.csv"), *but).ok());
}

TEST_F(FileTest, WhatIsSharedIsReadWhereverItLies) {
  for (const std::vector<std::string>& roots :
       std::vector<std::vector<std::string>>{{}, {folder_.path() + "/root2"}}) {
    absl::StatusOr<DataRoots> but =
        DataRoots::Create(roots, {folder_.path()}, {folder_.path() + "/root"});
    ASSERT_TRUE(but.ok()) << but.status();
    EXPECT_TRUE(ReadDataFile(inside_, *but).ok());
    EXPECT_FALSE(ReadDataFile(outside_, *but).ok());
    EXPECT_FALSE(ReadDataFile(folder_.path() + "/root/../secret.csv", *but).ok());
  }
}

TEST_F(FileTest, RefusesRootsThatAreNoFolders) {
  EXPECT_EQ(DataRoots::Create({inside_}).status().message(),
            inside_ + " is no folder to read data from.");
  EXPECT_FALSE(DataRoots::Create({folder_.path() + "/none"}).ok());
}

TEST_F(FileTest, RefusesWhatIsNoRegularFile) {
  EXPECT_EQ(Read(In("none")).code(), absl::StatusCode::kNotFound);
  ASSERT_EQ(mkfifo(In("fifo").c_str(), 0600), 0);
  EXPECT_EQ(Read(In("fifo")).message(), In("fifo") + " is a FIFO: data must be in a regular file.");
  EXPECT_EQ(ReadDataFile(folder_.path() + "/root", roots_).status().message(),
            folder_.path() + "/root is a folder: data must be in a regular file.");
  EXPECT_EQ(ReadDataFile("/dev/zero").status().message(),
            "/dev/zero is a device: data must be in a regular file.");
  EXPECT_EQ(Read(std::string("a\0b", 3)).message(),
            "The path of a data file contains a NUL character.");
  EXPECT_EQ(Read(folder_.Write("root/empty", "")).message(), In("empty") + " is empty.");
  EXPECT_FALSE(Read("").ok());
}

TEST_F(FileTest, ThePlaceIsThatOfTheOpenedFile) {
  // A folder on the way is replaced by a link; what counts is what was opened.
  std::filesystem::create_directory(In("data"));
  folder_.Write("root/data/x.csv", "x");
  folder_.Write("other/x.csv", "other");
  EXPECT_TRUE(Read(In("data/x.csv")).ok());
  std::filesystem::remove_all(In("data"));
  std::filesystem::create_directory_symlink(folder_.path() + "/other", In("data"));
  EXPECT_EQ(Read(In("data/x.csv")).code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(FileTest, AFoldersStampChangesWithWhatIsInIt) {
  folder_.Write("root/cat/1.png", "1");
  const FileStamp before = *StampDataFile(folder_.path() + "/root", roots_);
  EXPECT_EQ(*StampDataFile(folder_.path() + "/root", roots_), before);
  folder_.Write("root/cat/1.png", "12");
  EXPECT_FALSE(*StampDataFile(folder_.path() + "/root", roots_) == before);
}

}  // namespace
}  // namespace descent
