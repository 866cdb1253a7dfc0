// The little of protobuf's wire format that the journal speaks itself, so that an event is
// serialized once and never again. Pure functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_WIRE_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_WIRE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace descent::daemon {

// These are protobuf's wire types, https://protobuf.dev/programming-guides/encoding.
enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// A field as read off the wire. `number` holds a varint's or a fixed field's value, `bytes` a
// length-delimited field's content, which points into what was read.
struct WireField {
  int tag = 0;
  WireType type = WireType::kVarint;
  uint64_t number = 0;
  std::string_view bytes;
};

// Takes the next field off the front of `rest`. False if there is no well-formed field there;
// `rest` is unspecified then. Groups are refused.
bool ReadField(std::string_view* rest, WireField* field);

bool ReadVarint(std::string_view* rest, uint64_t* value);

void AppendVarint(uint64_t value, std::string* out);
int VarintSize(uint64_t value);  // 1..10

// Appends one entry of `repeated Event events = 1`: tag, length, `event` and then its revision
// field. Fields may stand in any order, so the event needs no second serialization.
void AppendEntry(std::string_view event, int64_t revision, std::string* entries);
size_t EntrySize(std::string_view event, int64_t revision);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_WIRE_H_
