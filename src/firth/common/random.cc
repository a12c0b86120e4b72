#include "firth/common/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "firth/common/status.h"

namespace firth {

uint64_t Random::Next64() {
  uint64_t value = 0;
  Fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

std::string Random::Uuid() {
  std::string uuid(16, '\0');
  Fill(std::as_writable_bytes(std::span(uuid)));
  uuid[6] = static_cast<char>((uuid[6] & 0x0f) | 0x40);
  uuid[8] = static_cast<char>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

void SystemRandom::Fill(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    FIRTH_CHECK(got > 0);
    out = out.subspan(static_cast<size_t>(got));
  }
}

void SeededRandom::Fill(std::span<std::byte> out) {
  std::lock_guard lock(mutex_);
  while (!out.empty()) {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    const size_t take = out.size() < sizeof z ? out.size() : sizeof z;
    std::memcpy(out.data(), &z, take);
    out = out.subspan(take);
  }
}

}  // namespace firth
