#include "core/data/picture.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <png.h>
#include <turbojpeg.h>

#include <string>
#include <vector>

#include "core/data/encode.h"
#include "core/data/image_folder.h"
#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

// [channels, height, width] of smooth colors.
at::Tensor Colors(int64_t channels, int64_t height, int64_t width) {
  at::Tensor colors = at::empty({channels, height, width}, at::kByte);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) colors[c][y][x] = 40 * c + 5 * y + 3 * x;
    }
  }
  return colors;
}

std::string Png(const at::Tensor& picture) {
  const at::Tensor pixels = picture.permute({1, 2, 0}).contiguous();
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(pixels.size(0));
  image.width = static_cast<png_uint_32>(pixels.size(1));
  image.format = pixels.size(2) == 1   ? PNG_FORMAT_GRAY
                 : pixels.size(2) == 3 ? PNG_FORMAT_RGB
                                       : PNG_FORMAT_RGBA;
  png_alloc_size_t size = 0;
  EXPECT_NE(
      png_image_write_to_memory(&image, nullptr, &size, 0, pixels.const_data_ptr(), 0, nullptr), 0);
  std::string bytes(size, '\0');
  EXPECT_NE(png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.const_data_ptr(), 0,
                                      nullptr),
            0);
  bytes.resize(size);
  return bytes;
}

std::string Jpeg(const at::Tensor& picture) {
  const at::Tensor pixels = picture.permute({1, 2, 0}).contiguous();
  tjhandle encoder = tjInitCompress();
  unsigned char* data = nullptr;
  unsigned long size = 0;
  EXPECT_EQ(
      tjCompress2(encoder, pixels.const_data_ptr<unsigned char>(), static_cast<int>(pixels.size(1)),
                  0, static_cast<int>(pixels.size(0)), TJPF_RGB, &data, &size, TJSAMP_444, 95, 0),
      0);
  std::string bytes(reinterpret_cast<char*>(data), size);
  tjFree(data);
  tjDestroy(encoder);
  return bytes;
}

TEST(Picture, ReadsPngExactly) {
  for (const int64_t channels : {1, 3}) {
    const at::Tensor colors = Colors(channels, 6, 9);
    absl::StatusOr<at::Tensor> read = DecodePicture(Png(colors), "a.png", channels);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(at::equal(*read, colors));
  }
}

TEST(Picture, ConvertsBetweenGreyAndColor) {
  const at::Tensor grey = Colors(1, 4, 4);
  EXPECT_TRUE(at::equal(*DecodePicture(Png(grey), "a.png", 3), grey.expand({3, 4, 4})));
  EXPECT_EQ(DecodePicture(Png(Colors(3, 4, 5)), "a.png", 1)->sizes().vec(),
            (std::vector<int64_t>{1, 4, 5}));
  EXPECT_EQ(DecodePicture(Jpeg(Colors(3, 4, 5)), "a.jpg", 1)->sizes().vec(),
            (std::vector<int64_t>{1, 4, 5}));
}

TEST(Picture, ShowsWhatIsTransparentOnBlack) {
  at::Tensor clear = at::full({4, 2, 2}, 255, at::kByte);
  clear[3].zero_();
  EXPECT_EQ(DecodePicture(Png(clear), "a.png", 3)->max().item<int>(), 0);
}

TEST(Picture, ReadsJpegClosely) {
  const at::Tensor colors = Colors(3, 16, 24);
  absl::StatusOr<at::Tensor> read = DecodePicture(Jpeg(colors), "a.jpg", 3);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_LE((read->to(at::kInt) - colors.to(at::kInt)).abs().max().item<int>(), 6);
}

TEST(Picture, RefusesTruncationAtEveryByteAndSurvivesFlippedBits) {
  for (const std::string& whole : {Png(Colors(3, 6, 9)), Jpeg(Colors(3, 16, 16))}) {
    for (size_t n = 0; n < whole.size(); ++n) {
      const absl::Status status = DecodePicture(whole.substr(0, n), "a.png", 3).status();
      EXPECT_FALSE(status.ok()) << n << " of " << whole.size();
      EXPECT_NE(status.message().find("a.png"), absl::string_view::npos);
    }
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string flipped = whole;
      flipped[i] ^= static_cast<char>(1 << (i % 8));
      (void)DecodePicture(flipped, "a.png", 3).ok();
    }
  }
  EXPECT_EQ(DecodePicture("GIF89a", "a.gif", 3).status().message(),
            "a.gif is neither a PNG nor a JPEG picture by its first bytes.");
}

