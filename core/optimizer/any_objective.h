// `AnyObjective<X>` is any objective over the space X, chosen at run time: what the objective does
// not offer (batches, dials, terms) it has none of. It owns the objective. Movable, not
// thread-safe.
#ifndef DESCENT_CORE_OPTIMIZER_ANY_OBJECTIVE_H_
#define DESCENT_CORE_OPTIMIZER_ANY_OBJECTIVE_H_

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/objective/gradient.h"
#include "core/optimizer/method.h"
#include "core/optimizer/objective_dials.h"
#include "core/space/space.h"

namespace descent {

template <InnerProductSpace X>
class AnyObjective {
 public:
  template <class F>
    requires(!std::same_as<F, AnyObjective> && Objective<F, X>)
  AnyObjective(F objective)  // NOLINT(google-explicit-constructor): ModelRun::Create(…, objective)
      : objective_(std::make_unique<Holder<F>>(std::move(objective))),
        dials_(objective_->dials()) {}

  // Writes the gradient into g's memory and gives the value. Throws what the objective throws.
  double gradient_into(const X& x, X& g) { return objective_->gradient_into(x, g); }
  // Does nothing to an objective that is the same in each iteration.
  void seek(int64_t iteration) { objective_->seek(iteration); }
  // True if it is another objective in each iteration, because of another batch.
  bool changes() const { return objective_->changes(); }

  // The dials of the weights of terms, the numbers that they are set to, the weights of all terms,
  // and the terms' values. An objective without terms has none of these.
  const std::vector<ObjectiveDial>& dials() const { return dials_; }
  void weigh(std::span<const double> numbers) { objective_->weigh(numbers); }
  std::span<const double> weights() const { return objective_->weights(); }
  void Report(const Reporter& report) const { objective_->Report(report); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual double gradient_into(const X& x, X& g) = 0;
    virtual void seek(int64_t iteration) = 0;
    virtual bool changes() const = 0;
    virtual std::vector<ObjectiveDial> dials() const = 0;
    virtual void weigh(std::span<const double> numbers) = 0;
    virtual std::span<const double> weights() const = 0;
    virtual void Report(const Reporter& report) const = 0;
  };

  template <class F>
  struct Holder final : Interface {
    explicit Holder(F f) : objective(std::move(f)) {}
    double gradient_into(const X& x, X& g) override {
      return descent::gradient_into(objective, x, g);
    }
    void seek(int64_t iteration) override {
      if constexpr (StochasticObjective<F>) objective.seek(iteration);
    }
    bool changes() const override { return StochasticObjective<F>; }
    std::vector<ObjectiveDial> dials() const override {
      std::vector<ObjectiveDial> list;
      if constexpr (HasDials<F>) {
        for (const auto& dial : objective.dials()) list.push_back({dial.range, dial.sequence});
      }
      return list;
    }
    void weigh(std::span<const double> numbers) override {
      if constexpr (HasDials<F>) objective.weigh(numbers);
    }
    std::span<const double> weights() const override {
      if constexpr (requires { objective.weights(); }) {
        return objective.weights();
      } else {
        return {};
      }
    }
    void Report(const Reporter& report) const override {
      if constexpr (requires { objective.Report(report); }) objective.Report(report);
    }
    F objective;
  };

  std::unique_ptr<Interface> objective_;
  std::vector<ObjectiveDial> dials_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_ANY_OBJECTIVE_H_
