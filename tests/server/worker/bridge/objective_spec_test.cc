// Tests that the losses, penalties and metrics of the spec are those of core, field by field.
#include "server/worker/bridge/objective_spec.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/fields/fields.h"
#include "core/objective/loss_kinds.h"
#include "core/objective/metric_kinds.h"
#include "core/objective/penalty_kinds.h"
#include "descent/v1/spec.pb.h"
#include "tests/server/worker/bridge/declared_fields.h"

namespace descent::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

api::Objective Parse(const std::string& text) {
  api::Objective objective;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &objective)) << text;
  return objective;
}

api::Objective Resolved(const std::string& text) {
  api::Objective objective = Parse(text);
  Violations violations;
  ResolveObjective(&objective, &violations);
  EXPECT_TRUE(violations.empty()) << violations.list()[0].description;
  ResolveSequencesInRun({.length = 100}, &objective);
  return objective;
}

// Gives `path: description` of each violation.
std::vector<std::string> List(const Violations& violations) {
  std::vector<std::string> problems;
  for (const Violation& v : violations.list()) problems.push_back(v.field + ": " + v.description);
  return problems;
}

std::vector<std::string> Problems(const std::string& text) {
  api::Objective objective = Parse(text);
  Violations violations;
  ResolveObjective(&objective, &violations);
  return List(violations);
}

// Gives the comment behind each field of each message: `Huber.delta` → "default 1, > 0".
std::map<std::string, std::string> Comments(const std::string& path) {
  std::ifstream file(path);
  const std::regex message(R"(^message (\w+) \{)"),
      field(R"(^ +(?:optional |repeated )?[\w.]+ (\w+) = \d+(?: \[[^;]*\])?;(?: *// (.*))?$)"),
      above(R"(^ +// (.*)$)");
  std::map<std::string, std::string> comments;
  std::string present, before;
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (std::regex_search(line, match, message)) present = match[1];
    if (std::regex_search(line, match, field)) {
      comments[present + "." + match[1].str()] = before + match[2].str();
    }
    before = std::regex_search(line, match, above) ? before + match[1].str() : "";
  }
  return comments;
}

std::string DefaultOf(const Field& field) {
  if (const auto* number = field.As<double>()) return absl::StrCat(*number);
  if (const auto* whole = field.As<int64_t>()) return absl::StrCat(*whole);
  if (const auto* flag = field.As<bool>()) return *flag ? "true" : "false";
  return "1 each";
}

// Compares the kinds that core knows, made by `make`.
template <class Make>
void ExpectCounterparts(const google::protobuf::Descriptor* message, const std::string& file,
                        Make make, const std::vector<std::string_view>& kinds,
                        const std::set<std::string>& no_counterpart) {
  const std::map<std::string, std::string> comments = Comments(file);
  for (const std::string_view kind : kinds) {
    const auto* member = message->FindFieldByName(std::string(kind));
    ASSERT_NE(member, nullptr) << "the spec has no " << kind;
    const auto* type = member->message_type();
    const auto form = make(kind);
    EXPECT_EQ(FieldsOfOptions(form->fields()), FieldsOfMessage(*type)) << kind;
    for (const Field& field : form->fields()) {
      const std::string name = type->name() + "." + field.name();
      ASSERT_TRUE(comments.contains(name)) << name << " has no comment";
      std::string comment = comments.at(name);
      comment[0] = static_cast<char>(std::tolower(comment[0]));
      EXPECT_THAT(comment, HasSubstr("efault")) << name;
      EXPECT_THAT(comment, HasSubstr(DefaultOf(field))) << name;
    }
  }
  const auto* members = message->FindOneofByName("kind");
  EXPECT_EQ(members->field_count(), static_cast<int>(kinds.size() + no_counterpart.size()));
  for (const std::string& name : no_counterpart) {
    EXPECT_NE(message->FindFieldByName(name), nullptr) << name;
  }
}

