// A hint that parts of a file are about to be read.
#pragma once

#include <cstdint>

namespace firth::store {

class File;

/// What a file may be as well: one whose bytes can be asked for before they are read.
class AsksAhead {
 public:
  virtual ~AsksAhead() = default;
  /// Begin to read these bytes and do not wait for them.
  virtual void AskAhead(uint64_t position, uint64_t bytes) const = 0;
};

/// So that a Read of [position, position + bytes) waits less, after others were asked for, too.
/// Does nothing where the file knows of no such thing; an error shows when the bytes are read.
void AskAhead(const File& file, uint64_t position, uint64_t bytes);

}  // namespace firth::store
