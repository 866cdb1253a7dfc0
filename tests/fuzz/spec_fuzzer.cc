// Fuzzes specs as text: the first byte says whether YAML (and JSON) or textproto. What is read is
// printed, read again, and resolved as far as that goes without data.

#include <cstdint>
#include <string>
#include <string_view>

#include "client/cpp/spec_text.h"
#include "server/worker/bridge/resolve.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using descent::client::SpecFormat;
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const SpecFormat format = data[0] & 1 ? SpecFormat::kTextproto : SpecFormat::kYaml;
  auto spec = descent::client::ParseSpec(text, "f", format);
  if (!spec.ok()) return 0;
  const std::string printed = descent::client::PrintSpec(*spec);
  const auto again = descent::client::ParseSpec(printed, "f", SpecFormat::kYaml);
  if (!again.ok() || descent::client::PrintSpec(*again) != printed) __builtin_trap();
  descent::client::ResolvePaths("/", &*spec);
  descent::worker::Violations violations;
  descent::worker::CheckUnknownFields(*spec, &violations);
  descent::worker::ResolveWithoutData(&*spec, &violations);
  if (violations.empty()) descent::worker::ResolveWithData({.examples = 1000}, &*spec, &violations);
  return 0;
}
