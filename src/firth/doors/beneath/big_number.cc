#include "firth/doors/beneath/big_number.h"

#include <openssl/bn.h>

#include <memory>

namespace firth::doors::beneath {
namespace {

struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;

Status Bad(const char* message) {
  return Error(Code::kInvalidArgument, Reason::kBadValue, message);
}

// 128 digits take 54 bytes; more of them can only repeat the sign.
constexpr size_t kBytesMax = 256;

}  // namespace

Result<std::string> NumberFromBytes(std::string_view bytes) {
  if (bytes.empty()) return "0";
  if (bytes.size() > kBytesMax) return Bad("a number has more than 128 digits");
  const bool negative = (static_cast<uint8_t>(bytes[0]) & 0x80) != 0;
  std::string magnitude(bytes);
  if (negative) {  // -x = ~x + 1
    bool carry = true;
    for (size_t i = magnitude.size(); i-- > 0;) {
      const auto flipped =
          static_cast<uint8_t>(~static_cast<uint8_t>(magnitude[i]) + (carry ? 1 : 0));
      carry = carry && flipped == 0;
      magnitude[i] = static_cast<char>(flipped);
    }
    if (carry) magnitude.insert(magnitude.begin(), 1);
  }
  const Number number(BN_bin2bn(reinterpret_cast<const unsigned char*>(magnitude.data()),
                                static_cast<int>(magnitude.size()), nullptr));
  FIRTH_CHECK(number != nullptr);
  char* digits = BN_bn2dec(number.get());
  FIRTH_CHECK(digits != nullptr);
  std::string text = digits;
  OPENSSL_free(digits);
  if (text.size() > kDigitsMax) return Bad("a number has more than 128 digits");
  return negative ? "-" + text : text;
}

Result<std::string> NumberToBytes(std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty() || digits.size() > kDigitsMax ||
      digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return Bad("a text is not a whole number of at most 128 digits");
  }
  BIGNUM* parsed = nullptr;
  const std::string owned(digits);
  FIRTH_CHECK(BN_dec2bn(&parsed, owned.c_str()) > 0);
  const Number number(parsed);
  // One byte more, so that there is room for the sign.
  std::string bytes(static_cast<size_t>(BN_num_bytes(number.get())) + 1, '\0');
  BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()),
               static_cast<int>(bytes.size()));
  if (negative) {
    bool carry = true;
    for (size_t i = bytes.size(); i-- > 0;) {
      const auto flipped = static_cast<uint8_t>(~static_cast<uint8_t>(bytes[i]) + (carry ? 1 : 0));
      carry = carry && flipped == 0;
      bytes[i] = static_cast<char>(flipped);
    }
  }
  const auto sign = [](char byte) { return (static_cast<uint8_t>(byte) & 0x80) != 0; };
  size_t drop = 0;
  while (drop + 1 < bytes.size() && (bytes[drop] == 0 || bytes[drop] == static_cast<char>(0xff)) &&
         sign(bytes[drop]) == sign(bytes[drop + 1])) {
    ++drop;
  }
  return bytes.substr(drop);
}

}  // namespace firth::doors::beneath
