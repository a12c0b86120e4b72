#include "firth/doors/beneath/filter.h"

#include <arrow/scalar.h>
#include <arrow/util/base64.h>

#include <charconv>
#include <map>
#include <optional>

#include "firth/common/text.h"
#include "firth/doors/beneath/refusals.h"
#include "firth/doors/beneath/time_text.h"

namespace firth::doors::beneath {
namespace {

using ScalarPtr = std::shared_ptr<arrow::Scalar>;

Status Refuse(const std::string& why) {
  return Invalid("error parsing query: " + why);
}

/// Nothing lies in it.
KeyRange Nothing() {
  return {.from = "\x01", .to = "\x01", .prefix = {}};
}

/// Canonical keys end a text so.
constexpr std::string_view kTextEnd("\0\1", 2);

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

const std::map<std::string, std::string, std::less<>>& Operators() {
  static const std::map<std::string, std::string, std::less<>> names{
      {"_eq", "_eq"},         {"eq", "_eq"},        {"=", "_eq"},    {"==", "_eq"},
      {"_gt", "_gt"},         {"gt", "_gt"},        {">", "_gt"},    {"_gte", "_gte"},
      {"gte", "_gte"},        {">=", "_gte"},       {"_lt", "_lt"},  {"lt", "_lt"},
      {"<", "_lt"},           {"_lte", "_lte"},     {"lte", "_lte"}, {"<=", "_lte"},
      {"_prefix", "_prefix"}, {"prefix", "_prefix"}};
  return names;
}

/// The conditions on one field by operator.
struct Condition {
  std::optional<Json> equal, above, from, below, to, prefix;
};

Result<Condition> ReadCondition(const std::string& field, const Json& given) {
  Condition out;
  if (!given.is_object()) {
    out.equal = given;
    return out;
  }
  if (given.empty()) return Refuse("the condition on '" + field.substr(0, 64) + "' is empty");
  if (given.size() > 2) {
    return Refuse("the condition on '" + field.substr(0, 64) + "' has more than two operators");
  }
  for (const auto& [name, value] : given.items()) {
    const auto known = Operators().find(name);
    if (known == Operators().end()) {
      return Refuse("there is no operator '" + name.substr(0, 64) + "'");
    }
    std::optional<Json>& slot = known->second == "_eq"    ? out.equal
                                : known->second == "_gt"  ? out.above
                                : known->second == "_gte" ? out.from
                                : known->second == "_lt"  ? out.below
                                : known->second == "_lte" ? out.to
                                                          : out.prefix;
    slot = value;
  }
  const int lower = (out.above ? 1 : 0) + (out.from ? 1 : 0);
  const int upper = (out.below ? 1 : 0) + (out.to ? 1 : 0);
  if (given.size() == 2 && (lower != 1 || upper != 1)) {
    return Refuse("the operators on '" + field.substr(0, 64) +
                  "' cannot be combined: one lower and one upper bound can");
  }
  return out;
}

Result<int64_t> IntegerOf(const Json& value) {
  if (value.is_number_integer() && !value.is_number_unsigned()) return value.get<int64_t>();
  if (value.is_number_unsigned() && value.get<uint64_t>() <= uint64_t{INT64_MAX}) {
    return value.get<int64_t>();
  }
  if (value.is_string()) {
    std::string_view text = value.get_ref<const std::string&>();
    const bool negative = text.starts_with('-');
    std::string_view digits = text;
    if (negative) digits.remove_prefix(1);
    const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
    if (hex) digits.remove_prefix(2);
    uint64_t number = 0;
    const auto read =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, hex ? 16 : 10);
    const bool whole =
        !digits.empty() && read.ec == std::errc() && read.ptr == digits.data() + digits.size();
    if (whole && number <= uint64_t{INT64_MAX} + (negative ? 1 : 0)) {
      return static_cast<int64_t>(negative ? 0 - number : number);
    }
  }
  return Refuse("a whole number of 64 bits is needed");
}

Result<int64_t> TimestampOf(const Json& value) {
  if (!value.is_string()) return IntegerOf(value);
  const std::string& text = value.get_ref<const std::string&>();
  if (text.size() != 4) {
    const auto number = IntegerOf(value);
    if (number.ok()) return number;
  }
  const auto time = ParseLooseTimeMs(text);
  return time.ok() ? time : Result<int64_t>(Refuse(MessageOf(time.status())));
}

Result<std::string> BytesOf(const Json& value) {
  if (!value.is_string()) return Refuse("bytes are written as Base64 text");
  const std::string& text = value.get_ref<const std::string&>();
  const size_t padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
  const bool plain = text.find_first_not_of(
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789+/=") == std::string::npos;
  if (text.size() % 4 != 0 || !plain || padding > 2) return Refuse("a text is not Base64");
  return arrow::util::base64_decode(text);
}

/// A value of a key field as a scalar of its column; for an Int32 a number that it cannot hold
/// gives null and sets *beyond to its sign.
Result<ScalarPtr> ScalarOf(const Type& type, const Json& value, bool prefix, int* beyond) {
  switch (type.kind) {
    case Kind::kString:
      if (!value.is_string()) return Refuse("a string is needed");
      return arrow::MakeScalar(value.get<std::string>());
    case Kind::kUuid: {
      const auto bytes = value.is_string() ? UuidFromText(value.get_ref<const std::string&>())
                                           : Result<std::string>(Status::Invalid(""));
      if (!bytes.ok()) return Refuse("a UUID is needed");
      return arrow::MakeScalar(UuidToText(*bytes));
    }
    case Kind::kBytes:
    case Kind::kFixed: {
      ARROW_ASSIGN_OR_RAISE(const std::string bytes, BytesOf(value));
      if (type.kind == Kind::kFixed && !prefix && bytes.size() != static_cast<size_t>(type.size)) {
        return Refuse("a value of " + std::to_string(type.size) + " bytes is needed");
      }
      auto buffer = arrow::Buffer::FromString(bytes);
      const auto column = ArrowType(type);
      if (column->id() == arrow::Type::BINARY || prefix) {
        return std::make_shared<arrow::BinaryScalar>(std::move(buffer));
      }
      return std::make_shared<arrow::FixedSizeBinaryScalar>(std::move(buffer), column);
    }
    case Kind::kInt32: {
      ARROW_ASSIGN_OR_RAISE(const int64_t number, IntegerOf(value));
      if (number < INT32_MIN || number > INT32_MAX) {
        *beyond = number < 0 ? -1 : 1;
        return nullptr;
      }
      return arrow::MakeScalar(static_cast<int32_t>(number));
    }
    case Kind::kInt64: {
      ARROW_ASSIGN_OR_RAISE(const int64_t number, IntegerOf(value));
      return arrow::MakeScalar(number);
    }
    case Kind::kTimestamp: {
      ARROW_ASSIGN_OR_RAISE(const int64_t ms, TimestampOf(value));
      return std::make_shared<arrow::TimestampScalar>(ms, ArrowType(type));
    }
    default:
      return Refuse("this field cannot be queried");
  }
}

/// Builds the range of keys, field by field.
class RangeBuilder {
 public:
  explicit RangeBuilder(const TableFacts& facts) : facts_(facts) {}

  const Type& TypeOf(size_t index) const {
    for (const Field& field : facts_.type->fields) {
      if (field.name == facts_.key[index]) return *field.type;
    }
    return *facts_.type;  // key fields are fields: checked when the table was made
  }

  /// `values_` and one more value, encoded: where all keys that begin so lie.
  Result<std::string> Encoded(const ScalarPtr& value) const {
    auto all = values_;
    all.push_back(value);
    std::string out;
    ARROW_RETURN_NOT_OK(facts_.key_encoder->EncodeScalars(all, &out));
    return out;
  }

  /// False when no key can match.
  Result<bool> Equal(size_t index, const Json& value) {
    int beyond = 0;
    ARROW_ASSIGN_OR_RAISE(ScalarPtr scalar, ScalarOf(TypeOf(index), value, false, &beyond));
    if (beyond != 0) return false;
    values_.push_back(std::move(scalar));
    return true;
  }

  Result<KeyRange> Leading() const {
    if (values_.empty()) return KeyRange{};
    std::string from;
    ARROW_RETURN_NOT_OK(facts_.key_encoder->EncodeScalars(values_, &from));
    return KeyRange{.from = from, .to = schema::PrefixEnd(from), .prefix = {}};
  }

  Result<KeyRange> Prefix(size_t index, const Json& value) const {
    const Type& type = TypeOf(index);
    if (type.kind != Kind::kString && type.kind != Kind::kBytes && type.kind != Kind::kFixed) {
      return Refuse("a prefix of '" + facts_.key[index] +
                    "' cannot be asked for: it is neither text nor bytes");
    }
    int beyond = 0;
    ARROW_ASSIGN_OR_RAISE(const ScalarPtr scalar, ScalarOf(type, value, true, &beyond));
    // Encoded as text of any length, without its end.
    auto types = facts_.key_encoder->types();
    types.resize(index + 1);
    if (types.back()->id() == arrow::Type::FIXED_SIZE_BINARY) types.back() = arrow::binary();
    ARROW_ASSIGN_OR_RAISE(const auto encoder, schema::KeyEncoder::Make(std::move(types)));
    auto all = values_;
    all.push_back(scalar);
    std::string from;
    ARROW_RETURN_NOT_OK(encoder.EncodeScalars(all, &from));
    FIRTH_CHECK(from.ends_with(kTextEnd));
    from.resize(from.size() - kTextEnd.size());
    return KeyRange{.from = from, .to = schema::PrefixEnd(from), .prefix = {}};
  }

  Result<KeyRange> Between(size_t index, const Condition& condition) const {
    ARROW_ASSIGN_OR_RAISE(KeyRange range, Leading());
    const Type& type = TypeOf(index);
    int beyond = 0;
    if (const auto& lower = condition.above ? condition.above : condition.from; lower.has_value()) {
      ARROW_ASSIGN_OR_RAISE(const ScalarPtr scalar, ScalarOf(type, *lower, false, &beyond));
      if (beyond > 0) return Nothing();
      if (beyond == 0) {
        ARROW_ASSIGN_OR_RAISE(range.from, Encoded(scalar));
        if (condition.above) range.from = schema::PrefixEnd(range.from);
      }
    }
    beyond = 0;
    if (const auto& upper = condition.below ? condition.below : condition.to; upper.has_value()) {
      ARROW_ASSIGN_OR_RAISE(const ScalarPtr scalar, ScalarOf(type, *upper, false, &beyond));
      if (beyond < 0) return Nothing();
      if (beyond == 0) {
        ARROW_ASSIGN_OR_RAISE(range.to, Encoded(scalar));
        if (condition.to) range.to = schema::PrefixEnd(range.to);
      }
    }
    return range.IsEmpty() ? Nothing() : range;
  }

 private:
  const TableFacts& facts_;
  std::vector<ScalarPtr> values_;
};

}  // namespace

Result<Json> ParseFilter(std::string_view text) {
  if (text.size() > kFilterBytesMax)
    return Invalid("couldn't parse filter: it is longer than 64 KiB");
  text = Trim(text);
  if (text.empty()) return Json::object();
  if (!IsUtf8(text)) return Invalid("couldn't parse filter: it is not UTF-8");
  if (text.front() != '{') return ParseWhere(text);
  const auto shallow = [](int depth, Json::parse_event_t, Json&) {
    if (depth > 8) throw std::length_error("nested too deep");
    return true;
  };
  try {
    return Json::parse(text, shallow);
  } catch (const std::exception&) {
    return Invalid("couldn't parse filter: it is not a JSON object");
  }
}

Result<KeyRange> RangeOfFilter(const TableFacts& facts, const Json& conditions) {
  if (!conditions.is_object()) return Invalid("couldn't parse filter: it is not a JSON object");
  RangeBuilder builder(facts);
  size_t used = 0;
  std::optional<KeyRange> range;
  bool none = false;
  for (size_t i = 0; i < facts.key.size(); ++i) {
    const auto found = conditions.find(facts.key[i]);
    if (found == conditions.end()) break;
    ++used;
    ARROW_ASSIGN_OR_RAISE(const Condition condition, ReadCondition(facts.key[i], *found));
    if (condition.equal) {
      ARROW_ASSIGN_OR_RAISE(const bool possible, builder.Equal(i, *condition.equal));
      none |= !possible;
      if (none) break;
    } else if (condition.prefix) {
      ARROW_ASSIGN_OR_RAISE(range, builder.Prefix(i, *condition.prefix));
      break;
    } else {
      ARROW_ASSIGN_OR_RAISE(range, builder.Between(i, condition));
      break;
    }
  }
  if (used < conditions.size() && !none) {
    return Refuse(
        "only indexed fields can be queried, leftmost first, with a range or prefix last");
  }
  if (none) return Nothing();
  if (range.has_value()) return *range;
  return builder.Leading();
}

}  // namespace firth::doors::beneath
