// `Convolution` computes a convolution on the CPU: each image is unfolded, multiplied by the
// weights, gathered.
//
// One image is done after the other, because its columns stay in the cache; all memory is the
// caller's. The order of the additions does not depend on the number of threads.
#ifndef DESCENT_CORE_MODEL_CONVOLUTION_H_
#define DESCENT_CORE_MODEL_CONVOLUTION_H_

#include <cstdint>

#include "core/model/unfold.h"
#include "core/plan/vector.h"

namespace descent {

// A value; any thread. Images are [channels, input], maps [out_channels, output], weights
// [out_channels, channels/groups, kernel].
struct Convolution {
  Unfolding group;  // the unfolding of the channels of one group
  int64_t groups, out_channels;

  // How many elements of scratch memory are needed, which holds nothing from one call to the next:
  // one double (kSumElements, core/plan/vector.h) for each of the bias's derivatives, then
  // padded(), columns(), places().
  int64_t scratch() const { return kSumElements * out_channels + padded() + columns() + places(); }

  // Writes into y the maps of `batch` images x; bias is [out_channels] or null.
  template <class T>
  void Forward(const T* x, int64_t batch, const T* w, const T* bias, T* scratch, T* y) const;
  // Writes the derivatives by x, w and bias from that by y; dx and dbias may be null.
  template <class T>
  void Backward(const T* dy, const T* x, int64_t batch, const T* w, T* scratch, T* dx, T* dw,
                T* dbias) const;

 private:
  // The sizes of one group.
  int64_t out() const { return out_channels / groups; }
  int64_t image() const { return group.channels * group.input[0] * group.input[1]; }
  int64_t map() const { return group.output[0] * group.output[1]; }
  int64_t weights() const { return out() * group.rows(); }

  // The elements, for one group, of the image with its border of zeros, of its columns (both none
  // where the image is its own unfolding), and of its maps before they are gathered.
  int64_t padded() const { return group.identity() ? 0 : group.padded(); }
  int64_t columns() const { return group.identity() ? 0 : group.rows() * group.places(); }
  int64_t places() const { return out() * group.places(); }
  template <class T>
  const T* Columns(const T* x, T* padded, T* columns) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_CONVOLUTION_H_
