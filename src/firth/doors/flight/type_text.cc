#include "firth/doors/flight/type_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include "firth/common/text.h"

namespace firth::doors::flight {
namespace {

using arrow::DataType;
using arrow::Field;
using arrow::TimeUnit;
using TypePtr = std::shared_ptr<DataType>;

constexpr int kNestingMax = 32;

/// Types without parameters; also the first name that is printed for each.
const std::vector<std::pair<std::string_view, TypePtr>>& PlainTypes() {
  static const std::vector<std::pair<std::string_view, TypePtr>> types = {
      {"bool", arrow::boolean()},
      {"int8", arrow::int8()},
      {"int16", arrow::int16()},
      {"int32", arrow::int32()},
      {"int64", arrow::int64()},
      {"uint8", arrow::uint8()},
      {"uint16", arrow::uint16()},
      {"uint32", arrow::uint32()},
      {"uint64", arrow::uint64()},
      {"float16", arrow::float16()},
      {"float32", arrow::float32()},
      {"float64", arrow::float64()},
      {"text", arrow::utf8()},
      {"bytes", arrow::binary()},
      {"date", arrow::date32()},
      {"date64", arrow::date64()},
      {"large_text", arrow::large_utf8()},
      {"large_bytes", arrow::large_binary()},
      {"null", arrow::null()}};
  return types;
}

constexpr std::array<std::pair<std::string_view, TimeUnit::type>, 4> kUnits = {
    {{"s", TimeUnit::SECOND},
     {"ms", TimeUnit::MILLI},
     {"us", TimeUnit::MICRO},
     {"ns", TimeUnit::NANO}}};

std::string_view UnitText(TimeUnit::type unit) {
  for (const auto& [text, value] : kUnits) {
    if (value == unit) return text;
  }
  return "?";
}

bool NeedsQuotes(std::string_view name) {
  return name.empty() || name.find_first_of(":,<>!\"") != std::string_view::npos ||
         std::isspace(static_cast<unsigned char>(name.front())) != 0 ||
         std::isspace(static_cast<unsigned char>(name.back())) != 0;
}

std::string QuoteName(std::string_view name) {
  if (!NeedsQuotes(name)) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

/// A recursive descent over the text; each method reads one thing and what it needs of blanks.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<TypePtr> WholeType() {
    ARROW_ASSIGN_OR_RAISE(TypePtr type, Type(0));
    ARROW_RETURN_NOT_OK(End());
    return type;
  }

  Result<std::vector<std::shared_ptr<Field>>> WholeFields() {
    ARROW_ASSIGN_OR_RAISE(auto fields, Fields(0));
    ARROW_RETURN_NOT_OK(End());
    return fields;
  }

 private:
  Status Wrong(const std::string& wanted) const {
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "the schema text has " +
                     (at_ < text_.size() ? "`" + std::string(text_.substr(at_, 24)) + "`"
                                         : std::string("its end")) +
                     " where " + wanted + " was expected");
  }

  void SkipBlanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  bool Take(char c) {
    SkipBlanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Status Expect(char c) { return Take(c) ? Status::OK() : Wrong(std::string("`") + c + "`"); }

  Status End() {
    SkipBlanks();
    return at_ == text_.size() ? Status::OK() : Wrong("the end");
  }

  /// Letters, digits and `_`.
  std::string_view Word() {
    SkipBlanks();
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_')) {
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  Result<std::string> Name() {
    SkipBlanks();
    if (!Take('"')) {
      const size_t begin = at_;
      while (at_ < text_.size() &&
             std::string_view(":,<>!\"").find(text_[at_]) == std::string_view::npos)
        ++at_;
      size_t end = at_;
      while (end > begin && std::isspace(static_cast<unsigned char>(text_[end - 1])) != 0) --end;
      if (end == begin) return Wrong("a column's name");
      return std::string(text_.substr(begin, end - begin));
    }
    std::string name;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != '"') {
        name += c;
      } else if (at_ < text_.size() && text_[at_] == '"') {
        name += '"';
        ++at_;
      } else {
        return name;
      }
    }
    return Wrong("a closing `\"`");
  }

