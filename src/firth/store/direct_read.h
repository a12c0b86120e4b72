// Reading past the operating system's cache, where whole blocks are what can be asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace firth::store {

/// Read at any `position` of a file that was opened with O_DIRECT, until `out` is full or the file
/// ends; `read` is how many bytes there were. Returns 0 or the error number of the call that
/// failed. Memory that lies in its block as the bytes lie in theirs (address and position leave the
/// same remainder) is read into as it is; any other is copied to.
int ReadDirectly(int fd, uint64_t position, std::span<std::byte> out, size_t* read);

}  // namespace firth::store
