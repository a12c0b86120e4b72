#include "firth/doors/deltacat/types.h"

#include <arrow/util/base64.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "firth/common/json_depth.h"
#include "firth/common/text.h"
#include "firth/doors/deltacat/errors.h"
#include "firth/format/conform.h"
#include "firth/schema/schema.h"

namespace firth::doors::deltacat {
namespace {

using nlohmann::json;
using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr int kNestingMax = 16;
constexpr size_t kSchemaTextsKept = 256;
constexpr size_t kTypeBytesMax = 64 << 10;
/// Where a field keeps what Arrow's types cannot say.
constexpr char kFactsKey[] = "deltacat.field";

Status BadType(std::string_view text, const std::string& why) {
  return Refuse("invalid_schema",
                "the type '" + std::string(text.substr(0, 64)) + "' is not known: " + why);
}

const std::vector<std::pair<std::string_view, TypePtr>>& PlainTypes() {
  static const std::vector<std::pair<std::string_view, TypePtr>> types = {
      {"bool", arrow::boolean()},
      {"boolean", arrow::boolean()},
      {"int8", arrow::int8()},
      {"i1", arrow::int8()},
      {"int16", arrow::int16()},
      {"i2", arrow::int16()},
      {"int32", arrow::int32()},
      {"i4", arrow::int32()},
      {"int64", arrow::int64()},
      {"i8", arrow::int64()},
      {"uint8", arrow::uint8()},
      {"u1", arrow::uint8()},
      {"uint16", arrow::uint16()},
      {"u2", arrow::uint16()},
      {"uint32", arrow::uint32()},
      {"u4", arrow::uint32()},
      {"uint64", arrow::uint64()},
      {"u8", arrow::uint64()},
      {"float", arrow::float32()},
      {"float32", arrow::float32()},
      {"f4", arrow::float32()},
      {"double", arrow::float64()},
      {"float64", arrow::float64()},
      {"f8", arrow::float64()},
      {"string", arrow::utf8()},
      {"str", arrow::utf8()},
      {"utf8", arrow::utf8()},
      {"large_string", arrow::large_utf8()},
      {"large_str", arrow::large_utf8()},
      {"large_utf8", arrow::large_utf8()},
      {"binary", arrow::binary()},
      {"large_binary", arrow::large_binary()},
      {"date32", arrow::date32()},
      {"date32[day]", arrow::date32()},
      {"date64", arrow::date64()},
      {"date64[ms]", arrow::date64()},
      {"null", arrow::null()},
  };
  return types;
}

/// Reads a type from front to back.
class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : all_(text), rest_(text) {}

  Result<TypePtr> Parse() {
    ARROW_ASSIGN_OR_RAISE(TypePtr type, Type(0));
    Skip();
    if (!rest_.empty()) return Bad("something stands behind it");
    return type;
  }

 private:
  Status Bad(const std::string& why) const { return BadType(all_, why); }
  void Skip() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  bool Take(std::string_view what) {
    Skip();
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  Status Need(std::string_view what) {
    return Take(what) ? Status::OK() : Bad("'" + std::string(what) + "' is missing");
  }
  std::string_view Until(std::string_view ends) {
    Skip();
    const size_t end = std::min(rest_.find_first_of(ends), rest_.size());
    std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end);
    while (!found.empty() && found.back() == ' ') found.remove_suffix(1);
    return found;
  }
  Result<int32_t> Number() {
    const std::string_view digits = Until(",)]");
    int32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return Bad("no number");
    return value;
  }
  Result<arrow::TimeUnit::type> Unit() {
    const std::string_view unit = Until(",]");
    if (unit == "s") return arrow::TimeUnit::SECOND;
    if (unit == "ms") return arrow::TimeUnit::MILLI;
    if (unit == "us") return arrow::TimeUnit::MICRO;
    if (unit == "ns") return arrow::TimeUnit::NANO;
    return Bad("a unit is s, ms, us or ns");
  }

