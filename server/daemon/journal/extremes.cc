#include "server/daemon/journal/extremes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string_view>

#include "server/daemon/journal/wire.h"

namespace descent::daemon {
namespace {

struct Numbers {
  double value = 0, gradient_norm = 0;
};

// Reads the numbers of an event's iteration without a parse, which would cost ten times as much.
Numbers NumbersOf(std::string_view event) {
  Numbers numbers;
  WireField field;
  while (ReadField(&event, &field)) {
    if (field.tag != v1::Event::kIterationFieldNumber) continue;
    std::string_view iteration = field.bytes;
    while (ReadField(&iteration, &field)) {
      if (field.tag == v1::Iteration::kValueFieldNumber) {
        numbers.value = std::bit_cast<double>(field.number);
      } else if (field.tag == v1::Iteration::kGradientNormFieldNumber) {
        numbers.gradient_norm = std::bit_cast<double>(field.number);
      }
    }
    break;
  }
  return numbers;
}

double Orderly(double number) {
  return std::isfinite(number) ? number : std::numeric_limits<double>::infinity();
}

// The extremes of one stretch, by their places among the row's entries.
class Stretch {
 public:
  void Add(size_t place, const Numbers& numbers) {
    Take(0, place, Orderly(numbers.value));
    Take(1, place, -Orderly(numbers.value));
    Take(2, place, Orderly(numbers.gradient_norm));
    Take(3, place, -Orderly(numbers.gradient_norm));
    empty_ = false;
  }
  void MoveTo(std::vector<size_t>* places) {
    if (empty_) return;
    for (const Least& least : least_) places->push_back(least.place);
    *this = Stretch();
  }

 private:
  struct Least {
    size_t place = 0;
    double number = 0;
  };
  void Take(size_t which, size_t place, double number) {
    if (empty_ || number < least_[which].number) least_[which] = {place, number};
  }

  bool empty_ = true;
  std::array<Least, 4> least_;
};

}  // namespace

std::vector<Entry> Extremes(const Row& row, int64_t after_revision, int64_t every) {
  std::vector<Entry> all;
  std::vector<size_t> chosen;
  Stretch stretch;
  int64_t number = -1;
  for (const Entry& entry : Entries(row)) {
    if (entry.revision <= after_revision) continue;
    if (entry.iteration / every != number) {
      stretch.MoveTo(&chosen);
      number = entry.iteration / every;
    }
    if (entry.iteration % every == 0) chosen.push_back(all.size());
    stretch.Add(all.size(), NumbersOf(entry.event));
    all.push_back(entry);
  }
  stretch.MoveTo(&chosen);
  std::ranges::sort(chosen);
  chosen.erase(std::ranges::unique(chosen).begin(), chosen.end());
  std::vector<Entry> entries;
  entries.reserve(chosen.size());
  for (const size_t place : chosen) entries.push_back(all[place]);
  return entries;
}

}  // namespace descent::daemon
