#include "server/daemon/journal/wire.h"

#include <bit>
#include <cstring>

namespace descent::daemon {
namespace {

constexpr char kEventsTag = 0x0A;    // field 1, length-delimited
constexpr char kRevisionTag = 0x08;  // field 1, varint

}  // namespace

bool ReadVarint(std::string_view* rest, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < rest->size() && i < 10; ++i) {
    const uint8_t byte = static_cast<uint8_t>((*rest)[i]);
    if (i == 9 && byte > 1) return false;  // over 64 bits
    result |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if ((byte & 0x80) == 0) {
      *value = result;
      rest->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool ReadField(std::string_view* rest, WireField* field) {
  uint64_t key = 0;
  if (!ReadVarint(rest, &key)) return false;
  const uint64_t tag = key >> 3;
  if (tag == 0 || tag > 0x1FFFFFFF) return false;
  field->tag = static_cast<int>(tag);
  field->number = 0;
  field->bytes = {};
  switch (key & 7) {
    case 0:
      field->type = WireType::kVarint;
      return ReadVarint(rest, &field->number);
    case 1:
      field->type = WireType::kFixed64;
      if (rest->size() < 8) return false;
      static_assert(std::endian::native == std::endian::little);
      std::memcpy(&field->number, rest->data(), 8);
      rest->remove_prefix(8);
      return true;
    case 2: {
      field->type = WireType::kBytes;
      uint64_t length = 0;
      if (!ReadVarint(rest, &length) || length > rest->size()) return false;
      field->bytes = rest->substr(0, length);
      rest->remove_prefix(length);
      return true;
    }
    case 5: {
      field->type = WireType::kFixed32;
      uint32_t number = 0;
      if (rest->size() < 4) return false;
      std::memcpy(&number, rest->data(), 4);
      field->number = number;
      rest->remove_prefix(4);
      return true;
    }
    default:
      return false;
  }
}

void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

int VarintSize(uint64_t value) { return (std::bit_width(value | 1) + 6) / 7; }

void AppendEntry(std::string_view event, int64_t revision, std::string* entries) {
  entries->push_back(kEventsTag);
  AppendVarint(event.size() + 1 + VarintSize(revision), entries);
  entries->append(event);
  entries->push_back(kRevisionTag);
  AppendVarint(revision, entries);
}

size_t EntrySize(std::string_view event, int64_t revision) {
  const size_t size = event.size() + 1 + VarintSize(revision);
  return 1 + VarintSize(size) + size;
}

}  // namespace descent::daemon
