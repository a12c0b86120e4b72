#include "firth/net/address.h"

#include <arpa/inet.h>

#include <charconv>

namespace firth::net {
namespace {

Status Malformed(std::string_view text, std::string_view problem) {
  return Error(Code::kInvalidArgument, Reason::kNone,
               "address '" + std::string(text.substr(0, 64)) + "': " + std::string(problem) +
                   "; expected host:port, for instance 127.0.0.1:9123 or [::1]:9123");
}

/// The host as an IPv6 address in `out`; false if it is none.
bool AsIpv6(const std::string& host, in6_addr* out) {
  return inet_pton(AF_INET6, host.c_str(), out) == 1;
}

}  // namespace

Result<Address> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Malformed(text, "it has no port");
  const std::string_view digits = text.substr(colon + 1);
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      port > 0xffff) {
    return Malformed(text, "the port is not a number from 0 to 65535");
  }
  std::string_view host = text.substr(0, colon);
  if (host.empty()) return Malformed(text, "it has no host");
  if (host.front() == '[') {
    if (host.size() < 3 || host.back() != ']') return Malformed(text, "the bracket is not closed");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Malformed(text, "an IPv6 address needs brackets");
  }
  return Address{std::string(host), static_cast<uint16_t>(port)};
}

std::string FormatAddress(const Address& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return (brackets ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool IsWildcard(const Address& address) {
  in6_addr v6{};
  if (AsIpv6(address.host, &v6)) return IN6_IS_ADDR_UNSPECIFIED(&v6);
  in_addr v4{};
  return inet_pton(AF_INET, address.host.c_str(), &v4) == 1 && v4.s_addr == INADDR_ANY;
}

bool IsLoopback(const Address& address) {
  if (address.host == "localhost") return true;
  in6_addr v6{};
  if (AsIpv6(address.host, &v6)) return IN6_IS_ADDR_LOOPBACK(&v6);
  in_addr v4{};
  return inet_pton(AF_INET, address.host.c_str(), &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

}  // namespace firth::net
