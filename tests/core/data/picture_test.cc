#include "core/data/picture.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

// This one comes after <cstdio>, on which it relies.
#include <jpeglib.h>

#include "absl/strings/str_cat.h"
#include "core/data/encode.h"
#include "core/data/image_folder.h"
#include "core/data/npz.h"
#include "core/fields/fields.h"
#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

// Makes a picture [channels, height, width] of smooth colors.
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
  jpeg_compress_struct encoder = {};
  jpeg_error_mgr errors = {};
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&encoder, &data, &size);
  encoder.image_height = static_cast<JDIMENSION>(pixels.size(0));
  encoder.image_width = static_cast<JDIMENSION>(pixels.size(1));
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, 95, TRUE);
  jpeg_start_compress(&encoder, TRUE);
  for (int64_t y = 0; y < pixels.size(0); ++y) {
    JSAMPROW row = pixels[y].mutable_data_ptr<unsigned char>();
    jpeg_write_scanlines(&encoder, &row, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  std::string bytes(reinterpret_cast<char*>(data), size);
  std::free(data);
  return bytes;
}

absl::StatusOr<at::Tensor> Decode(std::string_view bytes, int64_t channels,
                                  const std::string& path = "a.png") {
  return DecodePicture(bytes, path, {.channels = channels});
}

// Compares with what Pillow reads: tests/data/pictures.py wrote it.
class PillowTest : public ::testing::Test {
 protected:
  static constexpr const char* kFolder = "tests/data/pictures";

  static std::string Bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  // Gives the array of that name; undefined if there is none.
  at::Tensor Expected(const std::string& name) const {
    absl::StatusOr<at::Tensor> array = ParseNpz(arrays_, "pictures.npz", name);
    return array.ok() ? *array : at::Tensor();
  }
  static at::Tensor Read(const std::string& name, const PictureOptions& options) {
    absl::StatusOr<at::Tensor> read =
        DecodePicture(Bytes(absl::StrCat(kFolder, "/", name)), name, options);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? *read : at::Tensor();
  }
  void ExpectEqual(const at::Tensor& read, const std::string& name) const {
    const at::Tensor expected = Expected(name);
    ASSERT_TRUE(read.defined() && expected.defined()) << name;
    ASSERT_EQ(read.sizes(), expected.sizes()) << name;
    EXPECT_TRUE(at::equal(read.to(at::kInt), expected.to(at::kInt)))
        << name << ": off by up to "
        << (read.to(at::kInt) - expected.to(at::kInt)).abs().max().item<int>();
  }

  const std::string arrays_ = Bytes("tests/data/pictures.npz");
};

TEST_F(PillowTest, ReadsTheSameColorsAndGreyOfEveryKindOfFile) {
  const std::vector<std::string> names = Names();
  EXPECT_GT(names.size(), 100u);
  for (const std::string& name : names) {
    ExpectEqual(Read(name, {.channels = 3, .alpha = Alpha::kDrop}), name + ".color");
    ExpectEqual(Read(name, {.channels = 1, .alpha = Alpha::kDrop}), name + ".grey");
  }
}

TEST_F(PillowTest, WhatIsTransparentIsRefusedOrLaidOnTheBackground) {
  int transparent = 0;
  for (const std::string& name : Names()) {
    const std::string bytes = Bytes(absl::StrCat(kFolder, "/", name));
    const absl::Status refused = DecodePicture(bytes, name, {}).status();
    if (!Expected(name + ".compose").defined()) {
      EXPECT_TRUE(refused.ok()) << refused;
      continue;
    }
    ++transparent;
    EXPECT_EQ(refused.message(),
              name +
                  " is transparent in places. Say what to do with that: alpha: drop takes the "
                  "colors as they are stored, alpha: compose lays them on a background.");
    ExpectEqual(Read(name, {.alpha = Alpha::kCompose, .background = {0.2, 0.4, 0.8}}),
                name + ".compose");
  }
  EXPECT_GT(transparent, 20);
}

TEST_F(PillowTest, TurnsPicturesUprightIfAsked) {
  int turned = 0;
  for (const std::string& name : Names()) {
    if (!Expected(name + ".upright").defined()) continue;
    ++turned;
    ExpectEqual(Read(name, {.exif_orientation = true}), name + ".upright");
  }
  EXPECT_EQ(turned, 24);
}

TEST_F(PillowTest, SamplesAreSharesOfTheGreatest) {
  const TemporaryFolder folder;
  folder.Write("a/1.png", Bytes(absl::StrCat(kFolder, "/grey_4.png")));
  ImageFolder images;
  images.path = folder.path();
  images.channels = 1;
  const auto inputs = [&] { return Encode(*images.Read({}))->inputs; };
  const at::Tensor four = Expected("grey_4.png.grey").to(at::kFloat).div(255);
  EXPECT_TRUE(at::equal(inputs()[0], four));
  // 16 bits keep theirs, and eight mean the same beside them, whichever comes first.
  folder.Write("a/0.png", Bytes(absl::StrCat(kFolder, "/grey_16.png")));
  folder.Write("b/0.png", Bytes(absl::StrCat(kFolder, "/grey_8.png")));
  const at::Tensor mixed = inputs();
  EXPECT_TRUE(at::equal(mixed[0], Expected("grey_16.png.grey").to(at::kFloat).div(65535)));
  EXPECT_TRUE(at::equal(mixed[1], four));
  EXPECT_TRUE(at::equal(mixed[2], Expected("grey_8.png.grey").to(at::kFloat).div(255)));
  // So they do as test data of a training on bytes, and the other way round.
  const TemporaryFolder other;
  other.Write("a/0.png", Bytes(absl::StrCat(kFolder, "/grey_8.png")));
  ImageFolder bytes = images;
  bytes.path = other.path();
  for (const bool bytes_train : {true, false}) {
    const Examples deep = *images.Read({}), plain = *bytes.Read({});
    for (const bool normalized : {false, true}) {
      EncodeOptions options;
      if (normalized) options.normalization = Normalization{};
      Dataset data;
      const auto encoder = Encoder::Fit(bytes_train ? plain : deep, options, &data);
      ASSERT_TRUE(encoder.ok()) << encoder.status();
      const auto a = encoder->Encode(deep), b = encoder->Encode(plain);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      EXPECT_TRUE(at::allclose(a->inputs[2], b->inputs[0])) << bytes_train << normalized;
    }
  }
  images.height = 3;
  images.width = 4;
  EXPECT_LE(inputs().max().item<float>(), 1);
  EXPECT_GE(inputs().max().item<float>(), 0.5);
}

TEST(Picture, ReadsPngExactly) {
  for (const int64_t channels : {1, 3}) {
    const at::Tensor colors = Colors(channels, 6, 9);
    absl::StatusOr<at::Tensor> read = Decode(Png(colors), channels);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(at::equal(*read, colors));
  }
}

TEST(Picture, ConvertsBetweenGreyAndColor) {
  const at::Tensor grey = Colors(1, 4, 4);
  EXPECT_TRUE(at::equal(*Decode(Png(grey), 3), grey.expand({3, 4, 4})));
  EXPECT_EQ(Decode(Png(Colors(3, 4, 5)), 1)->sizes().vec(), (std::vector<int64_t>{1, 4, 5}));
  EXPECT_EQ(Decode(Jpeg(Colors(3, 4, 5)), 1)->sizes().vec(), (std::vector<int64_t>{1, 4, 5}));
}

TEST(Picture, ReadsJpegClosely) {
  const at::Tensor colors = Colors(3, 16, 24);
  absl::StatusOr<at::Tensor> read = Decode(Jpeg(colors), 3);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_LE((read->to(at::kInt) - colors.to(at::kInt)).abs().max().item<int>(), 6);
}

TEST(Picture, RefusesTruncationAtEveryByteAndSurvivesFlippedBits) {
  for (const std::string& whole : {Png(Colors(3, 6, 9)), Jpeg(Colors(3, 16, 16))}) {
    for (size_t n = 0; n < whole.size(); ++n) {
      const absl::Status status = Decode(whole.substr(0, n), 3).status();
      EXPECT_FALSE(status.ok()) << n << " of " << whole.size();
      EXPECT_NE(status.message().find("a.png"), absl::string_view::npos);
    }
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string flipped = whole;
      flipped[i] ^= static_cast<char>(1 << (i % 8));
      (void)Decode(flipped, 3).ok();
    }
  }
  EXPECT_EQ(Decode("GIF89a", 3, "a.gif").status().message(),
            "a.gif is neither a PNG nor a JPEG picture by its first bytes.");
}

