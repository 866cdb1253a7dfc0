// Augmentation changes pictures a little each time: they are flipped and shifted. What happens is a
// function of (seed, epoch, example). Free functions; any thread.
#ifndef DESCENT_CORE_DATA_AUGMENTATION_H_
#define DESCENT_CORE_DATA_AUGMENTATION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/status.h"

namespace descent {

struct Augmentation {
  double horizontal_flip = 0;  // how often, in [0, 1]
  double vertical_flip = 0;    // how often, in [0, 1]
  // So many zeros are put around a picture, then a crop of the old size is taken anywhere.
  int64_t crop_padding = 0;

  bool none() const { return horizontal_flip == 0 && vertical_flip == 0 && crop_padding == 0; }
};

// Gives INVALID_ARGUMENT naming the field, or what examples must be: [height, width] or [channels,
// height, width] of floating point; `inputs` are [n, …] of them.
absl::Status CheckAugmentation(const Augmentation& augmentation, const at::Tensor& inputs);

// What happens to one picture.
struct PictureChange {
  bool flip_horizontally = false;
  bool flip_vertically = false;
  int64_t down = 0;  // how far it is shifted, in pixels; zeros come in
  int64_t right = 0;
};

PictureChange DrawChange(const Augmentation& augmentation, uint64_t seed, int64_t epoch,
                         int64_t example);

// Writes the changed picture: `planes` of height × width elements of 4 or 8 bytes each.
void ChangePicture(const PictureChange& change, int64_t planes, int64_t height, int64_t width,
                   int64_t element_bytes, const void* from, void* to);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_AUGMENTATION_H_
