// Tensors that a script wrote as text: lines of a name, a shape as `2,3`, and the numbers; lines
// that start with # are comments.
#ifndef DESCENT_TESTS_DATA_REFERENCE_H_
#define DESCENT_TESTS_DATA_REFERENCE_H_

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"

namespace descent {

// float64, by name.
inline void ReadReference(const std::string& path, std::map<std::string, at::Tensor>& tensors) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string name, shape_text;
    words >> name >> shape_text;
    std::replace(shape_text.begin(), shape_text.end(), ',', ' ');
    std::istringstream sizes(shape_text);
    std::vector<int64_t> shape;
    for (int64_t size = 0; sizes >> size;) shape.push_back(size);
    at::Tensor tensor = at::empty(shape, at::kDouble);
    double* numbers = tensor.mutable_data_ptr<double>();
    for (int64_t i = 0; i < tensor.numel(); ++i) words >> numbers[i];
    tensors.emplace(name, tensor);
  }
}

}  // namespace descent

#endif  // DESCENT_TESTS_DATA_REFERENCE_H_