  Result<int32_t> Number() {
    const size_t before = at_;
    auto number = ParseInt64(Word());
    if (number.ok() && *number >= 0 && *number <= INT32_MAX) return static_cast<int32_t>(*number);
    at_ = before;
    return Wrong("a number");
  }

  /// `(unit)`, or microseconds where there is none; `zone` is set from `(unit,zone)` if it is
  /// given.
  Result<TimeUnit::type> Unit(std::string* zone) {
    if (!Take('(')) return TimeUnit::MICRO;
    const size_t before = at_;
    const std::string_view word = Word();
    for (const auto& [text, unit] : kUnits) {
      if (word != text) continue;
      if (zone != nullptr && Take(',')) {
        const size_t end = text_.find(')', at_);
        if (end == std::string_view::npos || end == at_) return Wrong("a time zone and `)`");
        *zone = text_.substr(at_, end - at_);
        at_ = end;
      }
      ARROW_RETURN_NOT_OK(Expect(')'));
      return unit;
    }
    at_ = before;
    return Wrong("s, ms, us or ns");
  }

  /// A type and perhaps `!`.
  Result<std::shared_ptr<Field>> TypeOf(std::string name, int depth) {
    ARROW_ASSIGN_OR_RAISE(TypePtr type, Type(depth));
    return arrow::field(std::move(name), std::move(type), !Take('!'));
  }

  Result<std::vector<std::shared_ptr<Field>>> Fields(int depth) {
    std::vector<std::shared_ptr<Field>> fields;
    do {
      ARROW_ASSIGN_OR_RAISE(std::string name, Name());
      ARROW_RETURN_NOT_OK(Expect(':'));
      ARROW_ASSIGN_OR_RAISE(auto field, TypeOf(std::move(name), depth));
      fields.push_back(std::move(field));
    } while (Take(','));
    return fields;
  }

  Result<TypePtr> ListType(bool large, int depth) {
    ARROW_RETURN_NOT_OK(Expect('<'));
    ARROW_ASSIGN_OR_RAISE(auto item, TypeOf("item", depth));
    TypePtr type = large ? arrow::large_list(item) : arrow::list(item);
    if (!large && Take(',')) {
      ARROW_ASSIGN_OR_RAISE(const int32_t size, Number());
      type = arrow::fixed_size_list(item, size);
    }
    ARROW_RETURN_NOT_OK(Expect('>'));
    return type;
  }

  Result<TypePtr> MapType(int depth) {
    ARROW_RETURN_NOT_OK(Expect('<'));
    ARROW_ASSIGN_OR_RAISE(TypePtr key, Type(depth));
    ARROW_RETURN_NOT_OK(Expect(','));
    ARROW_ASSIGN_OR_RAISE(auto value, TypeOf("value", depth));
    ARROW_RETURN_NOT_OK(Expect('>'));
    return std::make_shared<arrow::MapType>(std::move(key), std::move(value));
  }

