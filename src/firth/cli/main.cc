// The `firth` command.
#include "firth/cli/command_line.h"
#include "firth/format/orc_reader.h"

int main(int argc, char** argv) {
  firth::format::BeOrcReaderIfAsked(argc, argv);
  return firth::cli::Run(argc, argv);
}
