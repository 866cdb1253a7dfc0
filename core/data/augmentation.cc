#include "core/data/augmentation.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/random_seed.h"

namespace descent {
namespace {

bool Happens(double probability, uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1p-53 < probability;
}

template <typename Element>
void Change(const PictureChange& change, int64_t planes, int64_t height, int64_t width,
            const Element* from, Element* to) {
  // These columns come from the picture: to[x] for x in [first, last).
  const int64_t first = std::clamp<int64_t>(change.right, 0, width);
  const int64_t last = std::clamp<int64_t>(width + change.right, 0, width);
  for (int64_t plane = 0; plane < planes; ++plane) {
    for (int64_t y = 0; y < height; ++y, to += width) {
      const int64_t shifted = y - change.down;
      if (shifted < 0 || shifted >= height || first >= last) {
        std::fill(to, to + width, Element{});
        continue;
      }
      const int64_t row = change.flip_vertically ? height - 1 - shifted : shifted;
      const Element* source = from + (plane * height + row) * width;
      std::fill(to, to + first, Element{});
      std::fill(to + last, to + width, Element{});
      if (change.flip_horizontally) {
        for (int64_t x = first; x < last; ++x) to[x] = source[width - 1 - (x - change.right)];
      } else {
        std::memcpy(to + first, source + first - change.right,
                    static_cast<size_t>(last - first) * sizeof(Element));
      }
    }
  }
}

}  // namespace

absl::Status CheckAugmentation(const Augmentation& augmentation, const at::Tensor& inputs) {
  for (const auto& [field, probability] :
       {std::pair("horizontal_flip", augmentation.horizontal_flip),
        std::pair("vertical_flip", augmentation.vertical_flip)}) {
    if (probability >= 0 && probability <= 1) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", probability, " is no probability; give a number from 0 to 1"));
  }
  if (augmentation.crop_padding < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("crop_padding: ", augmentation.crop_padding, " is negative"));
  }
  if (augmentation.none()) return absl::OkStatus();
  if ((inputs.dim() != 3 && inputs.dim() != 4) || !inputs.is_floating_point()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pictures are [height, width] or [channels, height, width], but an example is [",
        absl::StrJoin(inputs.sizes().slice(1), ", "), "]"));
  }
  if (augmentation.crop_padding > std::max(inputs.size(-1), inputs.size(-2))) {
    return absl::InvalidArgumentError(absl::StrCat("crop_padding: ", augmentation.crop_padding,
                                                   " is more than a picture's size, ",
                                                   inputs.size(-2), " × ", inputs.size(-1)));
  }
  return absl::OkStatus();
}

PictureChange DrawChange(const Augmentation& augmentation, uint64_t seed, int64_t epoch,
                         int64_t example) {
  const uint64_t base = DeriveSeed(DeriveSeed(seed, "augmentation", static_cast<uint64_t>(epoch)),
                                   "example", static_cast<uint64_t>(example));
  PictureChange change;
  change.flip_horizontally = Happens(augmentation.horizontal_flip, DeriveSeed(base, "", 0));
  change.flip_vertically = Happens(augmentation.vertical_flip, DeriveSeed(base, "", 1));
  if (augmentation.crop_padding > 0) {
    const uint64_t places = 2 * static_cast<uint64_t>(augmentation.crop_padding) + 1;
    const auto shift = [&](uint64_t bits) {
      return static_cast<int64_t>((static_cast<unsigned __int128>(bits) * places) >> 64) -
             augmentation.crop_padding;
    };
    change.down = shift(DeriveSeed(base, "", 2));
    change.right = shift(DeriveSeed(base, "", 3));
  }
  return change;
}

void ChangePicture(const PictureChange& change, int64_t planes, int64_t height, int64_t width,
                   int64_t element_bytes, const void* from, void* to) {
  if (element_bytes == sizeof(uint32_t)) {
    Change(change, planes, height, width, static_cast<const uint32_t*>(from),
           static_cast<uint32_t*>(to));
  } else {
    Change(change, planes, height, width, static_cast<const uint64_t*>(from),
           static_cast<uint64_t*>(to));
  }
}

}  // namespace descent
