// Reads that do not wait, and hints that parts of a file are about to be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace firth::store {

class File;

/// What a file may be as well: one that knows which of its bytes are in memory, and whose bytes can
/// be asked for before they are read.
class AsksAhead {
 public:
  virtual ~AsksAhead() = default;
  /// Read as File::Read if nothing has to be waited for. False if not, or on any error.
  virtual bool ReadAtOnce(uint64_t position, std::span<std::byte> out) const = 0;
  /// Begin to read these bytes and do not wait for them.
  virtual void AskAhead(uint64_t position, uint64_t bytes) const = 0;
};

/// As AsksAhead::ReadAtOnce; false where the file knows of no such thing.
bool ReadAtOnce(const File& file, uint64_t position, std::span<std::byte> out);

/// So that a Read of [position, position + bytes) waits less, after others were asked for, too.
/// Does nothing where the file knows of no such thing; an error shows when the bytes are read.
void AskAhead(const File& file, uint64_t position, uint64_t bytes);

}  // namespace firth::store
