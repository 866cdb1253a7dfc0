#include "core/fields/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/fields/form.h"
#include "core/kinds/kind_list.h"
#include "core/sequence/sequence.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

enum class Colour { kRed, kBlue };

std::span<const std::string_view> Names(Colour) {
  static constexpr std::array<std::string_view, 2> kNames = {"RED", "BLUE"};
  return kNames;
}

// This is a type that core/fields knows nothing of.
struct Box {
  int size = 1;
};

absl::Status CheckField(const Range& range, const Box& box) {
  if (box.size > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(range.field + ": the box is too small");
}

struct Everything {
  static constexpr std::string_view kind = "everything";

  Sequence step_size = 0.1;
  double delta = 1;
  int64_t units = 0;
  int64_t history = 5;
  bool nesterov = false;
  std::string pattern = "*";
  std::string note;
  Colour colour = Colour::kRed;
  std::optional<double> limit;
  std::vector<double> weights;
  std::vector<int64_t> boundaries;
  Box box;
  std::vector<Box> boxes = {Box{}};

  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(Positive("delta"), delta);
    fields(Count("units", 1), units);
    fields(Range{.field = "history", .min = 1, .max = 1000}, history);
    fields(Flag("nesterov"), nesterov);
    fields(Named("pattern"), pattern);
    fields(Named("note"), note).MayBeEmpty();
    fields(Named("colour"), colour);
    fields(NonNegative("limit"), limit);
    fields(NonNegative("weights"), weights);
    fields(Whole("boundaries", 1), boundaries).Increasing().Role("positions");
    fields(Named("box"), box);
    fields(Named("boxes"), boxes).Required("Give at least one box.");
    fields.Together([this] { return Check(); });
  }
  absl::Status Check() const {
    if (delta < 100) return absl::OkStatus();
    return absl::InvalidArgumentError("delta: it doesn't go with the rest");
  }
};

// Says what is wrong with the options once the change is made.
template <class Change>
std::string Problem(Change change) {
  Everything options{.units = 3};
  change(options);
  return std::string(ValidateFields(options).message());
}

TEST(FieldsTest, ErrorsNameTheFirstFieldThatIsOutOfItsRange) {
  EXPECT_EQ(Problem([](Everything&) {}), "");
  EXPECT_EQ(Problem([](Everything& o) { o.units = 0; }),
            "units: 0 is too small; give a number ≥ 1");
  EXPECT_EQ(Problem([](Everything& o) { o.units = int64_t{1} << 41; }),
            "units: 2199023255552 is too large; give a number ≤ 2^40");
  EXPECT_EQ(Problem([](Everything& o) { o.delta = -1, o.units = 0; }),
            "delta: -1 is negative; give a finite number > 0");
  EXPECT_EQ(Problem([](Everything& o) { o.history = 0; }),
            "history: 0 is too small; give a number in [1, 1000]");
  EXPECT_THAT(Problem([](Everything& o) { o.step_size = -1.0; }), HasSubstr("step_size: "));
  EXPECT_EQ(Problem([](Everything& o) { o.pattern = ""; }), "pattern: it is empty");
  EXPECT_THAT(Problem([](Everything& o) { o.limit = -1; }), HasSubstr("limit: -1 is negative"));
  EXPECT_THAT(Problem([](Everything& o) { o.weights = {1, -1}; }),
              HasSubstr("weights[1]: -1 is negative"));
  EXPECT_EQ(Problem([](Everything& o) { o.boundaries = {1, 3, 3}; }),
            "boundaries[2]: 3 is not after 3; positions must increase");
  EXPECT_EQ(Problem([](Everything& o) { o.box.size = 0; }), "box: the box is too small");
  EXPECT_EQ(Problem([](Everything& o) { o.boxes.clear(); }), "boxes: give at least one box");
  EXPECT_EQ(Problem([](Everything& o) { o.delta = 100; }), "delta: it doesn't go with the rest");
  EXPECT_THROW(ThrowUnlessValid(Everything{}), std::invalid_argument);
}

