// Events of a journal as text, for people and as JSON for programs. Free functions; any thread.
#ifndef DESCENT_CLIENT_CLI_EVENT_TEXT_H_
#define DESCENT_CLIENT_CLI_EVENT_TEXT_H_

#include <string>

#include "client/cli/series_names.h"
#include "descent/v1/command.pb.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/training_service.pb.h"

namespace descent::cli {

// Gives an event in one line for people, without its time: `iteration 1,200: step_size 0.001 →
// 0.0005, by ann@host`. `series` names an iteration's scalars.
std::string EventText(const v1::Event& event, const SeriesNames& series = {});

// Gives the command's name: `set`.
std::string CommandName(const v1::Command& command);

// Gives `loss 0.41, accuracy 85.3%`.
std::string MetricsText(const v1::Evaluated& evaluation);

// Gives `RUNNING`.
std::string StateText(v1::JobState state);

// Gives the metric that says most in a list of jobs: the first besides the loss, `accuracy 89.19%`;
// the loss where there is no other, and `-` without any.
std::string MainMetricText(const v1::Evaluated& evaluation);

// Gives one line of JSON with the protocol's field names.
std::string Json(const google::protobuf::Message& message);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_EVENT_TEXT_H_
