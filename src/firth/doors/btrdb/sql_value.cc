#include "firth/doors/btrdb/sql_value.h"

#include <locale.h>
#include <wctype.h>

#include <algorithm>
#include <cctype>

#include "firth/common/bytes.h"
#include "firth/common/text.h"
#include "firth/doors/btrdb/sql_parser.h"

namespace firth::doors::btrdb {
namespace {

bool Continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// The bytes of the character that begins at `at`.
size_t CharacterBytes(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && Continues(text[end])) ++end;
  return end - at;
}

/// Map each character of well-formed UTF-8.
template <typename Map>
std::string MapCharacters(const std::string& text, const Map& map) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = CharacterBytes(text, at);
    uint32_t code = static_cast<unsigned char>(text[at]);
    if (bytes > 1) {
      code &= 0x7fu >> bytes;
      for (size_t i = 1; i < bytes; ++i) {
        code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
      }
    }
    at += bytes;
    code = static_cast<uint32_t>(map(static_cast<wint_t>(code)));
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xc0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xe0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (code & 0x3f));
    } else {
      out += static_cast<char>(0xf0 | code >> 18);
      out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
      out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (code & 0x3f));
    }
  }
  return out;
}

/// The locale whose case tables know all of Unicode; the plain one if the system has none.
locale_t Unicode() {
  static const locale_t made = [] {
    const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return unicode != nullptr ? unicode : newlocale(LC_CTYPE_MASK, "C", nullptr);
  }();
  return made;
}

Result<SqlValue> BoolFromText(const std::string& text) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* yes : {"t", "true", "y", "yes", "on", "1"}) {
    if (lower == yes) return SqlValue{true};
  }
  for (const char* no : {"f", "false", "n", "no", "off", "0"}) {
    if (lower == no) return SqlValue{false};
  }
  return SqlError("invalid input for type boolean: '" + text.substr(0, 64) + "'");
}

}  // namespace

const char* SqlTypeName(SqlType type) {
  switch (type) {
    case SqlType::kUnknown:
      return "unknown";
    case SqlType::kText:
      return "text";
    case SqlType::kUuid:
      return "uuid";
    case SqlType::kInt:
      return "bigint";
    case SqlType::kBool:
      return "boolean";
    case SqlType::kHstore:
      return "hstore";
  }
  return "";
}

std::strong_ordering CompareSql(const SqlValue& a, const SqlValue& b) {
  if (const auto* text = std::get_if<std::string>(&a.is)) {
    return text->compare(b.text()) <=> 0;
  }
  if (const auto* number = std::get_if<int64_t>(&a.is)) return *number <=> b.number();
  return static_cast<int>(a.truth()) <=> static_cast<int>(b.truth());
}

std::string SqlIdentity(const SqlValue& value) {
  if (value.null()) return "n";
  if (const auto* text = std::get_if<std::string>(&value.is)) {
    return "t" + std::to_string(text->size()) + ":" + *text;
  }
  if (const auto* number = std::get_if<int64_t>(&value.is)) {
    return "i" + std::to_string(*number) + ":";
  }
  if (std::holds_alternative<bool>(value.is)) return value.truth() ? "1" : "0";
  std::string out = "h" + std::to_string(value.hstore().size()) + ":";
  for (const auto& [key, held] : value.hstore()) {
    out += SqlIdentity(SqlValue{key}) + SqlIdentity(held ? SqlValue{*held} : SqlValue{});
  }
  return out;
}

namespace {

Status NoIdentity() {
  return Error(Code::kDataLoss, Reason::kIo, "bytes are not the identity of a value");
}

/// Take a number and the colon behind it off.
Result<int64_t> TakeNumber(std::string_view* bytes) {
  const size_t end = bytes->find(':');
  if (end == std::string_view::npos) return NoIdentity();
  const auto number = ParseInt64(std::string(bytes->substr(0, end)));
  if (!number.ok()) return NoIdentity();
  bytes->remove_prefix(end + 1);
  return *number;
}

}  // namespace

Result<SqlValue> SqlFromIdentity(std::string_view* bytes) {
  if (bytes->empty()) return NoIdentity();
  const char kind = bytes->front();
  bytes->remove_prefix(1);
  if (kind == 'n') return SqlValue{};
  if (kind == '0' || kind == '1') return SqlValue{kind == '1'};
  ARROW_ASSIGN_OR_RAISE(const int64_t number, TakeNumber(bytes));
  if (kind == 'i') return SqlValue{number};
  if (number < 0 || static_cast<uint64_t>(number) > bytes->size()) return NoIdentity();
  if (kind == 't') {
    std::string text(bytes->substr(0, static_cast<size_t>(number)));
    bytes->remove_prefix(text.size());
    return SqlValue{std::move(text)};
  }
  if (kind != 'h') return NoIdentity();
  auto map = std::make_shared<Hstore>();
  for (int64_t i = 0; i < number; ++i) {
    ARROW_ASSIGN_OR_RAISE(const SqlValue key, SqlFromIdentity(bytes));
    ARROW_ASSIGN_OR_RAISE(const SqlValue held, SqlFromIdentity(bytes));
    if (!std::holds_alternative<std::string>(key.is)) return NoIdentity();
    (*map)[key.text()] = held.null() ? std::nullopt : std::optional(held.text());
  }
  return SqlValue{std::shared_ptr<const Hstore>(std::move(map))};
}

