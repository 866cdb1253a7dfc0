// Tests that the optimizers of the spec are those of core, field by field.
#include "server/worker/bridge/optimizer_spec.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <any>
#include <cmath>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields/fields.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/relu.h"
#include "core/model/sequential.h"
#include "core/objective/loss.h"
#include "core/objective/supervised_objective.h"
#include "core/optimizer/kinds.h"
#include "core/optimizer/line_search.h"
#include "core/optimizer/model_run.h"

namespace descent::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

api::Optimizer Parse(const std::string& text) {
  api::Optimizer optimizer;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &optimizer)) << text;
  return optimizer;
}

// Gives `path: description` of each violation.
std::vector<std::string> Problems(api::Optimizer optimizer) {
  Violations violations;
  ResolveOptimizer(&optimizer, &violations);
  std::vector<std::string> problems;
  for (const Violation& v : violations.list()) problems.push_back(v.field + ": " + v.description);
  return problems;
}

Model SmallModel() {
  return BuildModel(
             {.root = Sequential{{Linear{.out_features = 7}, Relu{}, Linear{.out_features = 3}}},
              .input_shape = {5}})
      ->model;
}

absl::StatusOr<std::unique_ptr<ModelRun>> Start(api::Optimizer optimizer) {
  Violations violations;
  ResolveOptimizer(&optimizer, &violations);
  ResolveSequencesInRun({.length = 100}, &optimizer);
  EXPECT_TRUE(violations.empty());
  const absl::StatusOr<OptimizerOptions> options = ToOptimizerOptions(optimizer);
  if (!options.ok()) return options.status();
  return ModelRun::Create(*options, SmallModel(),
                          SupervisedObjective(cross_entropy(), [](int64_t) { return Batch(); }));
}

// Gives the comment behind each field of each message:
// `Sgd.momentum` → "default 0, each in [0, 1)".
std::map<std::string, std::string> Comments() {
  std::ifstream file("proto/descent/v1/optimizer.proto");
  const std::regex message(R"(^message (\w+) \{)"),
      field(R"(^ +(?:optional )?[\w.]+ (\w+) = \d+(?: \[[^;]*\])?; *// (.*)$)");
  std::map<std::string, std::string> comments;
  std::string present;
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (std::regex_search(line, match, message)) present = match[1];
    if (std::regex_search(line, match, field)) comments[present + "." + match[1].str()] = match[2];
  }
  return comments;
}

// Gives `default 0.9`, as the comment begins; for a default that is no number its text.
std::string DefaultOf(const Field& field) {
  if (const auto* sequence = field.As<descent::Sequence>()) {
    return sequence->bounds()->least == sequence->bounds()->greatest
               ? std::to_string(sequence->value())
               : "Nesterov's sequence";
  }
  if (const auto* number = field.As<double>()) return std::to_string(*number);
  if (const auto* number = field.As<int64_t>()) return std::to_string(*number);
  if (const auto* flag = field.As<bool>()) return *flag ? "true" : "false";
  if (const auto* search = field.As<LineSearch>()) return std::string(search->kind());
  return std::any_cast<std::string>(field.Get());
}

double NumberOf(const Field& field) {
  if (const auto* sequence = field.As<descent::Sequence>()) return sequence->value();
  if (const auto* number = field.As<double>()) return *number;
  if (const auto* number = field.As<int64_t>()) return static_cast<double>(*number);
  return NAN;
}

template <class Form>
void ExpectCounterparts(const google::protobuf::Descriptor* message,
                        std::unique_ptr<Form> (*make)(std::string_view)) {
  const std::map<std::string, std::string> comments = Comments();
  const auto* kinds = message->FindOneofByName("kind");
  for (int i = 0; i < kinds->field_count(); ++i) {
    const std::unique_ptr<Form> form = make(kinds->field(i)->name());
    if (form == nullptr) {
      ADD_FAILURE() << "core has no " << kinds->field(i)->name();
      continue;
    }
    const auto* type = kinds->field(i)->message_type();
    std::set<std::string> fields;
    for (int j = 0; j < type->field_count(); ++j) fields.insert(type->field(j)->name());
    for (const Field& field : form->fields()) {
      const std::string name = type->name() + "." + field.name();
      EXPECT_EQ(fields.erase(field.name()), 1u) << "the spec has no " << name;
      ASSERT_TRUE(comments.contains(name)) << name << " has no comment";
      const std::string& comment = comments.at(name);
      if (field.required()) {
        EXPECT_THAT(comment, HasSubstr("required")) << name;
      } else if (const double number = NumberOf(field);
                 std::isfinite(number) && DefaultOf(field) != "Nesterov's sequence") {
        std::smatch match;
        ASSERT_TRUE(std::regex_search(comment, match, std::regex(R"(default ([-+.\de]+[\d]|\d))")))
            << name << ": " << comment;
        EXPECT_EQ(std::stod(match[1]), number) << name;
      } else {
        const std::string text = DefaultOf(field);
        EXPECT_THAT(comment, HasSubstr("default")) << name;
        EXPECT_THAT(comment, HasSubstr(text)) << name;
      }
    }
    EXPECT_TRUE(fields.empty()) << type->name() << "." << *fields.begin()
                                << " means nothing to core";
  }
}

