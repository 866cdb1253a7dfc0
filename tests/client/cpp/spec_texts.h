// Reads specs that tests write out, and what is wrong with them.
#ifndef DESCENT_TESTS_CLIENT_CPP_SPEC_TEXTS_H_
#define DESCENT_TESTS_CLIENT_CPP_SPEC_TEXTS_H_

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "client/cpp/spec_text.h"
#include "descent/v1/spec.pb.h"

namespace descent::client {

inline v1::Spec FromText(const std::string& text) {
  v1::Spec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  return spec;
}

inline void ExpectSame(const v1::Spec& a, const v1::Spec& b) {
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(a, b))
      << a.DebugString() << "---\n"
      << b.DebugString();
}

inline v1::Spec Parsed(const std::string& text) {
  const auto spec = ParseSpec(text, "x.yaml");
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.value_or(v1::Spec());
}

inline std::string ErrorOf(const std::string& text, const std::string& file = "x.yaml") {
  const auto spec = ParseSpec(text, file);
  EXPECT_FALSE(spec.ok()) << text;
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(spec.status().message());
}

inline std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace descent::client

#endif  // DESCENT_TESTS_CLIENT_CPP_SPEC_TEXTS_H_
