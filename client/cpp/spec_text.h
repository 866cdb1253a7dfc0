// Reads specs as people write them into descent.v1.Spec, and writes them back. Pure functions, but
// for ReadSpecFile.
//
// An error is INVALID_ARGUMENT; its message has a line for each thing that is wrong,
//   mlp.yaml:12:5: optimizer.adam.step_sise: unknown field (did you mean `step_size`?)
// and its ErrorDetail (//proto:rpc_status) a violation for each. What the text means is checked
// here; whether it makes sense (shapes, ranges, files) is for the server.
#ifndef DESCENT_CLIENT_CPP_SPEC_TEXT_H_
#define DESCENT_CLIENT_CPP_SPEC_TEXT_H_

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/yaml_tree.h"
#include "descent/v1/data.pb.h"
#include "descent/v1/spec.pb.h"

namespace descent::client {

enum class SpecFormat {
  kAuto,       // goes by the file's name; YAML if that says nothing
  kYaml,       // YAML, and JSON, of which it is a superset
  kTextproto,  // protobuf's text format: .textproto, .txtpb, .pbtxt, .prototxt
};

// Reads a text. `file` is its name in errors. `marks`, if given, receives where each field stands
// (for YAML and JSON), for errors that are found later.
absl::StatusOr<v1::Spec> ParseSpec(std::string_view text, const std::string& file,
                                   SpecFormat format = SpecFormat::kAuto,
                                   FieldMarks* marks = nullptr);

// Makes the paths of data files absolute, as the server wants them: relative ones are taken from
// `folder`, a leading `~/` from $HOME.
void ResolvePaths(const std::string& folder, google::protobuf::Message* spec);

// Reads and parses a file, `-` being standard input; relative paths in it are taken from its own
// folder (from the working folder for standard input). Then the overrides come, in order, as
// ApplyOverride takes them; relative paths in those are taken from the working folder.
absl::StatusOr<v1::Spec> ReadSpecFile(const std::string& file,
                                      const std::vector<std::string>& overrides,
                                      SpecFormat format = SpecFormat::kAuto,
                                      FieldMarks* marks = nullptr);

// Reads what people give as `--data`: a file that holds a DataSource (.yaml, .yml, .json,
// .textproto and its like, - for standard input), or the data themselves, whose kind their name
// tells: a folder of pictures or one of them, .csv, .tsv, .npy, .npz, .safetensors, .txt, idx
// files. Paths become absolute.
absl::StatusOr<v1::DataSource> ReadDataSource(const std::string& given,
                                              const std::vector<std::string>& overrides);

// Tells a server's refusal of a spec as ParseSpec tells its own: violations of fields that `marks`
// knows get their place in `file`. Other errors stay as they are.
absl::Status WithPlaces(const absl::Status& status, const std::string& file,
                        const FieldMarks& marks);

// Sets one field from `PATH=VALUE`. PATH is a field path or any unambiguous suffix of one
// (`adam.step_size`, `batch_size`; `lr` and `learning_rate` mean `step_size`); list items are
// `layers[0]`. VALUE is YAML: `0.1`, `{cosine: {initial: 0.1}}`. A whole field is replaced.
// Setting `iterations` clears `epochs` and the other way round, as only one may be given.
// `full_path`, if given, receives the path that was meant.
absl::Status ApplyOverride(std::string_view assignment, v1::Spec* spec,
                           std::string* full_path = nullptr);
// Does the same to a part of a spec, a DataSource.
absl::Status ApplyPartOverride(std::string_view assignment, google::protobuf::Message* part,
                               std::string* full_path = nullptr);

// Gives the spec as YAML that ParseSpec reads back to the same message.
std::string PrintSpec(const v1::Spec& spec);

// Gives any part of a spec in one line of YAML: `0.1`, `cosine: {initial: 0.1}`.
std::string PrintPart(const google::protobuf::Message& part);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_SPEC_TEXT_H_