TEST(OptimizerSpecTest, EveryFieldHasItsCounterpartAndDefaultInCore) {
  ExpectCounterparts(api::Optimizer::descriptor(), NewOptimizer);
  ExpectCounterparts(api::Wrapper::descriptor(), NewWrapper);
}

TEST(OptimizerSpecTest, EveryOptimizerAndWrapperOfCoreIsInTheSpec) {
  for (const std::string_view kind : OptimizerKinds()) {
    EXPECT_NE(api::Optimizer::descriptor()->FindFieldByName(std::string(kind)), nullptr) << kind;
  }
  for (const std::string_view kind : WrapperKinds()) {
    EXPECT_NE(api::Wrapper::descriptor()->FindFieldByName(std::string(kind)), nullptr) << kind;
  }
}

TEST(OptimizerSpecTest, EveryLineSearchOfTheSpecIsOneOfCoreFieldByField) {
  const std::map<std::string, std::string> comments = Comments();
  const auto* kinds = api::LineSearch::descriptor()->FindOneofByName("kind");
  for (int i = 0; i < kinds->field_count(); ++i) {
    std::optional<LineSearch> search = MakeLineSearch(kinds->field(i)->name());
    ASSERT_TRUE(search.has_value()) << kinds->field(i)->name();
    const auto* type = kinds->field(i)->message_type();
    std::set<std::string> fields;
    for (int j = 0; j < type->field_count(); ++j) fields.insert(type->field(j)->name());
    for (const Field& field : search->fields()) {
      const std::string name = type->name() + "." + field.name();
      EXPECT_EQ(fields.erase(field.name()), 1u) << "the spec has no " << name;
      std::smatch match;
      const std::string& comment = comments.at(name);
      ASSERT_TRUE(std::regex_search(comment, match, std::regex(R"(default ([-.\de]+))")));
      EXPECT_EQ(std::stod(match[1]), NumberOf(field)) << name;
    }
    EXPECT_TRUE(fields.empty()) << type->name() << "." << *fields.begin();
  }
}

TEST(OptimizerSpecTest, LineSearchesAndNamesAreResolved) {
  api::Optimizer optimizer = Parse("lbfgs {}");
  Violations violations;
  ResolveOptimizer(&optimizer, &violations);
  EXPECT_EQ(optimizer.lbfgs().line_search().hager_zhang().curvature(), 0.9);
  optimizer = Parse("nonlinear_cg { line_search { strong_wolfe { curvature: 0.1 } } }");
  ResolveOptimizer(&optimizer, &violations);
  EXPECT_TRUE(optimizer.nonlinear_cg().has_formula());
  EXPECT_EQ(optimizer.nonlinear_cg().formula(), api::NonlinearCg::HAGER_ZHANG);
  EXPECT_EQ(optimizer.nonlinear_cg().line_search().strong_wolfe().sufficient_decrease(), 1e-4);
  EXPECT_TRUE(violations.empty());
  const api::Optimizer once = optimizer;
  ResolveOptimizer(&optimizer, &violations);
  EXPECT_EQ(once.DebugString(), optimizer.DebugString());
  EXPECT_TRUE(Start(Parse("nesterov { step_size { constant: 1 } restart: GRADIENT }")).ok());

  EXPECT_THAT(Problems(Parse("lbfgs { line_search {} }")),
              ElementsAre("optimizer.lbfgs.line_search: Give one of fixed, backtracking, "
                          "strong_wolfe and hager_zhang."));
  EXPECT_THAT(Problems(Parse("lbfgs { line_search { backtracking { contraction: 1 } } }")),
              ElementsAre(HasSubstr("optimizer.lbfgs.line_search.backtracking.contraction: ")));
  EXPECT_THAT(Problems(Parse("lbfgs { line_search { hager_zhang { curvature: 0.01 } } }")),
              ElementsAre(HasSubstr("optimizer.lbfgs.line_search: hager_zhang.curvature: ")));
  EXPECT_THAT(Problems(Parse("barzilai_borwein { formula: 7 }")),
              ElementsAre("optimizer.barzilai_borwein.formula: Give one of LONG, SHORT."));
}

