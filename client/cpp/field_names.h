// Which field a name in a spec means, and what to say of one that means none. All of it goes by
// reflection: what is known of single fields stands beside their declarations, as options
// (descent/v1/options.proto). Pure functions; any thread.
#ifndef DESCENT_CLIENT_CPP_FIELD_NAMES_H_
#define DESCENT_CLIENT_CPP_FIELD_NAMES_H_

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <vector>

namespace descent::client {

// Gives the field of that name, of that JSON name, or `step_size` by PyTorch's names; null if there
// is none.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor* descriptor,
                                                   const std::string& name);

// Give all fields of the message, and the members of its oneofs that are messages, which a bare
// word may name.
std::vector<const google::protobuf::FieldDescriptor*> FieldsOf(
    const google::protobuf::Descriptor* descriptor);
std::vector<const google::protobuf::FieldDescriptor*> ChoicesOf(
    const google::protobuf::Descriptor* descriptor);

// Gives "`a`, `b`".
std::string Listed(const std::vector<const google::protobuf::FieldDescriptor*>& fields);

// Gives the field that numbers stand for (`constant` of descent.v1.Sequence); null if there is
// none.
const google::protobuf::FieldDescriptor* ConstantField(
    const google::protobuf::Descriptor* descriptor);
// Gives the field that a list stands for: the message's only one, if it is repeated; else null.
const google::protobuf::FieldDescriptor* OnlyList(const google::protobuf::Descriptor* descriptor);
// Gives the field whose bare value may stand for the message; null if there is none.
const google::protobuf::FieldDescriptor* BareField(const google::protobuf::Descriptor* descriptor);
// Gives the field that `key: word` makes true or false, whatever type `key` has; null if there is
// none.
const google::protobuf::FieldDescriptor* WordField(const google::protobuf::FieldDescriptor* key,
                                                   const std::string& word, bool* value);
// Gives "`all`": the words that as the value of `key` make some field true or false; empty if there
// are none.
std::string WordsListed(const google::protobuf::FieldDescriptor* key);
// Gives all fields that some word as the value of `key` makes true or false: they say the same in
// another way.
std::vector<const google::protobuf::FieldDescriptor*> WordFields(
    const google::protobuf::FieldDescriptor* key);
// Gives the sequence that a list of numbers would be, `list: [0.1, 0.01]`; null if none may stand
// here.
const google::protobuf::FieldDescriptor* NumbersField(
    const google::protobuf::Descriptor* descriptor);

// Gives the name of the field that was meant by a name of none: what others call so
// (`also_called`), else the nearest by its letters; empty if there is none.
std::string MeantField(std::string_view name,
                       const std::vector<const google::protobuf::FieldDescriptor*>& fields);
// Gives " (did you mean `x`?)", or nothing.
std::string DidYouMeanField(std::string_view name,
                            const std::vector<const google::protobuf::FieldDescriptor*>& fields);

// Gives what the message says of a name that is looked for in it (`elsewhere`), or else what a
// message says that has it for a choice, as Optimizer does of what adam lacks. Empty if there is
// nothing.
std::string SaidElsewhere(const std::string& name, const google::protobuf::Descriptor* descriptor);

// Says of a key that names no field which one was meant, where it is instead, or which ones there
// are.
std::string UnknownField(const std::string& key, const google::protobuf::Descriptor* descriptor);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_FIELD_NAMES_H_
