// `CliTest` runs command lines in the test's own process, against a service that answers what the
// test says, and has files in a folder of the test's own.
#ifndef DESCENT_TESTS_CLIENT_CLI_CLI_FIXTURE_H_
#define DESCENT_TESTS_CLIENT_CLI_CLI_FIXTURE_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/app.h"
#include "client/cpp/clock.h"
#include "tests/client/fake/fake_service.h"

namespace descent::cli {

struct Result {
  int code = -1;
  std::string out;
  std::string err;
};

// Where a command line runs.
struct Place {
  bool terminal = false;
  int columns = 80;  // of a terminal
  std::atomic<bool>* interrupted = nullptr;
  client::Clock* clock = client::Clock::Real();
  std::string secret = {};  // what is typed where a secret is asked for
  // Is told all that stands on standard output, whenever it is flushed: whoever waits for something
  // to be shown goes on from there.
  std::function<void(const std::string& shown)> on_flush = {};
};

class CliTest : public ::testing::Test {
 protected:
  ~CliTest() override { std::filesystem::remove_all(folder_); }

  static Result RunAt(const std::string& server, std::vector<std::string> arguments,
                      const Place& place = {}) {
    if (!server.empty()) {
      arguments.emplace_back("--server");
      arguments.push_back(server);
    }
    Buffer buffer(place.on_flush);
    std::ostream out(&buffer);
    std::ostringstream err;
    Io io{.out = out, .err = err};
    io.terminal = place.terminal;
    io.columns = [columns = place.columns] { return columns; };
    io.colour = place.terminal;
    io.interrupted = place.interrupted;
    io.clock = place.clock;
    io.secret = [&place](const std::string&) { return place.secret; };
    const int code = cli::Run(arguments, io);
    return {code, buffer.str(), err.str()};
  }
  Result Descent(const std::vector<std::string>& arguments, const Place& place = {}) {
    return RunAt(service_.address(), arguments, place);
  }

  // Gives the names of all subcommands but hidden ones, as they are completed.
  static std::vector<std::string> Subcommands() {
    std::istringstream lines(RunAt("", {"__complete", "--", ""}).out);
    std::vector<std::string> names;
    for (std::string line; std::getline(lines, line);)
      names.push_back(line.substr(0, line.find('\t')));
    return names;
  }

  std::string File(const std::string& name, const std::string& text) {
    std::ofstream(Output(name)) << text;
    return Output(name);
  }
  // The path of a file that is yet to be written.
  std::string Output(const std::string& name) const { return folder_ + "/" + name; }

  // For `Place::on_flush`: acts once, as soon as the text is shown.
  static std::function<void(const std::string&)> WhenShown(std::string text,
                                                           std::function<void()> act) {
    return [text = std::move(text), act = std::move(act),
            done = false](const std::string& shown) mutable {
      if (done || shown.find(text) == std::string::npos) return;
      done = true;
      act();
    };
  }

  // It comes before the service, whose threads may read the environment.
  const std::string folder_ = MakeFolder();
  client::FakeService service_;

 private:
  // Makes a folder in which a user has all that is his, so that what whoever runs the tests has is
  // not found.
  static std::string MakeFolder() {
    char folder[] = "/tmp/descent-cli-XXXXXX";
    const std::string made = mkdtemp(folder);
    for (const char* name : {"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"}) {
      setenv(name, made.c_str(), /*replace=*/1);
    }
    for (const char* name : {"DESCENT_SERVER", "DESCENT_TOKEN_FILE"}) unsetenv(name);
    return made;
  }

  class Buffer final : public std::stringbuf {
   public:
    explicit Buffer(std::function<void(const std::string&)> on_flush)
        : on_flush_(std::move(on_flush)) {}

   protected:
    int sync() override {
      if (on_flush_) on_flush_(str());
      return 0;
    }

   private:
    const std::function<void(const std::string&)> on_flush_;
  };
};

}  // namespace descent::cli

#endif  // DESCENT_TESTS_CLIENT_CLI_CLI_FIXTURE_H_