TEST(ObjectiveSpecTest, EveryFieldHasItsCounterpartAndDefaultInCore) {
  ExpectCounterparts(api::Objective::descriptor(), "proto/descent/v1/objective.proto", NewLoss,
                     LossKinds(), {"sum", "function"});
  ExpectCounterparts(api::EvaluationMetric::descriptor(), "proto/descent/v1/spec.proto", NewMetric,
                     MetricKinds(), {});
}

TEST(ObjectiveSpecTest, EveryPenaltyOfCoreIsInTheSpec) {
  const auto* penalty = api::Penalty::descriptor();
  EXPECT_EQ(penalty->field_count(), static_cast<int>(PenaltyKinds().size()));
  for (const std::string_view kind : PenaltyKinds()) {
    const auto* member = penalty->FindFieldByName(std::string(kind));
    ASSERT_NE(member, nullptr) << kind;
    EXPECT_EQ(FieldsOfOptions(NewPenalty(kind)->fields()), FieldsOfMessage(*member->message_type()))
        << kind;
  }
}

TEST(ObjectiveSpecTest, DefaultsAreFilledIn) {
  EXPECT_EQ(Resolved("huber {}").huber().delta(), 1);
  EXPECT_FALSE(Resolved("cross_entropy {}").cross_entropy().probabilities());
  const api::Objective sum = Resolved(
      "sum { terms { objective { huber {} } } terms { name: 'far' weight { linear { initial: 2 } } "
      "objective { mean_absolute_error {} } } } penalties { l2 { weight { constant: 0.5 } } }");
  EXPECT_EQ(sum.sum().terms(0).name(), "huber");
  EXPECT_EQ(sum.sum().terms(0).weight().constant(), 1);
  EXPECT_EQ(sum.sum().terms(1).weight().linear().iterations(), 100);
  EXPECT_EQ(sum.penalties(0).l2().pattern(), "*");
  api::Objective again = sum;
  Violations violations;
  ResolveObjective(&again, &violations);
  ResolveSequencesInRun({.length = 100}, &again);
  EXPECT_EQ(again.DebugString(), sum.DebugString());
}

TEST(ObjectiveSpecTest, LossesHaveTheirOptions) {
  const LossSum loss = ToLossSum(Resolved("cross_entropy { class_weights: [1, 2, 3] }"));
  EXPECT_TRUE(loss.plain());
  EXPECT_FALSE(loss.terms[0].loss.CheckShapes({4}, {}).ok());
  EXPECT_TRUE(loss.terms[0].loss.CheckShapes({3}, {}).ok());
  const LossSum sum = ToLossSum(Resolved(
      "sum { terms { objective { huber {} } weight { constant: 3 } } } penalties { l1 { weight { "
      "constant: 0.5 } pattern: '*.weight' } } penalties { group { weight { constant: 1 } } }"));
  EXPECT_EQ(sum.terms[0].weight->value(), 3);
  EXPECT_THAT(sum.part_names(), ElementsAre("objective.sum.huber", "objective.penalties.l1",
                                            "objective.penalties.group"));
  EXPECT_EQ(sum.penalties[0].pattern, "*.weight");
  EXPECT_EQ(sum.penalties[1].name, "group");
}