void AppendSqlOrder(const SqlValue& value, bool descending, bool nulls_first, std::string* order) {
  if (value.null()) {
    order->push_back(nulls_first ? '\0' : '\2');
    return;
  }
  order->push_back('\1');
  const size_t begin = order->size();
  if (const auto* text = std::get_if<std::string>(&value.is)) {
    // Ends with a zero, so that a text comes before those that it begins.
    for (const char c : *text) {
      order->push_back(c);
      if (c == '\0') order->push_back('\1');
    }
    order->append(2, '\0');
  } else if (const auto* number = std::get_if<int64_t>(&value.is)) {
    AppendBe<uint64_t>(order, static_cast<uint64_t>(*number) ^ uint64_t{1} << 63);
  } else {
    order->push_back(value.truth() ? '\1' : '\0');
  }
  if (!descending) return;
  for (size_t i = begin; i < order->size(); ++i) (*order)[i] = static_cast<char>(~(*order)[i]);
}

nlohmann::json SqlJson(const SqlValue& value, SqlType type) {
  if (value.null()) return nullptr;
  switch (type) {
    case SqlType::kUuid:
      return UuidToText(value.text());
    case SqlType::kInt:
      return value.number();
    case SqlType::kBool:
      return value.truth();
    case SqlType::kHstore: {
      auto object = nlohmann::json::object();
      for (const auto& [key, held] : value.hstore()) {
        object[key] = held ? nlohmann::json(*held) : nlohmann::json(nullptr);
      }
      return object;
    }
    case SqlType::kUnknown:
    case SqlType::kText:
      break;
  }
  return value.text();
}

Result<SqlValue> SqlFromText(const std::string& text, SqlType type) {
  switch (type) {
    case SqlType::kUnknown:
    case SqlType::kText:
      return SqlValue{text};
    case SqlType::kUuid: {
      auto bytes = UuidFromText(text);
      if (!bytes.ok()) return SqlError("invalid input for type uuid: '" + text.substr(0, 64) + "'");
      return SqlValue{std::move(*bytes)};
    }
    case SqlType::kInt: {
      const auto number = ParseInt64(text);
      if (!number.ok()) {
        return SqlError("invalid input for type bigint: '" + text.substr(0, 64) + "'");
      }
      return SqlValue{*number};
    }
    case SqlType::kBool:
      return BoolFromText(text);
    case SqlType::kHstore:
      break;
  }
  return SqlError("text cannot be read as hstore here");
}

bool SqlCanCast(SqlType from, SqlType to) {
  if (from == to || from == SqlType::kUnknown || from == SqlType::kText) {
    return to != SqlType::kHstore || from == to;
  }
  return to == SqlType::kText && from != SqlType::kHstore;
}

Result<SqlValue> SqlCast(const SqlValue& value, SqlType from, SqlType to) {
  if (value.null() || from == to) return value;
  if (from == SqlType::kUnknown || from == SqlType::kText) return SqlFromText(value.text(), to);
  switch (from) {
    case SqlType::kUuid:
      return SqlValue{UuidToText(value.text())};
    case SqlType::kInt:
      return SqlValue{std::to_string(value.number())};
    case SqlType::kBool:
      return SqlValue{std::string(value.truth() ? "true" : "false")};
    default:
      break;
  }
  return SqlError(std::string("cannot cast type ") + SqlTypeName(from) + " to " + SqlTypeName(to));
}

bool SqlLike(std::string_view text, std::string_view pattern) {
  // The classic walk with one place to come back to: the last `%`.
  size_t at = 0, in = 0;
  size_t star = std::string_view::npos, retry = 0;
  while (at < text.size()) {
    bool same = false;
    size_t step = 0;
    if (in < pattern.size() && pattern[in] == '%') {
      star = ++in;
      retry = at;
      continue;
    }
    if (in < pattern.size() && pattern[in] == '_') {
      same = true;
      step = CharacterBytes(text, at);
    } else if (in < pattern.size()) {
      const size_t literal = pattern[in] == '\\' && in + 1 < pattern.size() ? in + 1 : in;
      same = pattern[literal] == text[at];
      step = 1;
      if (same) in = literal;
    }
    if (same) {
      ++in;
      at += step;
    } else if (star != std::string_view::npos) {
      in = star;
      retry += CharacterBytes(text, retry);
      at = retry;
    } else {
      return false;
    }
  }
  while (in < pattern.size() && pattern[in] == '%') ++in;
  return in == pattern.size();
}

std::string SqlLower(const std::string& text) {
  return MapCharacters(text, [](wint_t c) { return towlower_l(c, Unicode()); });
}

std::string SqlUpper(const std::string& text) {
  return MapCharacters(text, [](wint_t c) { return towupper_l(c, Unicode()); });
}

int64_t SqlLength(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return !Continues(c); });
}

std::string SqlShorten(const std::string& text, int64_t characters) {
  size_t at = 0;
  while (at < text.size() && characters-- > 0) at += CharacterBytes(text, at);
  return text.substr(0, at);
}

}  // namespace firth::doors::btrdb
