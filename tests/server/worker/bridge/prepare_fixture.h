// Writes a table and a spec that trains on it, and says what is wrong with specs like it.
#ifndef DESCENT_TESTS_SERVER_WORKER_BRIDGE_PREPARE_FIXTURE_H_
#define DESCENT_TESTS_SERVER_WORKER_BRIDGE_PREPARE_FIXTURE_H_

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <variant>

#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/prepare.h"
#include "server/worker/bridge/violations.h"

namespace descent::worker {

class PrepareTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  // Writes 100 rows of `a`, `b`, `label` in 0..2 and `y`.
  std::string Table() {
    std::string text = "a,b,label,y\n";
    for (int i = 0; i < 100; ++i) {
      text +=
          std::to_string(i) + ",0.5," + std::to_string(i % 3) + "," + std::to_string(2 * i) + "\n";
    }
    return Write("table.csv", text);
  }

  api::Spec Spec(const std::string& more = "") {
    api::Spec spec;
    const std::string text = R"(
        model { sequential {
            layers { name: "hidden" linear { out_features: 4 } }
            layers { relu {} }
            layers { linear { out_features: 3 } } } }
        objective { cross_entropy {} }
        optimizer { adam {} }
        data { train { csv { path: ")" +
                             table_ + R"(" targets: "label" } } }
        epochs: 10 )" + more;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    return spec;
  }

  api::Spec WithOptimizer(const std::string& text) {
    api::Spec spec = Spec();
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, spec.mutable_optimizer()));
    return spec;
  }

  // Gives field and reason of the first violation; empty if there is none.
  std::string FirstViolation(const api::Spec& spec) {
    std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
    if (std::holds_alternative<Prepared>(result)) return "";
    const Violation& first = std::get<Violations>(result).list().front();
    description_ = first.description;
    EXPECT_NE(first.description, "");
    EXPECT_EQ(first.description.back(), '.') << first.description;
    return first.field + " " + first.reason;
  }

  std::string After(const std::function<void(api::Spec*)>& change) {
    api::Spec spec = Spec();
    change(&spec);
    return FirstViolation(spec);
  }

  const std::string folder_ = [] {
    const char* given = std::getenv("TEST_TMPDIR");
    std::string name = std::string(given ? given : "/tmp") + "/prepare.XXXXXX";
    return std::string(mkdtemp(name.data()));
  }();
  const std::string table_ = Table();
  DataCache cache_;
  std::string description_;
  int64_t per_epoch_ = 0;
};

}  // namespace descent::worker

#endif  // DESCENT_TESTS_SERVER_WORKER_BRIDGE_PREPARE_FIXTURE_H_
