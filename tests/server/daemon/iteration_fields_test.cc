// A field added to descent.v1.Iteration and forgotten on its way fails here: each is found by
// reflection and followed through what scans, compares, writes and rolls up iterations.
#include "server/daemon/journal/iteration_fields.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/daemon/http/json.h"
#include "server/daemon/jobs/compare.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/rollup.h"
#include "server/daemon/journal/row_builder.h"

namespace descent::daemon {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;
using ::testing::HasSubstr;
using Json = nlohmann::json;

std::vector<const FieldDescriptor*> Fields() {
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < v1::Iteration::descriptor()->field_count(); ++i) {
    fields.push_back(v1::Iteration::descriptor()->field(i));
  }
  return fields;
}

// Gives the field a number that no other has, or, asked again, the next.
void Set(const FieldDescriptor* field, v1::Iteration* iteration) {
  const Reflection* reflection = v1::Iteration::GetReflection();
  if (field->is_repeated()) {
    ASSERT_EQ(field->cpp_type(), FieldDescriptor::CPPTYPE_DOUBLE) << field->name();
    const int size = reflection->FieldSize(*iteration, field);
    for (const double number : {0.5, -2.25}) {
      reflection->AddDouble(iteration, field, field->number() + number + size);
    }
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
    reflection->SetDouble(iteration, field,
                          reflection->GetDouble(*iteration, field) + field->number() + 0.25);
  } else {
    ASSERT_EQ(field->cpp_type(), FieldDescriptor::CPPTYPE_INT64) << field->name();
    reflection->SetInt64(iteration, field,
                         reflection->GetInt64(*iteration, field) + field->number() + 1000);
  }
}

v1::Event Fixture() {
  v1::Event event;
  event.set_time_unix_nanos(1'700'000'000'000'000'001u);
  event.set_attempt(2);
  event.set_branch(1);
  event.set_sequence(4);
  for (const FieldDescriptor* field : Fields()) Set(field, event.mutable_iteration());
  return event;
}

TEST(IterationFields, AreThoseOfTheProtocol) {
  std::map<int, std::string> listed;
  ForEachIterationField([&](const auto& field) {
    listed[field.number] = std::string(field.name);
    const FieldDescriptor* descriptor =
        v1::Iteration::descriptor()->FindFieldByNumber(field.number);
    ASSERT_NE(descriptor, nullptr) << field.name;
    EXPECT_EQ(field.has != nullptr, descriptor->has_presence()) << field.name;
  });
  std::map<int, std::string> known;
  for (const FieldDescriptor* field : Fields()) known[field->number()] = field->name();
  EXPECT_EQ(listed, known);
}

TEST(IterationFields, AreScanned) {
  const v1::Event event = Fixture();
  const absl::StatusOr<PendingEvent> pending = ScanEvent(event.SerializeAsString());
  ASSERT_TRUE(pending.ok()) << pending.status();
  EXPECT_EQ(pending->iteration, event.iteration().index());
  // Each with a text in its place.
  for (const FieldDescriptor* field : Fields()) {
    v1::Event other;
    v1::Iteration* iteration = other.mutable_iteration();
    v1::Iteration::GetReflection()->MutableUnknownFields(iteration)->AddLengthDelimited(
        field->number(), "text");
    EXPECT_THAT(ScanEvent(other.SerializeAsString()).status().ToString(),
                HasSubstr("has another type"))
        << field->name();
  }
}

TEST(IterationFields, AreComparedButForTimes) {
  const v1::Iteration journaled = Fixture().iteration();
  EXPECT_EQ(Difference(journaled, journaled), "");
  for (const FieldDescriptor* field : Fields()) {
    v1::Iteration recomputed = journaled;
    Set(field, &recomputed);
    if (field->name() == "elapsed_seconds") {
      EXPECT_EQ(Difference(journaled, recomputed), "");
    } else {
      EXPECT_THAT(Difference(journaled, recomputed), HasSubstr(field->name()));
    }
    if (!field->has_presence()) continue;
    v1::Iteration::GetReflection()->ClearField(&recomputed, field);
    EXPECT_THAT(Difference(journaled, recomputed), HasSubstr(field->name()));
  }
}

TEST(IterationFields, DifferencesAreWords) {
  const auto difference = [](const std::function<void(v1::Iteration*)>& change) {
    v1::Iteration journaled;
    journaled.set_value(0.5);
    journaled.set_samples(4);
    journaled.add_scalars(1);
    journaled.add_scalars(2);
    v1::Iteration recomputed = journaled;
    change(&recomputed);
    return Difference(journaled, recomputed);
  };
  EXPECT_EQ(difference([](v1::Iteration* it) { it->set_value(0.25); }),
            "value 0.25 instead of 0.5");
  EXPECT_EQ(difference([](v1::Iteration* it) { it->set_samples(5); }), "samples 5 instead of 4");
  EXPECT_EQ(difference([](v1::Iteration* it) { it->set_scalars(1, 3); }),
            "scalars[1] 3 instead of 2");
  EXPECT_EQ(difference([](v1::Iteration* it) { it->add_scalars(3); }), "3 scalars instead of 2");
  EXPECT_EQ(difference([](v1::Iteration* it) { it->set_epoch(-0.0); }), "epoch -0 instead of 0");
}

TEST(IterationFields, AreWrittenAsJson) {
  const v1::Event event = Fixture();
  EXPECT_EQ(Json::parse(EventToJson(event)), Json::parse(ToJson(event)));
  EXPECT_EQ(Json::parse(EventToJson(event))["iteration"].size(), Fields().size());
}

TEST(IterationFields, AreRolledUpIfTheyAre) {
  const v1::Event event = Fixture();
  const std::vector<Rollup> rollups =
      RollUp(BuildRows({*ScanEvent(event.SerializeAsString())}, /*first_revision=*/1));
  ASSERT_EQ(rollups.size(), 1u);
  size_t place = 0;
  ForEachIterationField([&](const auto& field) {
    if (!field.rolled_up) return;
    ASSERT_LT(place, rollups[0].series.size());
    const RollupSeries& series = rollups[0].series[place++];
    const double number = v1::Iteration::GetReflection()->GetDouble(
        event.iteration(), v1::Iteration::descriptor()->FindFieldByNumber(field.number));
    EXPECT_EQ(series.count, 1) << field.name;
    EXPECT_EQ(series.mean, number) << field.name;
    EXPECT_EQ(series.last, number) << field.name;
  });
  EXPECT_EQ(place, kRolledUpFields);
}

}  // namespace
}  // namespace descent::daemon
