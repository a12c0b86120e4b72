// firth serve: run the server until it is told to stop.
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "firth/cli/commands.h"
#include "firth/server/server.h"

extern char** environ;

namespace firth::cli {
namespace {

using Words = std::map<std::string, std::string>;

struct ServeOptions {
  std::string config;
  std::string data;
  bool dev = false;
  bool check = false;
  bool json = false;
};

/// Words that are not options of `serve` itself are keys of the configuration: `--fluss HOST:PORT`,
/// `--fluss=HOST:PORT`, or `--name` alone for "true".
Result<Words> FlagsFromWords(const std::vector<std::string>& words) {
  Words flags;
  for (size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with("--") || words[i].size() == 2) {
      return Error(Code::kInvalidArgument, Reason::kNone,
                   "`" + words[i] + "` belongs to no option; options are written `--name value`");
    }
    const std::string name = words[i].substr(2);
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      flags[name.substr(0, equals)] = name.substr(equals + 1);
    } else if (i + 1 < words.size() && !words[i + 1].starts_with("--")) {
      flags[name] = words[++i];
    } else {
      flags[name] = "true";
    }
  }
  return flags;
}

/// The environment's configuration; FIRTH_SERVER and FIRTH_SECRET are for the other commands.
Words ConfigurationFromEnvironment() {
  Words found;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (!text.starts_with("FIRTH_") || equals == std::string::npos) continue;
    const std::string name = text.substr(0, equals);
    if (name != "FIRTH_SERVER" && name != "FIRTH_SECRET" && name != "FIRTH_BINARY") {
      found[name] = text.substr(equals + 1);
    }
  }
  return found;
}

sigset_t Signals(std::initializer_list<int> list) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : list) sigaddset(&signals, signal);
  return signals;
}

/// Block the signals that a SignalWatcher takes, in this thread and those that it starts.
void BlockSignals() {
  const sigset_t taken = Signals({SIGTERM, SIGINT, SIGUSR1});
  pthread_sigmask(SIG_BLOCK, &taken, nullptr);
}

/// Stops the server at the first SIGTERM or SIGINT; a second one ends the process at once. Its own
/// thread is woken by SIGUSR1, which stays blocked, so that the end cannot meet a late signal.
class SignalWatcher {
 public:
  explicit SignalWatcher(server::Server* server)
      : thread_([server] {
          const sigset_t taken = Signals({SIGTERM, SIGINT, SIGUSR1});
          int signal = 0;
          sigwait(&taken, &signal);
          if (signal == SIGUSR1) return;
          const sigset_t again = Signals({SIGTERM, SIGINT});
          pthread_sigmask(SIG_UNBLOCK, &again, nullptr);
          server->Stop();
        }) {}
  ~SignalWatcher() {
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }

 private:
  std::thread thread_;
};

void SayReady(const server::Server& server, bool json) {
  if (json) {
    const nlohmann::json line = {{"ready", true}, {"endpoints", server.endpoints()}};
    std::printf("%s\n", line.dump().c_str());
  } else {
    std::puts("ready");
  }
  std::fflush(stdout);
}

Status Serve(const ServeOptions& options, const std::vector<std::string>& words) {
  ARROW_ASSIGN_OR_RAISE(Words flags, FlagsFromWords(words));
  if (!options.data.empty()) flags["data"] = options.data;
  ARROW_ASSIGN_OR_RAISE(
      const server::Config config,
      server::LoadConfig(options.config, ConfigurationFromEnvironment(), flags, options.dev));
  if (options.check) {
    std::puts(options.json ? R"({"valid":true})" : "the configuration is valid");
    return Status::OK();
  }
  BlockSignals();
  ARROW_ASSIGN_OR_RAISE(const std::unique_ptr<server::Server> server,
                        server::Server::Start(config));
  const SignalWatcher watcher(server.get());
  SayReady(*server, options.json);
  return server->Wait();
}

/// What `serve --help` says of the keys that it passes on.
std::string KeysText() {
  std::string text = "Every single-valued key of the configuration is an option too:";
  for (const server::ConfigKey& key : server::ConfigKeys()) {
    if (key.path == "data") continue;  // an option above
    text += "\n  --" + key.flag + "  " + key.meaning;
    if (!key.otherwise.empty()) text += " (" + key.otherwise + ")";
  }
  return text + "\nPort 0 lets the system choose; DIR/endpoints.json tells what it chose.";
}

}  // namespace

void AddServe(CommandLine* line) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* serve = line->app->add_subcommand("serve", "Run the server until SIGTERM");
  serve->fallthrough(false);
  serve->allow_extras();
  serve->footer(KeysText);
  serve->add_option("--config", options->config, "A TOML file")->type_name("FILE");
  serve->add_option("--data", options->data, "The folder that holds everything")->type_name("DIR");
  serve->add_flag("--dev", options->dev,
                  "For a laptop: loopback, no sign-in, every door on its usual port");
  serve->add_flag("--check", options->check, "Check the configuration and stop");
  serve->add_flag("--json", options->json, "Say that the server is ready, and where, as JSON");
  serve->callback([line, serve, options] {
    if (options->data.empty() && line->app->count("--data") > 0) options->data = line->common.data;
    line->run = [serve, options] { return Serve(*options, serve->remaining()); };
  });
}

}  // namespace firth::cli
