// The `firth` command.
#include <cstring>

#include "firth/cli/command_line.h"
#include "firth/format/orc_reader.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], firth::format::kOrcReaderArgument) == 0) {
    return firth::format::ServeOrcReader(argc, argv);
  }
  return firth::cli::Run(argc, argv);
}