  Result<std::shared_ptr<arrow::Field>> Named(std::string name, int depth) {
    ARROW_ASSIGN_OR_RAISE(TypePtr type, Type(depth));
    const bool required = Take("not null");
    return arrow::field(std::move(name), std::move(type), !required);
  }

  Result<TypePtr> Timestamp() {
    ARROW_ASSIGN_OR_RAISE(const auto unit, Unit());
    std::string zone;
    if (Take(",")) {
      if (!Take("tz=")) return Bad("'tz=' is missing");
      zone = std::string(Until("]"));
    }
    ARROW_RETURN_NOT_OK(Need("]"));
    return arrow::timestamp(unit, zone);
  }

  Result<TypePtr> Decimal(bool wide) {
    ARROW_ASSIGN_OR_RAISE(const int32_t precision, Number());
    int32_t scale = 0;
    if (Take(",")) {
      ARROW_ASSIGN_OR_RAISE(scale, Number());
    }
    ARROW_RETURN_NOT_OK(Need(")"));
    auto type = wide ? arrow::Decimal256Type::Make(precision, scale)
                     : arrow::Decimal128Type::Make(precision, scale);
    return type.ok() ? type : Bad(MessageOf(type.status()));
  }

  Result<TypePtr> List(bool large, int depth) {
    // `list<item: int64>` and `list<int64>`.
    std::string name = "item";
    const size_t colon = rest_.find(':');
    const size_t close = rest_.find_first_of("<>,");
    if (colon != std::string_view::npos && (close == std::string_view::npos || colon < close)) {
      name = std::string(Until(":"));
      ARROW_RETURN_NOT_OK(Need(":"));
    }
    ARROW_ASSIGN_OR_RAISE(const auto item, Named(name, depth + 1));
    ARROW_RETURN_NOT_OK(Need(">"));
    return large ? arrow::large_list(item) : arrow::list(item);
  }

  Result<TypePtr> Struct(int depth) {
    arrow::FieldVector fields;
    while (!Take(">")) {
      if (!fields.empty()) ARROW_RETURN_NOT_OK(Need(","));
      std::string name(Until(":,<>"));
      ARROW_RETURN_NOT_OK(Need(":"));
      ARROW_ASSIGN_OR_RAISE(fields.emplace_back(), Named(std::move(name), depth + 1));
    }
    return arrow::struct_(std::move(fields));
  }

  Result<TypePtr> Type(int depth) {
    if (depth > kNestingMax) return Bad("it is nested too deeply");
    if (Take("timestamp[")) return Timestamp();
    if (Take("decimal128(") || Take("decimal(")) return Decimal(false);
    if (Take("decimal256(")) return Decimal(true);
    if (Take("large_list<")) return List(true, depth);
    if (Take("list<")) return List(false, depth);
    if (Take("struct<")) return Struct(depth);
    if (Take("map<")) {
      ARROW_ASSIGN_OR_RAISE(const TypePtr key, Type(depth + 1));
      ARROW_RETURN_NOT_OK(Need(","));
      ARROW_ASSIGN_OR_RAISE(const TypePtr item, Type(depth + 1));
      ARROW_RETURN_NOT_OK(Need(">"));
      return arrow::map(key, item);
    }
    if (Take("fixed_size_binary[")) {
      ARROW_ASSIGN_OR_RAISE(const int32_t bytes, Number());
      ARROW_RETURN_NOT_OK(Need("]"));
      return bytes > 0 ? Result<TypePtr>(arrow::fixed_size_binary(bytes)) : Bad("it has no bytes");
    }
    if (Take("duration[")) {
      ARROW_ASSIGN_OR_RAISE(const auto unit, Unit());
      ARROW_RETURN_NOT_OK(Need("]"));
      return arrow::duration(unit);
    }
    for (const auto& [name, wide] : {std::pair{"time32[", false}, std::pair{"time64[", true}}) {
      if (!Take(name)) continue;
      ARROW_ASSIGN_OR_RAISE(const auto unit, Unit());
      ARROW_RETURN_NOT_OK(Need("]"));
      const bool fine = unit == arrow::TimeUnit::MICRO || unit == arrow::TimeUnit::NANO;
      if (fine != wide) return Bad("time32 has s or ms, time64 us or ns");
      return wide ? arrow::time64(unit) : arrow::time32(unit);
    }
    Skip();
    // `date32[day]` and its kind hold brackets; a plain word does not.
    const TypePtr* longest = nullptr;
    size_t length = 0;
    for (const auto& [name, type] : PlainTypes()) {
      if (name.size() > length && rest_.starts_with(name)) {
        longest = &type;
        length = name.size();
      }
    }
    if (longest == nullptr) return Bad("Arrow's names of types are known");
    rest_.remove_prefix(length);
    if (!rest_.empty() && (std::isalnum(static_cast<unsigned char>(rest_.front())) != 0 ||
                           rest_.front() == '_' || rest_.front() == '[')) {
      return Bad("Arrow's names of types are known");
    }
    return *longest;
  }

