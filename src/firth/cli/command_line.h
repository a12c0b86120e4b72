// The command line as a whole: it parses the words, runs the command that they name, and says in
// one line what was wrong with them.
#pragma once

namespace firth::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;

/// Run the command that `argv` names; the process's exit status. An error has been written to
/// standard error, as one line that says what to do instead.
int Run(int argc, char** argv);

}  // namespace firth::cli
