#include "firth/doors/flight/sql_metadata.h"

#include <arrow/builder.h>
#include <arrow/util/config.h>

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "firth/doors/flight/flight_info.h"
#include "firth/doors/flight/version.h"

namespace firth::doors::flight {
namespace {

constexpr char kCatalog[] = "firth";
constexpr char kTableType[] = "TABLE";

std::string SchemaOf(const Path& path) {
  std::string text;
  for (size_t i = 0; i + 1 < path.segments.size(); ++i) {
    text += (i == 0 ? "" : "/") + path.segments[i];
  }
  return text;
}

bool Takes(const std::optional<std::string>& pattern, const std::string& text) {
  return !pattern.has_value() || IsLike(text, *pattern);
}

Result<std::shared_ptr<arrow::Array>> Texts(const std::vector<std::string>& values) {
  arrow::StringBuilder builder;
  ARROW_RETURN_NOT_OK(builder.AppendValues(values));
  return builder.Finish();
}

Result<std::shared_ptr<arrow::RecordBatch>> OneColumn(const char* name,
                                                      const std::vector<std::string>& values) {
  ARROW_ASSIGN_OR_RAISE(const auto column, Texts(values));
  return arrow::RecordBatch::Make(arrow::schema({arrow::field(name, arrow::utf8(), false)}),
                                  column->length(), {column});
}

// Numbers of facts.
constexpr uint32_t kServerName = 0;
constexpr uint32_t kServerVersion = 1;
constexpr uint32_t kArrowVersion = 2;
constexpr uint32_t kReadOnly = 3;
constexpr uint32_t kTakesSql = 4;
constexpr uint32_t kTakesSubstrait = 5;
constexpr uint32_t kTransactions = 8;
constexpr uint32_t kCancels = 9;

using Fact = std::variant<std::string, bool, int32_t>;

const std::vector<std::pair<uint32_t, Fact>>& Facts() {
  static const std::vector<std::pair<uint32_t, Fact>> facts = {
      {kServerName, std::string("Firth")},
      {kServerVersion, std::string(kVersion)},
      {kArrowVersion, std::string(ARROW_VERSION_STRING)},
      {kReadOnly, true},
      {kTakesSql, true},
      {kTakesSubstrait, false},
      {kTransactions, int32_t{0}},
      {kCancels, false},
  };
  return facts;
}

/// The layout of a fact's value: one child a kind.
std::shared_ptr<arrow::DataType> FactType() {
  return arrow::dense_union(
      {arrow::field("string_value", arrow::utf8()), arrow::field("bool_value", arrow::boolean()),
       arrow::field("bigint_value", arrow::int64()), arrow::field("int32_bitmask", arrow::int32()),
       arrow::field("string_list", arrow::list(arrow::utf8())),
       arrow::field("int32_to_int32_list_map",
                    arrow::map(arrow::int32(), arrow::list(arrow::int32())))});
}

}  // namespace

bool IsLike(std::string_view text, std::string_view pattern) {
  // Where the last % stands, and where in the text it was tried to end.
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t star_at = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = p++;
      star_at = t;
    } else if (p < pattern.size() && (pattern[p] == '_' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_at;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('%', p) == std::string_view::npos;
}

Result<std::shared_ptr<arrow::RecordBatch>> Catalogs() {
  return OneColumn("catalog_name", {kCatalog});
}

Result<std::shared_ptr<arrow::RecordBatch>> TableTypes() {
  return OneColumn("table_type", {kTableType});
}

Result<std::shared_ptr<arrow::RecordBatch>> Namespaces(const Request& request,
                                                       const NameFilter& filter) {
  ARROW_ASSIGN_OR_RAISE(const auto tables, request.database->ListTables(request.caller, Path{}));
  std::set<std::string> names;
  for (const auto& table : tables) {
    std::string name = SchemaOf(table->path);
    if (Takes(filter.catalog, kCatalog) && Takes(filter.schema, name)) names.insert(name);
  }
  ARROW_ASSIGN_OR_RAISE(auto schemas, Texts({names.begin(), names.end()}));
  ARROW_ASSIGN_OR_RAISE(auto catalogs, Texts(std::vector<std::string>(names.size(), kCatalog)));
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("catalog_name", arrow::utf8()),
                     arrow::field("db_schema_name", arrow::utf8(), false)}),
      schemas->length(), {catalogs, schemas});
}

