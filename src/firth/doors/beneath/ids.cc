#include "firth/doors/beneath/ids.h"

#include "firth/common/text.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

constexpr int64_t kNumberMax = (int64_t{1} << 56) - 1;

}  // namespace

std::string Ids::Make(IdKind kind, int64_t number) const {
  FIRTH_CHECK(number >= 0 && number <= kNumberMax);
  std::string bytes = store_;
  bytes.push_back(static_cast<char>(0x80 | static_cast<uint8_t>(kind)));
  bytes.push_back(0);
  bytes.push_back(static_cast<char>(0x80));
  for (int shift = 48; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

std::optional<int64_t> Ids::Read(IdKind kind, std::string_view bytes) const {
  if (bytes.size() != 16) return std::nullopt;
  int64_t number = 0;
  for (const char c : bytes.substr(9)) number = (number << 8) | static_cast<uint8_t>(c);
  if (Make(kind, number) != bytes) return std::nullopt;
  return number;
}

std::string Ids::MakeText(IdKind kind, int64_t number) const {
  return UuidToText(Make(kind, number));
}

Result<int64_t> Ids::ReadText(IdKind kind, std::string_view text, const char* what) const {
  const auto bytes = UuidFromText(text);
  if (!bytes.ok()) return Invalid("'" + std::string(text.substr(0, 64)) + "' is not a UUID");
  const auto number = Read(kind, *bytes);
  if (!number.has_value()) return NotFound(what);
  return *number;
}

}  // namespace firth::doors::beneath
