#include "firth/doors/beneath/dialect.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "firth/common/text.h"
#include "firth/doors/beneath/refusals.h"

// The library in Rust.
extern "C" {
char* firth_dialect_tables(const char* sql, size_t size);
char* firth_dialect_translate(const char* request, size_t size);
void firth_dialect_free(char* text);
}

namespace firth::doors::beneath {
namespace {

constexpr char kResultName[] = "schema";

Result<Json> Answer(char* (*ask)(const char*, size_t), std::string_view text) {
  const std::unique_ptr<char, void (*)(char*)> answer(ask(text.data(), text.size()),
                                                      firth_dialect_free);
  const Json json = Json::parse(answer.get(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Error(Code::kInternal, Reason::kNone, "the statement's analysis cannot be read");
  }
  if (const auto error = json.find("error"); error != json.end()) {
    return Error(Code::kInvalidArgument, Reason::kQueryRefused, error->get<std::string>());
  }
  return json;
}

Json DialectType(const Type& type) {
  switch (type.kind) {
    case Kind::kString:
    case Kind::kUuid:
    case Kind::kEnum:
      return "STRING";
    case Kind::kBytes:
    case Kind::kFixed:
      return "BYTES";
    case Kind::kBoolean:
      return "BOOL";
    case Kind::kInt32:
    case Kind::kInt64:
      return "INT64";
    case Kind::kFloat32:
    case Kind::kFloat64:
      return "FLOAT64";
    case Kind::kNumeric:
      return "NUMERIC";
    case Kind::kTimestamp:
      return "TIMESTAMP";
    case Kind::kArray:
      return {{"array", DialectType(*type.item)}};
    case Kind::kRecord: {
      Json fields = Json::array();
      for (const auto& field : type.fields) {
        fields.push_back(Json::array({field.name, DialectType(*field.type)}));
      }
      return {{"struct", fields}};
    }
  }
  return nullptr;
}

Kind KindNamed(const std::string& name) {
  if (name == "BOOL") return Kind::kBoolean;
  if (name == "INT64") return Kind::kInt64;
  if (name == "FLOAT64") return Kind::kFloat64;
  if (name == "NUMERIC") return Kind::kNumeric;
  if (name == "BYTES") return Kind::kBytes;
  if (name == "TIMESTAMP") return Kind::kTimestamp;
  return Kind::kString;
}

/// `name`: of the record, if it is one.
TypePtr TypeOf(const Json& json, const std::string& name) {
  if (json.is_string()) return MakeType(KindNamed(json.get<std::string>()));
  auto type = std::make_shared<Type>();
  if (const auto item = json.find("array"); item != json.end()) {
    type->kind = Kind::kArray;
    type->item = TypeOf(*item, name);
    type->null_is_empty = true;
    return type;
  }
  type->kind = Kind::kRecord;
  type->name = name;
  for (const Json& part : json["struct"]) {
    const std::string field = part[0];
    TypePtr inner = TypeOf(part[1], name + "_" + field);
    const bool nullable = inner->kind != Kind::kArray;
    type->fields.push_back({.name = field, .type = std::move(inner), .nullable = nullable});
  }
  return type;
}

}  // namespace

Result<std::vector<std::string>> TablesOfStatement(std::string_view sql) {
  ARROW_ASSIGN_OR_RAISE(const Json answer, Answer(firth_dialect_tables, sql));
  return answer["tables"].get<std::vector<std::string>>();
}

Json DescribeTable(const TableFacts& facts, const arrow::Schema& columns, int64_t expired_ms,
                   bool all_changes) {
  Json described{{"columns", Json::array()},
                 {"key", facts.key},
                 {"time", nullptr},
                 {"since_us", nullptr},
                 {"changes", nullptr}};
  const auto& fields = facts.type->fields;
  for (size_t i = 0; i < fields.size(); ++i) {
    described["columns"].push_back(Json::array(
        {fields[i].name, DialectType(*fields[i].type), facts.encoder->column_names()[i]}));
  }
  // A key column that no field shows cannot be part of what is shown as the key.
  for (const auto& name : facts.key) {
    const auto& shown = facts.encoder->column_names();
    if (std::find(shown.begin(), shown.end(), name) == shown.end())
      described["key"] = Json::array();
  }
  const auto time = columns.GetFieldByName(kTimeColumn);
  if (time != nullptr && time->type()->id() == arrow::Type::TIMESTAMP) {
    described["time"] = kTimeColumn;
  }
  int64_t since_us = 0;
  if (expired_ms > INT64_MIN && !__builtin_mul_overflow(expired_ms, int64_t{1000}, &since_us)) {
    described["since_us"] = since_us;
  }
  if (!all_changes) {
    described["changes"] = {static_cast<int>(log::Change::kAppend),
                            static_cast<int>(log::Change::kInsert),
                            static_cast<int>(log::Change::kUpdateAfter)};
  }
  return described;
}

Result<Translation> Translate(std::string_view sql, int64_t now_us,
                              const std::map<std::string, Json>& tables) {
  if (!IsUtf8(sql)) {
    return Error(Code::kInvalidArgument, Reason::kQueryRefused, "the statement is not UTF-8");
  }
  const Json request{{"sql", sql}, {"now_us", now_us}, {"tables", tables}};
  const std::string text = request.dump(-1, ' ', false, Json::error_handler_t::replace);
  ARROW_ASSIGN_OR_RAISE(const Json answer, Answer(firth_dialect_translate, text));
  Translation out{.sql = answer["sql"]};
  Json fields = Json::array();
  for (const Json& column : answer["columns"]) {
    const std::string name = column["name"];
    if (name == kTimeColumn) {
      out.has_time = true;
    } else {
      fields.push_back(Json::array({name, column["type"]}));
    }
  }
  out.record = TypeOf({{"struct", fields}}, kResultName);
  for (const auto& [path, columns] : answer["mentions"].items()) {
    Translation::Use& use = out.uses[path];
    use.columns = columns.get<std::vector<std::string>>();
    use.size_sql = answer["sizes"].value(path, "");
  }
  return out;
}

}  // namespace firth::doors::beneath
