// The `firth` command.
#include "firth/cli/command_line.h"
#include "firth/format/orc_reader.h"

// Read by jemalloc: what is free goes back to the system also while nothing is asked for.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true";
}

int main(int argc, char** argv) {
  firth::format::BeOrcReaderIfAsked(argc, argv);
  return firth::cli::Run(argc, argv);
}
