// `SeriesNames` is what an iteration's scalars are called, for people: each by the shortest end of
// its path that none of the others has (`beta1`, `generator.value`). A value.
#ifndef DESCENT_CLIENT_CLI_SERIES_NAMES_H_
#define DESCENT_CLIENT_CLI_SERIES_NAMES_H_

#include <string>
#include <vector>

#include "descent/v1/event.pb.h"

namespace descent::cli {

class SeriesNames {
 public:
  SeriesNames() = default;
  explicit SeriesNames(const google::protobuf::RepeatedPtrField<std::string>& paths);

  // Gives `beta1 0.9`, one for each scalar; none for an iteration that has none.
  std::vector<std::string> Fields(const v1::Iteration& iteration) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_SERIES_NAMES_H_
