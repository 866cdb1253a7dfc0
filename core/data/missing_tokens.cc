#include "core/data/source.h"

namespace descent {

const std::vector<std::string>& UsualMissingTokens() {
  static const auto* const tokens = new std::vector<std::string>{
      "",     "?",    "#N/A",   "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN",
      "-NaN", "-nan", "1.#IND", "1.#QNAN",  "<NA>", "N/A",     "NA",
      "NULL", "NaN",  "None",   "n/a",      "nan",  "null"};
  return *tokens;
}

}  // namespace descent