TEST(Picture, RefusesAHeaderThatPromisesTooMuchBeforeAllocating) {
  // Width and height of 2^30; the checksum of the header is right.
  std::string huge = Png(Colors(3, 6, 9));
  huge.replace(16, 8, std::string("\x40\0\0\0\x40\0\0\0", 8));
  uint32_t crc = 0xffffffff;
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<unsigned char>(huge[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  crc = ~crc;
  for (int i = 0; i < 4; ++i) huge[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  EXPECT_FALSE(DecodePicture(huge, "a.png", 3).ok());
}

class ImageFolderTest : public ::testing::Test {
 protected:
  std::string ErrorOf() {
    const absl::Status status = images_.Read({}).status();
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  }

  const TemporaryFolder folder_;
  ImageFolder images_ = [this] {
    ImageFolder images;
    images.path = folder_.path();
    return images;
  }();
};

TEST_F(ImageFolderTest, ClassesAndPicturesAreInTheOrderOfTheirNames) {
  folder_.Write("dog/a.JPG", Jpeg(Colors(3, 8, 8)));
  folder_.Write("cat/2.png", Png(Colors(3, 8, 8)));
  folder_.Write("cat/1.png", Png(Colors(1, 8, 8)));
  folder_.Write("cat/.hidden", "x");
  absl::StatusOr<Examples> examples = images_.Read({});
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->inputs.sizes().vec(), (std::vector<int64_t>{3, 3, 8, 8}));
  EXPECT_TRUE(at::equal(examples->inputs[0], Colors(1, 8, 8).expand({3, 8, 8})));
  EXPECT_TRUE(at::equal(examples->targets, at::tensor({0, 0, 1}, at::kLong)));
  EXPECT_EQ(examples->categories, (Categories{{"class", {"cat", "dog"}}}));
  EXPECT_EQ(examples->targets_origin.Name(1), folder_.path() + "/cat/2.png");
  ASSERT_EQ(examples->files.size(), 1u);
  const std::string digest = examples->files[0].sha256;
  folder_.Write("cat/2.png", Png(Colors(3, 8, 8) + 1));
  EXPECT_NE(images_.Read({})->files[0].sha256, digest);
  absl::StatusOr<Dataset> data = Encode(*examples);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_LE(data->inputs.max().item<float>(), 1);
}

TEST_F(ImageFolderTest, ScalesOrNamesThePictureOfAnotherSize) {
  folder_.Write("cat/1.png", Png(Colors(3, 8, 8)));
  folder_.Write("cat/2.png", Png(Colors(3, 8, 10)));
  EXPECT_EQ(ErrorOf(), folder_.path() +
                           "/cat/2.png is 10 pixels wide and 8 high, but cat/1.png 8 and 8; give "
                           "height and width to scale all pictures to.");
  images_.height = 4;
  images_.width = 6;
  absl::StatusOr<Examples> examples = images_.Read({});
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->inputs.sizes().vec(), (std::vector<int64_t>{2, 3, 4, 6}));
  images_.width.reset();
  EXPECT_FALSE(images_.Check().ok());
}

TEST_F(ImageFolderTest, TestDataHaveTheTrainingDatasClasses) {
  folder_.Write("dog/1.png", Png(Colors(3, 8, 8)));
  ReadOptions options;
  options.known = Categories{{"class", {"cat", "dog"}}};
  EXPECT_EQ(images_.Read(options)->targets[0].item<int64_t>(), 1);
  options.known = Categories{{"class", {"cat"}}};
  EXPECT_EQ(images_.Read(options).status().message(),
            folder_.path() + "/dog: the training data has no class \"dog\".");
}

TEST_F(ImageFolderTest, NamesWhatIsNoPictureOrClass) {
  EXPECT_NE(ErrorOf().find("is empty"), std::string::npos);
  const std::string text = folder_.Write("cat/notes.txt", "x");
  EXPECT_EQ(ErrorOf(), text + ": its name does not end in .png, .jpg or .jpeg.");
  std::filesystem::remove(text);
  EXPECT_EQ(ErrorOf(), folder_.path() + "/cat holds no pictures.");
  folder_.Write("cat/1.png", "GIF89a");
  EXPECT_NE(ErrorOf().find("cat/1.png is neither"), std::string::npos);
  folder_.Write("cat/1.png", Png(Colors(3, 8, 8)));
  folder_.Write("zebra.png", Png(Colors(3, 8, 8)));
  EXPECT_EQ(ErrorOf(), folder_.path() + "/zebra.png is no folder.");
}

// Folders are found by their bytes; what is said of them is text.
TEST_F(ImageFolderTest, NamesOfClassesAreTextWhateverTheirBytes) {
  folder_.Write("caf\xE9/1.png", Png(Colors(3, 8, 8)));
  folder_.Write("tea/1.png", Png(Colors(3, 8, 8)));
  const absl::StatusOr<Examples> examples = images_.Read({});
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->categories.at("class"), (std::vector<std::string>{"caf\uFFFD", "tea"}));
  folder_.Write("caf\xE8/1.png", Png(Colors(3, 8, 8)));
  EXPECT_EQ(images_.Read({}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ImageFolderTest, ToBePredictedPicturesMayLieAnywhere) {
  const ReadOptions read{.known = Categories{{"class", {"cat"}}}, .inputs_only = true};
  EXPECT_NE(images_.Read(read).status().message().find("holds no pictures"),
            absl::string_view::npos);
  folder_.Write("b.png", Png(Colors(3, 8, 8)));
  folder_.Write("new/a.png", Png(Colors(3, 8, 8) + 1));
  folder_.Write("a.png", Png(Colors(3, 8, 8) + 2));
  const auto examples = images_.Read(read);
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_TRUE(at::equal(examples->inputs[0], Colors(3, 8, 8) + 2));
  EXPECT_EQ(examples->inputs_origin.Name(2), folder_.path() + "/new/a.png");
  EXPECT_FALSE(examples->targets.defined());
}

}  // namespace
}  // namespace descent
