#include "firth/store/ask_ahead.h"

#include "firth/store/file_system.h"

namespace firth::store {

bool ReadAtOnce(const File& file, uint64_t position, std::span<std::byte> out) {
  const auto* asks = dynamic_cast<const AsksAhead*>(&file);
  return asks != nullptr && asks->ReadAtOnce(position, out);
}

void AskAhead(const File& file, uint64_t position, uint64_t bytes) {
  if (const auto* asks = dynamic_cast<const AsksAhead*>(&file)) asks->AskAhead(position, bytes);
}

}  // namespace firth::store
