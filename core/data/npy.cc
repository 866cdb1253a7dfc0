#include "core/data/npy.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/file.h"
#include "core/data/npy_header.h"
#include "core/data/number_type.h"
#include "core/data/pair.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

struct ElementType {
  std::string_view name;
  at::ScalarType type;  // of the tensor
  size_t width;         // of an element in the file

  // The type's name as people know it: `uint16`.
  std::string TypeName() const {
    return name[1] == 'u' ? absl::StrCat("uint", 8 * width) : NumberTypeName(type);
  }
};

constexpr ElementType kTypes[] = {
    {"|b1", at::kBool, 1}, {"|i1", at::kChar, 1}, {"|u1", at::kByte, 1},  {"<i2", at::kShort, 2},
    {"<u2", at::kInt, 2},  {"<i4", at::kInt, 4},  {"<u4", at::kLong, 4},  {"<i8", at::kLong, 8},
    {"<u8", at::kLong, 8}, {"<f2", at::kHalf, 2}, {"<f4", at::kFloat, 4}, {"<f8", at::kDouble, 8},
};

template <typename From, typename To>
void Widen(const char* from, int64_t count, To* to) {
  for (int64_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + static_cast<size_t>(i) * sizeof(From), sizeof(From));
    to[i] = static_cast<To>(value);
  }
}

// Makes a copy, or shares the bytes themselves.
at::Tensor Elements(const ElementType& type, std::string_view bytes,
                    const std::vector<int64_t>& shape, std::shared_ptr<const void> owner) {
  const size_t width = c10::elementSize(type.type);
  const bool as_is = width == type.width;
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  if (owner && as_is && address % width == 0) {
    return at::from_blob(
        const_cast<char*>(bytes.data()), shape, [owner = std::move(owner)](void*) {},
        at::TensorOptions(type.type));
  }
  at::Tensor copy = at::empty(shape, at::TensorOptions(type.type));
  if (as_is) {
    std::memcpy(copy.data_ptr(), bytes.data(), bytes.size());
  } else if (type.width == 2) {
    Widen<uint16_t>(bytes.data(), copy.numel(), copy.mutable_data_ptr<int32_t>());
  } else {
    Widen<uint32_t>(bytes.data(), copy.numel(), copy.mutable_data_ptr<int64_t>());
  }
  return copy;
}

// Gives the elements with their bytes in this machine's order.
std::shared_ptr<const std::string> Swapped(std::string_view bytes, size_t width) {
  std::string swapped(bytes);
  for (auto at = swapped.begin(); at != swapped.end(); at += static_cast<ptrdiff_t>(width)) {
    std::reverse(at, at + static_cast<ptrdiff_t>(width));
  }
  return std::make_shared<const std::string>(std::move(swapped));
}

absl::Status UnknownType(const std::string& name, const std::string& type) {
  const std::string advice = "use one of numpy's integers, floats or bool";
  return absl::InvalidArgumentError(absl::StrCat(name, " holds elements of the type '",
                                                 ShortUtf8(type, 40),
                                                 "', which cannot be read: ", advice, "."));
}

}  // namespace

absl::StatusOr<Examples> NpyFiles::Read(const ReadOptions& options) const {
  std::string type;  // of the inputs, which are read first
  const auto read = [&](const std::string& path, std::vector<FileDigest>* files) {
    absl::StatusOr<MappedFile> file = MapDataFile(path, options.roots);
    if (!file.ok()) return absl::StatusOr<at::Tensor>(file.status());
    files->push_back(file->digest);
    return ParseNpy(file->bytes, path, file->owner, type.empty() ? &type : nullptr);
  };
  absl::StatusOr<Examples> examples = ReadPair(inputs, targets, options.inputs_only, read);
  if (examples.ok()) examples->inputs_type = std::move(type);
  return examples;
}

absl::StatusOr<at::Tensor> ParseNpy(std::string_view bytes, const std::string& name,
                                    std::shared_ptr<const void> owner, std::string* type_name) {
  absl::StatusOr<NpyHeader> header = ParseNpyHeader(bytes, name);
  if (!header.ok()) return header.status();
  const bool other_order = header->type.substr(0, 1) == ">";
  const std::string in_order = other_order ? "<" + header->type.substr(1) : header->type;
  const ElementType* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                         [&](const auto& t) { return t.name == in_order; });
  if (type == std::end(kTypes)) return UnknownType(name, header->type);
  if (type_name != nullptr) *type_name = type->TypeName();
  const std::string claim = absl::StrCat("its header promises ", header->type, " of the shape [",
                                         absl::StrJoin(header->shape, ", "), "]");
  std::string_view data = bytes.substr(header->data);
  int64_t elements = 1;
  int64_t total = 0;
  bool overflow = false;
  for (const int64_t size : header->shape) {
    overflow |= __builtin_mul_overflow(elements, size, &elements);
  }
  overflow |= __builtin_mul_overflow(elements, static_cast<int64_t>(type->width), &total);
  if (overflow || static_cast<uint64_t>(total) > data.size()) {
    return absl::DataLossError(absl::StrCat(name, " is truncated: ", claim, ", but it holds ",
                                            data.size(), " bytes of elements."));
  }
  if (static_cast<uint64_t>(total) < data.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " holds more than its header says: ", claim, ", that is ", total,
                     " bytes, but it holds ", data.size(), "."));
  }
  if (other_order) {
    const std::shared_ptr<const std::string> swapped = Swapped(data, type->width);
    data = *swapped;
    owner = swapped;
  }
  if (header->fortran_order) std::reverse(header->shape.begin(), header->shape.end());
  at::Tensor read = Elements(*type, data, header->shape, std::move(owner));
  if (type->name == "<u8" && read.lt(0).any().item<bool>()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " holds a number above 2^63 - 1, which cannot be read."));
  }
  if (!header->fortran_order) return read;
  std::vector<int64_t> reversed;
  for (int64_t d = read.dim(); d-- > 0;) reversed.push_back(d);
  return read.permute(reversed).contiguous();
}

}  // namespace descent
