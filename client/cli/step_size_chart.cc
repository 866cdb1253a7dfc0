#include "client/cli/step_size_chart.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/format.h"

namespace descent::cli {
namespace {

constexpr size_t kColumns = 60;
constexpr int kRows = 8;
constexpr const char* kEighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::string Spaces(size_t count) { return std::string(count, ' '); }

}  // namespace

std::string StepSizeChart(const v1::SpecSummary& summary, size_t terminal_columns) {
  const auto& points = summary.step_size_preview();
  const size_t count = static_cast<size_t>(points.size());
  double top = 0, least = INFINITY;
  for (const auto& point : points) {
    top = std::max(top, point.value());
    least = std::min(least, point.value());
  }
  if (count < 2 || top == least) return "";

  const std::string labels[] = {Number(top), Number(top / 2), "0"};
  size_t margin = 0;
  for (const std::string& label : labels) margin = std::max(margin, Width(label));
  const size_t frame = margin + 4;  // the numbers, the axis, and what is around them
  const size_t room = terminal_columns > frame ? terminal_columns - frame : 1;
  const size_t columns = std::min({count, kColumns, room});
  std::vector<double> heights(columns);
  for (size_t c = 0; c < columns; ++c) {
    for (size_t i = c * count / columns; i < (c + 1) * count / columns; ++i) {
      heights[c] = std::max(heights[c], points[static_cast<int>(i)].value());
    }
  }
  const auto line = [&](const std::string& label, const char* axis) {
    return absl::StrCat("  ", Spaces(margin - Width(label)), label, " ", axis);
  };
  std::string out = "STEP SIZE\n";
  for (int row = kRows - 1; row >= 0; --row) {
    const bool labelled = row == kRows - 1 || row == kRows / 2 - 1;
    absl::StrAppend(&out, line(row == kRows - 1 ? labels[0]
                               : labelled       ? labels[1]
                                                : "",
                               labelled ? "┤" : "│"));
    std::string bars;
    size_t end = 0;
    for (const double height : heights) {
      // Something that is not zero is seen.
      const int eighths =
          std::max(static_cast<int>(std::lround(height / top * kRows * 8)), height > 0 ? 1 : 0);
      const int here = std::clamp(eighths - row * 8, 0, 8);
      bars += kEighths[here];
      if (here > 0) end = bars.size();
    }
    absl::StrAppend(&out, bars.substr(0, end), "\n");
  }
  absl::StrAppend(&out, line(labels[2], "└"));
  for (size_t c = 0; c < columns; ++c) out += "─";
  const std::string first = Count(points[0].iteration());
  const std::string last =
      absl::StrCat(Count(points[points.size() - 1].iteration()), " iterations");
  const size_t used = Width(first) + Width(last);
  absl::StrAppend(&out, "\n", Spaces(frame), first, Spaces(columns > used ? columns - used : 1),
                  last, "\n");
  return out;
}

}  // namespace descent::cli
