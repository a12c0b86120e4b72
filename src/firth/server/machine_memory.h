// How much memory there is to be shared.
#pragma once

#include <cstdint>
#include <string>

namespace firth::server {

/// The machine's memory in bytes, or what the control groups of this process let it have, if that
/// is less. `root` is where the system shows its files: tests have their own.
uint64_t MachineMemoryBytes(const std::string& root = "");

/// What keyed tables take of it if nothing is said: an eighth, and at least 512 MiB.
uint64_t UsualKeyMemoryBytes(uint64_t machine_bytes);

}  // namespace firth::server
