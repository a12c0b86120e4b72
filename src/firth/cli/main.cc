// The `firth` command.
#include "firth/cli/command_line.h"

int main(int argc, char** argv) {
  return firth::cli::Run(argc, argv);
}