TEST(FieldsTest, WhatIsRequiredFollowsFromTheDeclarationAndTheDefault) {
  Everything options;
  const FieldList fields = FieldsOf(options);
  EXPECT_EQ(fields.size(), 13u);
  EXPECT_TRUE(fields.Find("units")->required());
  EXPECT_EQ(fields.Find("units")->missing(), "Give a number.");
  // The list must not be empty, and isn't.
  EXPECT_TRUE(fields.Find("boxes")->must_be_given());
  EXPECT_FALSE(fields.Find("boxes")->required());
  options.boxes.clear();
  EXPECT_TRUE(fields.Find("boxes")->required());
  EXPECT_EQ(fields.Find("boxes")->missing(), "Give at least one box.");
  for (const char* name : {"step_size", "delta", "note", "limit", "weights", "box"}) {
    EXPECT_FALSE(fields.Find(name)->required()) << name;
  }
  EXPECT_EQ(fields.Find("boundaries")->role(), "positions");
  EXPECT_EQ(fields.Find("nothing"), nullptr);
}

TEST(FieldsTest, AFieldGivesItsMemberAsWhatItIs) {
  Everything options;
  const FieldList fields = FieldsOf(options);
  EXPECT_EQ(fields.Find("step_size")->As<Sequence>(), &options.step_size);
  EXPECT_EQ(fields.Find("step_size")->As<double>(), nullptr);
  EXPECT_EQ(fields.Find("boxes")->As<std::vector<Box>>(), &options.boxes);
  EXPECT_EQ(fields.Find("boxes")->As<Box>(), nullptr);
}

TEST(FieldsTest, AreSetByTheirNamesOrNotAtAll) {
  Everything options;
  EXPECT_TRUE(SetField("delta", 2.0, options).ok());
  EXPECT_EQ(options.delta, 2);
  EXPECT_TRUE(SetField("colour", std::string("BLUE"), options).ok());
  EXPECT_EQ(options.colour, Colour::kBlue);
  EXPECT_TRUE(SetField("box", Box{7}, options).ok());
  EXPECT_EQ(options.box.size, 7);
  EXPECT_TRUE(SetField("step_size", Sequence(0.5), options).ok());
  EXPECT_EQ(options.step_size.value(), 0.5);

  EXPECT_EQ(SetField("delta", -1.0, options).message(),
            "delta: -1 is negative; give a finite number > 0");
  EXPECT_EQ(options.delta, 2);
  EXPECT_EQ(SetField("delta", Sequence(1.0), options).message(), "delta: give a number");
  EXPECT_EQ(SetField("step_size", 0.1, options).message(), "step_size: give a sequence");
  EXPECT_EQ(SetField("colour", 1.0, options).message(), "colour: give a name");
  EXPECT_EQ(SetField("colour", std::string("GREEN"), options).message(),
            "colour: there is no GREEN; give one of RED, BLUE");
  const absl::Status none = SetField("nothing", 1.0, options);
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_THAT(none.message(), HasSubstr("everything has no field `nothing`; it has step_size, de"));
}

struct Text {
  std::string text;
};
struct Hello {
  static constexpr std::string_view kind = "hello";
  std::string name = "you";
  void Describe(FieldList& fields) { fields(Named("name"), name); }
  Text Make() const { return {"hello " + name}; }
};
struct Silence {
  static constexpr std::string_view kind = "silence";
  void Describe(FieldList&) {}
  Text Make() const { return {}; }
};

TEST(FormTest, IsFilledInAndMadeByWhoKnowsOnlyItsName) {
  using Kinds = KindList<Maker<Text>, MakerOf<Text>::Form, Hello, Silence>;
  EXPECT_THAT(Kinds::Names(), ::testing::ElementsAre("hello", "silence"));
  EXPECT_EQ(Kinds::Make("noise"), nullptr);
  const std::unique_ptr<Maker<Text>> form = Kinds::Make("hello");
  ASSERT_NE(form, nullptr);
  EXPECT_EQ(form->kind(), "hello");
  *form->fields().Find("name")->As<std::string>() = "";
  EXPECT_EQ(form->Validate().message(), "name: it is empty");
  *form->fields().Find("name")->As<std::string>() = "world";
  EXPECT_TRUE(form->Validate().ok());
  EXPECT_EQ(form->Make().text, "hello world");
}

}  // namespace
}  // namespace descent