  Result<TypePtr> DecimalType() {
    ARROW_RETURN_NOT_OK(Expect('('));
    ARROW_ASSIGN_OR_RAISE(const int32_t precision, Number());
    int32_t scale = 0;
    if (Take(',')) {
      ARROW_ASSIGN_OR_RAISE(scale, Number());
    }
    ARROW_RETURN_NOT_OK(Expect(')'));
    if (precision < 1 || precision > arrow::Decimal256Type::kMaxPrecision || scale > precision) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   "decimal(p,s) has p from 1 to 76 and s up to p");
    }
    if (precision <= arrow::Decimal128Type::kMaxPrecision)
      return arrow::decimal128(precision, scale);
    return arrow::decimal256(precision, scale);
  }

  Result<TypePtr> Type(int depth) {
    if (depth > kNestingMax) return Wrong("less nesting");
    SkipBlanks();
    const size_t before = at_;
    const std::string_view word = Word();
    if (word == "list" || word == "large_list") return ListType(word != "list", depth + 1);
    if (word == "map") return MapType(depth + 1);
    if (word == "decimal") return DecimalType();
    if (word == "struct") {
      ARROW_RETURN_NOT_OK(Expect('<'));
      ARROW_ASSIGN_OR_RAISE(auto fields, Fields(depth + 1));
      ARROW_RETURN_NOT_OK(Expect('>'));
      return arrow::struct_(std::move(fields));
    }
    if (word == "bytes" && Take('(')) {
      ARROW_ASSIGN_OR_RAISE(const int32_t width, Number());
      ARROW_RETURN_NOT_OK(Expect(')'));
      return arrow::fixed_size_binary(width);
    }
    if (word == "time") {
      ARROW_ASSIGN_OR_RAISE(const TimeUnit::type unit, Unit(nullptr));
      if (unit == TimeUnit::SECOND || unit == TimeUnit::MILLI) return arrow::time32(unit);
      return arrow::time64(unit);
    }
    if (word == "timestamp") {
      std::string zone;
      ARROW_ASSIGN_OR_RAISE(const TimeUnit::type unit, Unit(&zone));
      return arrow::timestamp(unit, zone);
    }
    if (word == "duration") {
      ARROW_ASSIGN_OR_RAISE(const TimeUnit::type unit, Unit(nullptr));
      return arrow::duration(unit);
    }
    for (const auto& [name, type] : PlainTypes()) {
      if (name == word) return type;
    }
    at_ = before;
    return Wrong(
        "a type (bool, int8 … int64, float32, float64, text, bytes, date, time, timestamp, "
        "decimal(p,s), list<…>, map<k,v>, struct<name:type>)");
  }

  const std::string_view text_;
  size_t at_ = 0;
};

std::string FieldType(const Field& field) {
  return TypeToText(*field.type()) + (field.nullable() ? "" : "!");
}

std::string FieldsToText(const arrow::FieldVector& fields) {
  std::string text;
  for (const auto& field : fields) {
    if (!text.empty()) text += ',';
    text += QuoteName(field->name()) + ':' + FieldType(*field);
  }
  return text;
}

template <typename Timed>
std::string WithUnit(std::string_view name, const DataType& type) {
  return std::string(name) + '(' + std::string(UnitText(static_cast<const Timed&>(type).unit())) +
         ')';
}

}  // namespace

Result<std::shared_ptr<DataType>> ParseType(std::string_view text) {
  return Parser(text).WholeType();
}

std::string TypeToText(const DataType& type) {
  switch (type.id()) {
    case arrow::Type::FIXED_SIZE_BINARY:
      return "bytes(" +
             std::to_string(static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width()) +
             ")";
    case arrow::Type::TIME32:
      return WithUnit<arrow::Time32Type>("time", type);
    case arrow::Type::TIME64:
      return WithUnit<arrow::Time64Type>("time", type);
    case arrow::Type::DURATION:
      return WithUnit<arrow::DurationType>("duration", type);
    case arrow::Type::TIMESTAMP: {
      const auto& stamp = static_cast<const arrow::TimestampType&>(type);
      return "timestamp(" + std::string(UnitText(stamp.unit())) +
             (stamp.timezone().empty() ? "" : "," + stamp.timezone()) + ")";
    }
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return "decimal(" + std::to_string(decimal.precision()) + "," +
             std::to_string(decimal.scale()) + ")";
    }
    case arrow::Type::LIST:
      return "list<" + FieldType(*type.field(0)) + ">";
    case arrow::Type::LARGE_LIST:
      return "large_list<" + FieldType(*type.field(0)) + ">";
    case arrow::Type::FIXED_SIZE_LIST:
      return "list<" + FieldType(*type.field(0)) + "," +
             std::to_string(static_cast<const arrow::FixedSizeListType&>(type).list_size()) + ">";
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      return "map<" + TypeToText(*map.key_type()) + "," + FieldType(*map.item_field()) + ">";
    }
    case arrow::Type::STRUCT:
      return "struct<" + FieldsToText(type.fields()) + ">";
    default:
      break;
  }
  for (const auto& [name, plain] : PlainTypes()) {
    if (plain->Equals(type)) return std::string(name);
  }
  return type.ToString();
}

Result<std::shared_ptr<arrow::Schema>> ParseSchemaText(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(auto fields, Parser(text).WholeFields());
  return arrow::schema(std::move(fields));
}

std::string SchemaToText(const arrow::Schema& schema) {
  return FieldsToText(schema.fields());
}

}  // namespace firth::doors::flight
