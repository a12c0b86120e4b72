// Memory for key states: of them there are millions, of like size, that come and go in any order,
// and are looked at all over. So they lie in large pieces, each for one size, on huge pages.
#pragma once

#include <cstddef>

namespace firth::keyview {

/// How much TakeStateMemory(bytes) takes.
size_t StateMemoryBytes(size_t bytes);

/// For an object of any alignment up to 16. Thread-safe. Throws std::bad_alloc. Give it back with
/// the size that was asked for.
void* TakeStateMemory(size_t bytes);
void GiveStateMemory(void* memory, size_t bytes);

}  // namespace firth::keyview