  const std::string_view all_;
  std::string_view rest_;
};

json FactsOf(const arrow::Field& field) {
  if (!field.HasMetadata()) return json::object();
  const auto text = field.metadata()->Get(kFactsKey);
  if (!text.ok() || JsonDepth(*text) > kJsonDepthMax) return json::object();
  json facts = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return facts.is_object() ? facts : json::object();
}

std::shared_ptr<arrow::Field> WithoutOurs(const std::shared_ptr<arrow::Field>& field) {
  TypePtr type = field->type();
  if (type->id() == arrow::Type::STRUCT) {
    arrow::FieldVector children;
    for (const auto& child : type->fields()) children.push_back(WithoutOurs(child));
    type = arrow::struct_(std::move(children));
  } else if (type->id() == arrow::Type::LIST) {
    type = arrow::list(WithoutOurs(type->field(0)));
  } else if (type->id() == arrow::Type::LARGE_LIST) {
    type = arrow::large_list(WithoutOurs(type->field(0)));
  }
  std::shared_ptr<const arrow::KeyValueMetadata> kept;
  if (field->HasMetadata()) {
    std::vector<std::string> keys;
    std::vector<std::string> values;
    for (int64_t i = 0; i < field->metadata()->size(); ++i) {
      const std::string& key = field->metadata()->key(i);
      if (key == schema::kFieldIdKey || key == kFactsKey) continue;
      keys.push_back(key);
      values.push_back(field->metadata()->value(i));
    }
    if (!keys.empty()) kept = arrow::key_value_metadata(std::move(keys), std::move(values));
  }
  return arrow::field(field->name(), std::move(type), field->nullable(), kept);
}

/// One field of a definition.
Status AddField(const json& one, SchemaDefinition* out, arrow::FieldVector* fields) {
  if (!one.is_object() || !one.contains("name") || !one["name"].is_string() ||
      !one.contains("type") || !one["type"].is_string()) {
    return Refuse("invalid_schema", "a field of schema_def is an object with a name and a type");
  }
  const auto& name = one["name"].get_ref<const std::string&>();
  ARROW_ASSIGN_OR_RAISE(const TypePtr type, ParseType(one["type"].get_ref<const std::string&>()));
  const auto flag = [&one](const char* key, bool otherwise) {
    const auto found = one.find(key);
    return found != one.end() && found->is_boolean() ? found->get<bool>() : otherwise;
  };
  json facts = json::object();
  for (const char* fact :
       {"doc", "past_default", "future_default", "consistency_type", "merge_order"}) {
    if (one.contains(fact) && !one[fact].is_null()) facts[fact] = one[fact];
  }
  std::shared_ptr<const arrow::KeyValueMetadata> metadata;
  if (!facts.empty()) {
    metadata = arrow::key_value_metadata(
        {{kFactsKey, facts.dump(-1, ' ', false, json::error_handler_t::replace)}});
  }
  if (flag("is_merge_key", false)) out->key.push_back(name);
  if (flag("is_event_time", false)) out->event_time = name;
  fields->push_back(arrow::field(name, type, flag("nullable", true), metadata));
  return Status::OK();
}

}  // namespace

