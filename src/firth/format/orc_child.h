// What parent and child of an ORC reader agree on.
#pragma once

#include <atomic>

namespace firth::format {

/// The first argument of a child; three numbers follow: the file's bytes, the rows of a batch, and
/// the seconds of processor time that it may take.
inline constexpr char kOrcReaderArgument[] = "read-orc-for-parent";

/// Does this program's main know what the argument asks? One that does not would do its own work
/// again instead.
inline std::atomic<bool> has_orc_readers = false;

}  // namespace firth::format
