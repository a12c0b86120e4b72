// firth version.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "firth/cli/commands.h"
#include "firth/doors/flight/version.h"

namespace firth::cli {

const char* VersionText() {
  return doors::flight::kVersion;
}

void AddVersion(CommandLine* line) {
  CLI::App* version = line->app->add_subcommand("version", "Print the version of this program");
  version->callback([line] {
    line->run = [json = line->common.json] {
      std::printf(json ? "{\"version\":\"%s\"}\n" : "firth %s\n", VersionText());
      return Status::OK();
    };
  });
}

}  // namespace firth::cli