Result<TypePtr> ParseType(std::string_view text) {
  if (text.size() > kTypeBytesMax) return BadType(text, "it is too long");
  return TypeParser(text).Parse();
}

Result<SchemaDefinition> ParseSchemaDefinition(const json& definition) {
  if (!definition.is_array() || definition.empty()) {
    return Refuse("invalid_schema", "schema_def is a list of fields");
  }
  SchemaDefinition out;
  arrow::FieldVector fields;
  std::set<std::string> names;
  for (const json& one : definition) {
    ARROW_RETURN_NOT_OK(AddField(one, &out, &fields));
    if (!names.insert(fields.back()->name()).second) {
      return Refuse("invalid_schema",
                    "two fields are named '" + fields.back()->name().substr(0, 64) + "'");
    }
  }
  out.schema = arrow::schema(std::move(fields));
  return out;
}

std::shared_ptr<arrow::Schema> PlainSchema(const arrow::Schema& schema) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) fields.push_back(WithoutOurs(field));
  return arrow::schema(std::move(fields), schema.metadata());
}

json FieldSummaries(const arrow::Schema& schema, const catalog::EditionSpec& spec) {
  json all = json::array();
  for (const auto& field : schema.fields()) {
    json one = {{"name", field->name()},
                {"type", WithoutOurs(field)->type()->ToString()},
                {"nullable", field->nullable()},
                {"field_id", schema::FieldId(*field)},
                {"is_merge_key",
                 std::find(spec.key.begin(), spec.key.end(), field->name()) != spec.key.end()},
                {"is_event_time", field->name() == spec.time_column}};
    const json facts = FactsOf(*field);
    for (const auto& [key, value] : facts.items()) one[key] = value;
    all.push_back(std::move(one));
  }
  return all;
}

Result<std::string> SerializedSchema(const arrow::Schema& schema) {
  ARROW_ASSIGN_OR_RAISE(const std::string bytes, schema::SerializeSchema(*PlainSchema(schema)));
  return arrow::util::base64_encode(bytes);
}

Result<std::shared_ptr<arrow::Schema>> ParseSerializedSchema(std::string_view text) {
  const auto bytes = arrow::util::base64_decode(text);
  if (!bytes.ok()) return Refuse("invalid_schema", "the serialized schema is not base64");
  const auto parsed = schema::ParseSchema(*bytes);
  if (!parsed.ok()) return Refuse("invalid_schema", MessageOf(parsed.status()));
  arrow::FieldVector fields;
  for (const auto& field : (*parsed)->fields()) {
    const auto plain = WithoutOurs(field);
    fields.push_back(plain->WithType(format::PlainType(plain->type())));
  }
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<const SchemaTexts>> SchemaTextCache::Of(
    const std::shared_ptr<arrow::Schema>& schema, const catalog::EditionSpec& spec) {
  {
    std::lock_guard lock(mutex_);
    const auto found = held_.find(schema.get());
    if (found != held_.end() && found->second.key == spec.key &&
        found->second.time_column == spec.time_column) {
      return found->second.texts;
    }
  }
  auto texts = std::make_shared<SchemaTexts>();
  texts->fields = FieldSummaries(*schema, spec);
  ARROW_ASSIGN_OR_RAISE(texts->serialized, SerializedSchema(*schema));
  std::lock_guard lock(mutex_);
  if (held_.size() >= kSchemaTextsKept) held_.clear();
  held_[schema.get()] = {
      .schema = schema, .key = spec.key, .time_column = spec.time_column, .texts = texts};
  return texts;
}

}  // namespace firth::doors::deltacat