TEST(Picture, RefusesAHeaderThatPromisesTooMuchBeforeAllocating) {
  // Width and height are 2^30, and the checksum of the header is right.
  std::string huge = Png(Colors(3, 6, 9));
  huge.replace(16, 8, std::string("\x40\0\0\0\x40\0\0\0", 8));
  uint32_t crc = 0xffffffff;
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<unsigned char>(huge[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  crc = ~crc;
  for (int i = 0; i < 4; ++i) huge[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  EXPECT_FALSE(Decode(huge, 3).ok());
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

TEST_F(ImageFolderTest, ChecksTheBackground) {
  for (const std::vector<double>& good : {std::vector<double>{}, {0.5}, {0, 0.5, 1}}) {
    images_.background = good;
    EXPECT_TRUE(images_.Check().ok()) << images_.Check();
  }
  images_.background = {0, 1};
  EXPECT_EQ(images_.Check().message(), "background: give one number (a grey) or three (a color)");
  for (const double wrong : {-1., 255.}) {
    images_.background = {wrong};
    const std::string refusal(ValidateFields(images_).message());
    EXPECT_TRUE(refusal.starts_with("background[0]: ")) << refusal;
    EXPECT_TRUE(refusal.ends_with("; give a number in [0, 1]")) << refusal;
  }
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
  // All are said at once, so that it takes one try and not one for each.
  folder_.Write("README.txt", "x");
  EXPECT_EQ(ErrorOf(), folder_.path() + "/README.txt is no folder; " + folder_.path() +
                           "/zebra.png is no folder.");
}

TEST_F(ImageFolderTest, SaysAllThatIsWrongInOneTry) {
  const std::string good = Png(Colors(3, 8, 8));
  for (const char* name : {"cat/1.png", "dog/1.png"}) folder_.Write(name, good);
  const std::string text = folder_.Write("cat/notes.txt", "x");
  const std::string list = folder_.Write("dog/list.csv", "x");
  std::filesystem::create_directory(folder_.path() + "/eel");
  EXPECT_EQ(ErrorOf(), text + ": its name does not end in .png, .jpg or .jpeg; " + list +
                           ": its name does not end in .png, .jpg or .jpeg; " + folder_.path() +
                           "/eel holds no pictures.");
  std::filesystem::remove(text);
  std::filesystem::remove(list);
  std::filesystem::remove(folder_.path() + "/eel");
  // There are files that are no pictures, and one of another size.
  for (int i = 2; i < 8; ++i) {
    folder_.Write("cat/" + std::to_string(i) + ".png", good.substr(0, good.size() / 2));
  }
  folder_.Write("dog/2.png", Png(Colors(3, 8, 10)));
  const std::string error = ErrorOf();
  EXPECT_EQ(error.find(folder_.path() + "/cat/2.png"), 0u) << error;
  EXPECT_NE(error.find("/cat/6.png"), std::string::npos) << error;
  EXPECT_EQ(error.find("/cat/7.png"), std::string::npos) << error;
  EXPECT_TRUE(error.ends_with("; and 2 more.")) << error;
}

TEST_F(ImageFolderTest, ItsDigestIsThatOfReadingIt) {
  folder_.Write("cat/1.png", Png(Colors(3, 8, 8)));
  const auto digest = DigestImageFolder(folder_.path());
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest->sha256, images_.Read({})->files[0].sha256);
  folder_.Write("cat/2.png", "no picture");
  EXPECT_NE(DigestImageFolder(folder_.path())->sha256, digest->sha256);
}

TEST_F(ImageFolderTest, PassesOverWhatSystemsLeaveInFolders) {
  folder_.Write("cat/1.png", Png(Colors(3, 8, 8)));
  folder_.Write("cat/Thumbs.db", "x");
  folder_.Write("cat/._1.png", "x");
  folder_.Write("__MACOSX/cat/1.png", "x");
  folder_.Write("desktop.ini", "x");
  folder_.Write(".DS_Store", "x");
  const absl::StatusOr<Examples> examples = images_.Read({});
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->categories.at("class"), std::vector<std::string>{"cat"});
  EXPECT_EQ(examples->inputs.size(0), 1);
}

TEST_F(ImageFolderTest, SaysThatThePathIsOneTooHighOrTooLow) {
  folder_.Write("train/cat/1.png", Png(Colors(3, 8, 8)));
  EXPECT_TRUE(ErrorOf().ends_with(
      "if the classes are those inner ones, give `path: " + folder_.path() + "/train`."))
      << ErrorOf();
  folder_.Write("Test/cat/1.png", Png(Colors(3, 8, 8)));
  EXPECT_TRUE(ErrorOf().ends_with("give `path: " + folder_.path() +
                                  "/train` as data.train and `path: " + folder_.path() +
                                  "/Test` as data.test."))
      << ErrorOf();
  images_.path = folder_.path() + "/train/cat";
  EXPECT_NE(ErrorOf().find("is the path that of a class, and not of the folder around it?"),
            std::string::npos)
      << ErrorOf();
}

// Folders are found by their bytes, but what is said of them is text.
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
  EXPECT_EQ(examples->inputs_origin.File(2), "new/a.png");
  EXPECT_FALSE(examples->targets.defined());
}

TEST_F(ImageFolderTest, APictureIsReadAsAFolderOfOne) {
  images_.path = folder_.Write("b.png", Png(Colors(3, 8, 8)));
  folder_.Write("c.png", Png(Colors(3, 8, 8) + 1));
  const auto examples = images_.Read({.inputs_only = true});
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_TRUE(at::equal(examples->inputs, Colors(3, 8, 8).unsqueeze(0)));
  EXPECT_EQ(examples->inputs_origin.File(0), "b.png");
  EXPECT_EQ(examples->inputs_origin.Name(0), images_.path);
  // Training data have classes, which are folders.
  EXPECT_FALSE(images_.Read({}).ok());
  images_.path = folder_.path() + "/none.png";
  EXPECT_NE(images_.Read({.inputs_only = true}).status().message().find("/none.png"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace descent