Result<std::shared_ptr<arrow::RecordBatch>> Tables(const Request& request, const NameFilter& filter,
                                                   bool with_schema) {
  ARROW_ASSIGN_OR_RAISE(const auto tables, request.database->ListTables(request.caller, Path{}));
  arrow::StringBuilder schemas;
  arrow::StringBuilder names;
  arrow::BinaryBuilder columns;
  const bool any = Takes(filter.catalog, kCatalog) &&
                   (filter.types.empty() || std::find(filter.types.begin(), filter.types.end(),
                                                      kTableType) != filter.types.end());
  for (const auto& table : tables) {
    const std::string schema = SchemaOf(table->path);
    const std::string& name = table->path.segments.back();
    if (!any || !Takes(filter.schema, schema) || !Takes(filter.table, name)) continue;
    ARROW_RETURN_NOT_OK(schemas.Append(schema));
    ARROW_RETURN_NOT_OK(names.Append(name));
    if (with_schema) {
      ARROW_ASSIGN_OR_RAISE(const std::string bytes, SerializedSchema(*BareSchema(*table)));
      ARROW_RETURN_NOT_OK(columns.Append(bytes));
    }
  }
  const auto count = static_cast<size_t>(names.length());
  arrow::FieldVector fields = {arrow::field("catalog_name", arrow::utf8()),
                               arrow::field("db_schema_name", arrow::utf8()),
                               arrow::field("table_name", arrow::utf8(), false),
                               arrow::field("table_type", arrow::utf8(), false)};
  arrow::ArrayVector arrays(4);
  ARROW_ASSIGN_OR_RAISE(arrays[0], Texts(std::vector<std::string>(count, kCatalog)));
  ARROW_ASSIGN_OR_RAISE(arrays[1], schemas.Finish());
  ARROW_ASSIGN_OR_RAISE(arrays[2], names.Finish());
  ARROW_ASSIGN_OR_RAISE(arrays[3], Texts(std::vector<std::string>(count, kTableType)));
  if (with_schema) {
    fields.push_back(arrow::field("table_schema", arrow::binary(), false));
    ARROW_ASSIGN_OR_RAISE(arrays.emplace_back(), columns.Finish());
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), static_cast<int64_t>(count),
                                  std::move(arrays));
}

Result<std::shared_ptr<arrow::RecordBatch>> ServerFacts(const std::vector<uint32_t>& numbers) {
  arrow::UInt32Builder names;
  auto texts = std::make_shared<arrow::StringBuilder>();
  auto bools = std::make_shared<arrow::BooleanBuilder>();
  auto bits = std::make_shared<arrow::Int32Builder>();
  std::vector<std::shared_ptr<arrow::ArrayBuilder>> children;
  const auto type = FactType();
  for (const auto& field : type->fields()) {
    ARROW_ASSIGN_OR_RAISE(children.emplace_back(), arrow::MakeBuilder(field->type()));
  }
  children[0] = texts;
  children[1] = bools;
  children[3] = bits;
  arrow::DenseUnionBuilder values(arrow::default_memory_pool(), children, type);
  for (const auto& [number, fact] : Facts()) {
    if (!numbers.empty() && std::find(numbers.begin(), numbers.end(), number) == numbers.end()) {
      continue;
    }
    ARROW_RETURN_NOT_OK(names.Append(number));
    if (const auto* text = std::get_if<std::string>(&fact)) {
      ARROW_RETURN_NOT_OK(values.Append(0));
      ARROW_RETURN_NOT_OK(texts->Append(*text));
    } else if (const auto* yes = std::get_if<bool>(&fact)) {
      ARROW_RETURN_NOT_OK(values.Append(1));
      ARROW_RETURN_NOT_OK(bools->Append(*yes));
    } else {
      ARROW_RETURN_NOT_OK(values.Append(3));
      ARROW_RETURN_NOT_OK(bits->Append(std::get<int32_t>(fact)));
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto name, names.Finish());
  ARROW_ASSIGN_OR_RAISE(auto value, values.Finish());
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("info_name", arrow::uint32(), false),
                                                 arrow::field("value", type, false)}),
                                  name->length(), {name, value});
}

}  // namespace firth::doors::flight