TEST(ObjectiveSpecTest, WhatIsWrongIsNamedByItsField) {
  EXPECT_THAT(Problems("").at(0), HasSubstr("objective: Give one of cross_entropy, mean_squared"));
  EXPECT_THAT(Problems("huber { delta: -1 }"),
              ElementsAre(HasSubstr("objective.huber.delta: delta: -1 ")));
  EXPECT_THAT(Problems("cross_entropy { class_weights: [1, -2] label_smoothing: 2 }"),
              UnorderedElementsAre(HasSubstr("label_smoothing: 2"),
                                   HasSubstr("class_weights[1]: -2 is negative")));
  EXPECT_THAT(Problems("sum {}"), ElementsAre(HasSubstr("objective.sum.terms: Give from 1")));
  EXPECT_THAT(Problems("sum { terms { objective { sum {} } } }"),
              ElementsAre(HasSubstr("terms[0].objective: A term is a loss, and sum is none.")));
  EXPECT_THAT(Problems("sum { terms {} }"),
              ElementsAre(HasSubstr("objective.sum.terms[0].objective: Give a loss")));
  EXPECT_THAT(Problems("sum { terms { objective { huber {} } } terms { objective { huber {} } } }"),
              ElementsAre(HasSubstr("terms[1].name: Two terms are called \"huber\"")));
  EXPECT_THAT(
      Problems("sum { terms { weight { constant: -1 } objective { huber { delta: 0 } } } }"),
      UnorderedElementsAre(HasSubstr("objective.sum.terms[0].weight.constant: weight: -1"),
                           HasSubstr("objective.sum.terms[0].objective.huber.delta: delta: 0")));
  EXPECT_THAT(Problems("huber {} penalties {}"),
              ElementsAre(HasSubstr("objective.penalties[0]: Give one of l1, l2, group.")));
  EXPECT_THAT(Problems("huber {} penalties { l1 {} }"),
              ElementsAre(HasSubstr("objective.penalties[0].l1.weight: Give a number.")));
  EXPECT_THAT(Problems("sum { terms { name: 'a b' objective { huber {} } } }"),
              ElementsAre(HasSubstr("\"a b\" is no name")));
}

TEST(ObjectiveSpecTest, AccuracyIsTheDefaultMetricOfClasses) {
  api::Evaluation classes, values;
  Violations violations;
  ResolveMetrics(Resolved("hinge {}"), &classes, &violations);
  ResolveMetrics(Resolved("huber {}"), &values, &violations);
  EXPECT_TRUE(violations.empty());
  ASSERT_EQ(classes.metrics_size(), 1);
  EXPECT_TRUE(classes.metrics(0).has_accuracy());
  EXPECT_EQ(ToMetrics(classes)[0].name, "accuracy");
  EXPECT_EQ(values.metrics_size(), 0);
}

TEST(ObjectiveSpecTest, MetricsAreChecked) {
  api::Spec spec;
  *spec.mutable_objective() = Resolved("cross_entropy {}");
  api::Evaluation& evaluation = *spec.mutable_evaluation();
  evaluation.add_metrics()->mutable_top_k();
  evaluation.add_metrics()->mutable_top_k()->set_k(0);
  evaluation.add_metrics()->mutable_top_k()->set_k(5);
  evaluation.add_metrics();
  Violations violations;
  ResolveMetrics(spec.objective(), &evaluation, &violations);
  EXPECT_THAT(List(violations),
              ElementsAre(HasSubstr("evaluation.metrics[1].top_k.k: k: 0"),
                          HasSubstr("evaluation.metrics[2].top_k: The metric top_5 is there twice"),
                          HasSubstr("evaluation.metrics[3]: Give one of accuracy, top_k")));
  evaluation.clear_metrics();
  evaluation.add_metrics()->mutable_r_squared();
  Violations shapes;
  CheckObjectiveShapes(spec, {3}, {}, &shapes);
  EXPECT_THAT(List(shapes), ElementsAre(HasSubstr("evaluation.metrics[0].r_squared: r_squared: ")));
}

TEST(ObjectiveSpecTest, EachTermIsCheckedAgainstTheModel) {
  api::Spec spec;
  *spec.mutable_objective() =
      Resolved("sum { terms { objective { cross_entropy {} } } terms { objective { huber {} } } }");
  Violations violations;
  CheckObjectiveShapes(spec, {3}, {}, &violations);
  EXPECT_THAT(List(violations),
              ElementsAre(HasSubstr("objective.sum.terms[1].objective.huber: huber: the model")));
}

}  // namespace
}  // namespace descent::worker
