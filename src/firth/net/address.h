// Addresses as people write them: `host:port`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::net {

/// A host and a port. An IPv6 address is written in brackets, `[::1]:80`, and kept without them.
struct Address {
  std::string host;
  uint16_t port = 0;

  bool operator==(const Address&) const = default;
};

/// Parse `host:port`. Errors: kInvalidArgument, with a message that says what would be right.
Result<Address> ParseAddress(std::string_view text);

/// The inverse of ParseAddress.
std::string FormatAddress(const Address& address);

/// Does it mean every interface of the machine?
bool IsWildcard(const Address& address);

/// Does it mean this machine only?
bool IsLoopback(const Address& address);

}  // namespace firth::net
