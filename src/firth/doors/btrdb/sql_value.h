// Values of the SQL over streams: types, comparison, conversion, and what functions do to them.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <nlohmann/json.hpp>

#include "firth/common/status.h"

namespace firth::doors::btrdb {

enum class SqlType {
  kUnknown,  // a literal or a parameter whose type its use decides
  kText,
  kUuid,  // 16 bytes
  kInt,
  kBool,
  kHstore,
};
const char* SqlTypeName(SqlType type);

using Hstore = std::map<std::string, std::optional<std::string>>;

/// A value of the type that its expression has, or null. An hstore keeps the row that it is in.
struct SqlValue {
  std::variant<std::monostate, std::string, int64_t, bool, std::shared_ptr<const Hstore>> is;

  bool null() const { return is.index() == 0; }
  const std::string& text() const { return std::get<std::string>(is); }
  int64_t number() const { return std::get<int64_t>(is); }
  bool truth() const { return !null() && std::get<bool>(is); }
  const Hstore& hstore() const { return *std::get<std::shared_ptr<const Hstore>>(is); }
};

/// Order two values of one type that are not null.
std::strong_ordering CompareSql(const SqlValue& a, const SqlValue& b);
/// Bytes that are equal where the values are, nulls included.
std::string SqlIdentity(const SqlValue& value);
/// Take the value whose identity is in front off `bytes`. Error kDataLoss for what is none.
Result<SqlValue> SqlFromIdentity(std::string_view* bytes);
/// Append bytes that are ordered as values of one type are, whatever follows them.
void AppendSqlOrder(const SqlValue& value, bool descending, bool nulls_first, std::string* order);
nlohmann::json SqlJson(const SqlValue& value, SqlType type);

/// Read text as a value of `type`, or convert between types. Errors: SqlError.
Result<SqlValue> SqlFromText(const std::string& text, SqlType type);
Result<SqlValue> SqlCast(const SqlValue& value, SqlType from, SqlType to);
bool SqlCanCast(SqlType from, SqlType to);

/// LIKE: `%` any run, `_` any one character, backslash escapes. Linear in text times pattern.
bool SqlLike(std::string_view text, std::string_view pattern);
std::string SqlLower(const std::string& text);
std::string SqlUpper(const std::string& text);
int64_t SqlLength(const std::string& text);
/// The first `characters` of a text.
std::string SqlShorten(const std::string& text, int64_t characters);

}  // namespace firth::doors::btrdb
