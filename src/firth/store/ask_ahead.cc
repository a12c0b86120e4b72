#include "firth/store/ask_ahead.h"

#include "firth/store/file_system.h"

namespace firth::store {

void AskAhead(const File& file, uint64_t position, uint64_t bytes) {
  if (const auto* asks = dynamic_cast<const AsksAhead*>(&file)) asks->AskAhead(position, bytes);
}

}  // namespace firth::store