TEST(OptimizerSpecTest, ResolvingTwiceChangesNothing) {
  api::Optimizer once = Parse("nesterov { step_size { constant: 0.1 } } wrappers { ema {} }");
  Violations violations;
  ResolveOptimizer(&once, &violations);
  EXPECT_TRUE(once.nesterov().momentum().has_nesterov());
  EXPECT_EQ(once.wrappers(0).ema().decay().constant(), 0.999);
  api::Optimizer twice = once;
  ResolveOptimizer(&twice, &violations);
  EXPECT_EQ(once.DebugString(), twice.DebugString());
  EXPECT_TRUE(violations.empty());
}

TEST(OptimizerSpecTest, WrongNumbersAreRefusedByTheirPath) {
  EXPECT_THAT(Problems(Parse("")),
              ElementsAre(HasSubstr("optimizer: Give one of gradient_descent")));
  EXPECT_THAT(Problems(Parse("sgd { momentum { constant: 1 } }")),
              ElementsAre(HasSubstr("optimizer.sgd.momentum")));
  EXPECT_THAT(Problems(Parse("adamw { epsilon: 0 }")),
              ElementsAre(HasSubstr("optimizer.adamw.epsilon: epsilon: 0 is not positive")));
  EXPECT_THAT(
      Problems(Parse("gradient_descent {}")),
      ElementsAre("optimizer.gradient_descent.step_size: This optimizer needs a step size."));
  EXPECT_THAT(Problems(Parse("adam {} wrappers {} wrappers { accumulate { iterations: 0 } }")),
              ElementsAre(HasSubstr("optimizer.wrappers[0]: Give one of"),
                          HasSubstr("optimizer.wrappers[1].accumulate.iterations")));
  EXPECT_THAT(Problems(Parse("adam {} groups { momentum { constant: 0 } }")),
              ElementsAre(HasSubstr("optimizer.groups[0].pattern"),
                          "optimizer.groups[0].momentum: adam has no such field."));
  EXPECT_THAT(Problems(Parse("heavy_ball { step_size { constant: 1 } } groups { pattern: \"*\" }")),
              ElementsAre(HasSubstr("optimizer.groups: heavy_ball has no groups")));
}

TEST(OptimizerSpecTest, WhatContradictsItselfIsRefusedWithASentence) {
  EXPECT_THAT(
      Start(Parse("sgd { nesterov: true dampening { constant: 0.1 } }")).status().ToString(),
      HasSubstr("dampening"));
  EXPECT_THAT(
      Start(Parse("adam {} wrappers { clip_by_norm {} } wrappers { sam {} }")).status().ToString(),
      HasSubstr("clip_by_norm: the optimizer inside evaluates"));
  EXPECT_THAT(Start(Parse("nesterov { step_size { constant: 1 } } wrappers { lookahead {} }"))
                  .status()
                  .ToString(),
              HasSubstr("lookahead"));
  EXPECT_THAT(
      Start(Parse("adam {} wrappers { freeze { pattern: \"nothing\" } }")).status().ToString(),
      HasSubstr("no parameter fits"));
  EXPECT_THAT(Start(Parse("adam {} groups { pattern: \"nothing\" }")).status().ToString(),
              HasSubstr("groups.0: no parameter fits"));
}

