#include "firth/common/text.h"

#include <arrow/util/utf8.h>

#include <charconv>
#include <cstdio>
#include <ctime>

namespace firth {

bool IsUtf8(std::string_view text) {
  arrow::util::InitializeUTF8();
  return arrow::util::ValidateUTF8(text);
}

std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

Result<std::string> FromHex(std::string_view hex) {
  const auto bad = [] {
    return Error(Code::kInvalidArgument, Reason::kNone, "expected an even run of hex digits");
  };
  if (hex.size() % 2 != 0) return bad();
  std::string out;
  out.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    if (error != std::errc() || end != hex.data() + i + 2) return bad();
    out.push_back(static_cast<char>(value));
  }
  return out;
}

std::string UuidToText(std::string_view bytes) {
  std::string hex = ToHex(bytes);
  for (const size_t at : {20u, 16u, 12u, 8u}) {
    if (hex.size() > at) hex.insert(at, "-");
  }
  return hex;
}

Result<std::string> UuidFromText(std::string_view text) {
  std::string hex;
  for (const char c : text) {
    if (c != '-') hex.push_back(c);
  }
  auto bytes = FromHex(hex);
  if (!bytes.ok() || bytes->size() != 16) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "'" + std::string(text.substr(0, 64)) + "' is not a UUID");
  }
  return bytes;
}

Result<int64_t> ParseInt64(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "'" + std::string(text.substr(0, 64)) + "' is not a whole number");
  }
  return value;
}

std::string FormatTimeNs(int64_t ns) {
  int64_t seconds = ns / 1'000'000'000;
  int64_t fraction = ns % 1'000'000'000;
  if (fraction < 0) {
    fraction += 1'000'000'000;
    --seconds;
  }
  const time_t t = seconds;
  std::tm parts{};
  gmtime_r(&t, &parts);
  char buffer[64];
  size_t used = std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string out(buffer, used);
  if (fraction != 0) {
    const int digits = fraction % 1'000'000 == 0 ? 3 : fraction % 1000 == 0 ? 6 : 9;
    const int64_t unit = digits == 3 ? 1'000'000 : digits == 6 ? 1000 : 1;
    used = static_cast<size_t>(std::snprintf(buffer, sizeof buffer, ".%0*lld", digits,
                                             static_cast<long long>(fraction / unit)));
    out.append(buffer, used);
  }
  return out + "Z";
}

}  // namespace firth
