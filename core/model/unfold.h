// `Unfolding` makes the windows of an image the columns of a matrix (im2col), so that a convolution
// is a matrix product, and goes back. It works on the CPU, on one image at a time, whose columns
// stay in the cache.
//
// With stride 1 the columns include a few places that are no windows: an image is padded so that
// the gap after a row is the gap before the next one, and a row of the matrix is then one piece of
// it, copied at once. `width` and `places` tell where the places that count lie.
#ifndef DESCENT_CORE_MODEL_UNFOLD_H_
#define DESCENT_CORE_MODEL_UNFOLD_H_

#include <cstddef>
#include <cstdint>

#include "core/model/spatial.h"

namespace descent {

// A value; any thread.
struct Unfolding {
  int64_t channels;  // the image's
  Extent input, kernel, stride, dilation;
  Extent padding;  // before the image; after it there is what windows reach
  Extent output;   // how many places the window has

  bool dense() const { return stride[0] == 1 && stride[1] == 1; }
  // True if the columns are the image itself.
  bool identity() const {
    return dense() && kernel == Extent{1, 1} && padding == Extent{0, 0} && output == input;
  }
  // How far a padded image reaches, from its first padding to the last window's end.
  int64_t reach(size_t d) const;
  // How far it is from row to row of a padded image, in elements.
  int64_t pitch() const;
  int64_t plane() const { return reach(0) * pitch(); }
  // How many elements a padded image has, with what windows at its end reach beyond it.
  int64_t padded() const { return channels * plane() + pitch() + dilation[1] * kernel[1]; }
  // The matrix of columns is [channels·kernel, places]. Place (i, j) is i·width() + j.
  int64_t width() const { return dense() ? pitch() : output[1]; }
  int64_t places() const { return output[0] * width(); }
  int64_t rows() const { return channels * kernel[0] * kernel[1]; }

  // Copies image [channels, input] into the middle of `padded`, whose gaps stay as they are; and
  // back.
  template <class T>
  void Pad(const T* image, T* padded) const;
  template <class T>
  void Unpad(const T* padded, T* image) const;

  // Writes into columns the windows of a padded image with zeros in its gaps.
  template <class T>
  void Unfold(const T* padded, T* columns) const;
  // The adjoint of Unfold: each element of `padded` becomes the sum of the columns' elements that
  // show it. Columns that are no windows are zero.
  template <class T>
  void Fold(const T* columns, T* padded) const;

  // Copy maps [count, output] + bias (or null) from or to [count, places]; the latter leaves places
  // that are no windows as they are.
  template <class T>
  void Gather(const T* places, int64_t count, const T* bias, T* maps) const;
  template <class T>
  void Scatter(const T* maps, int64_t count, T* places) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_UNFOLD_H_