TEST(OptimizerSpecTest, SgdTakesNesterovAsPyTorchDoes) {
  const auto status = [](const std::string& text) {
    return Start(Parse(text)).status().ToString();
  };
  const std::string momentum = "momentum { constant: 0.9 } ";
  EXPECT_EQ(status("sgd { nesterov: true " + momentum + "}"), "OK");
  EXPECT_THAT(status("sgd { nesterov: true }"), HasSubstr("momentum: Nesterov's form needs one"));
  EXPECT_THAT(status("sgd { nesterov: true " + momentum + "dampening { constant: 0.1 } }"),
              HasSubstr("dampening: Nesterov's form has none"));
  EXPECT_THAT(
      status("sgd { nesterov: true " + momentum + "dampening { linear { initial: 0.1 } } }"),
      HasSubstr("dampening: Nesterov's form has none"));
  EXPECT_THAT(status("sgd { dampening { constant: 0.1 } } groups { pattern: \"*.bias\" "
                     "nesterov: true momentum { constant: 0.9 } }"),
              HasSubstr("dampening: Nesterov's form has none"));
  EXPECT_THAT(status("sgd {} groups { pattern: \"*.bias\" nesterov: true }"),
              HasSubstr("momentum: Nesterov's form needs one"));
  // The range that is told is the true one.
  EXPECT_THAT(
      Problems(Parse("sgd { momentum { constant: 1 } nesterov: true }")),
      ElementsAre("optimizer.sgd.momentum.constant: momentum: 1 is too large; give a number "
                  "in (0, 1)."));
  EXPECT_THAT(Problems(Parse("sgd { nesterov: true " + momentum + "dampening { constant: 2 } }")),
              ElementsAre("optimizer.sgd.dampening.constant: dampening: 2 is too large; give 0: "
                          "Nesterov's form has none."));
  EXPECT_THAT(Problems(Parse("sgd { momentum { constant: 1 } }")),
              ElementsAre(HasSubstr("give a number in [0, 1).")));
  // Nor can the dial be turned there.
  for (const char* text : {"sgd { nesterov: true momentum { constant: 0.9 } }",
                           "sgd { momentum { constant: 0.9 } } "
                           "groups { pattern: \"*.bias\" nesterov: true }"}) {
    auto run = Start(Parse(text));
    ASSERT_TRUE(run.ok()) << run.status();
    Dial* dampening = (*run)->dials()[2];
    ASSERT_EQ(dampening->name, "dampening");
    EXPECT_EQ(dampening->sequence.set(0.5).message(),
              "dampening: 0.5 is too large; give 0: Nesterov's form has none")
        << text;
    Dial* own = (*run)->dials()[1];
    ASSERT_EQ(own->name, "momentum");
    EXPECT_EQ(own->sequence.set(0).message(),
              "momentum: 0 is not positive; give a number in (0, 1): Nesterov's form needs one")
        << text;
    EXPECT_FALSE(own->sequence.scale(0).ok()) << text;
    EXPECT_TRUE(own->sequence.set(0.5).ok()) << text;
  }
  // A schedule may begin there.
  auto run =
      Start(Parse("sgd { nesterov: true momentum { warmup { iterations: 5 then { constant: "
                  "0.9 } } } }"));
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ((*run)->dials()[1]->sequence.value(), 0);
  EXPECT_TRUE(Start(Parse("sgd {}")).value()->dials()[1]->sequence.set(0).ok());
}

TEST(OptimizerSpecTest, EveryScheduleLastsFromItsBeginningToTheEndOfTheRun) {
  const std::string line = "{ linear { initial: 0.9 begin: 20 } } ";
  api::Optimizer optimizer =
      Parse("sgd { step_size " + line + "momentum " + line + "} groups { pattern: \"*.bias\" " +
            "step_size " + line + "} wrappers { clip_by_norm { max_norm { linear { initial: 9 " +
            "final: 1 begin: 20 } } } }");
  Violations violations;
  ResolveOptimizer(&optimizer, &violations);
  ResolveSequencesInRun({.length = 100}, &optimizer);
  ASSERT_TRUE(violations.empty()) << violations.list()[0].description;
  for (const api::Sequence& sequence :
       {optimizer.sgd().step_size(), optimizer.sgd().momentum(), optimizer.groups(0).step_size(),
        optimizer.wrappers(0).clip_by_norm().max_norm()}) {
    EXPECT_EQ(sequence.linear().iterations(), 80) << sequence.ShortDebugString();
  }
}

TEST(OptimizerSpecTest, DialsAreCalledAfterTheirPlaces) {
  const api::Optimizer optimizer = Parse(R"pb(
    sgd {}
    wrappers { clip_by_norm {} }
    wrappers { coupled_weight_decay {} }
    wrappers { clip_by_norm { max_norm { constant: 2 } } }
    groups {
      name: "bias"
      pattern: "*.bias"
      step_size { constant: 0.1 }
    })pb");
  const auto run = Start(optimizer);
  ASSERT_TRUE(run.ok()) << run.status();
  std::vector<std::string> paths;
  for (const Dial* dial : (*run)->dials()) paths.push_back(DialPath(optimizer, dial->name));
  EXPECT_THAT(paths, ElementsAre("optimizer.sgd.step_size", "optimizer.sgd.momentum",
                                 "optimizer.sgd.dampening", "optimizer.groups.bias.step_size",
                                 "optimizer.clip_by_norm.max_norm",
                                 "optimizer.coupled_weight_decay.weight_decay",
                                 "optimizer.clip_by_norm2.max_norm"));
  EXPECT_EQ((*run)->dials()[4]->sequence.value(), 2);
}

}  // namespace
}  // namespace descent::worker
