// What the Beneath door reads that is a language or a record: GraphQL, schemas, filters, records in
// Avro, numbers and times; the first byte chooses which. What is taken must come back the same.
// With: common/* format/* schema/*
// With: doors/beneath/graphql_document doors/beneath/graphql_token doors/beneath/graphql_types
// With: doors/beneath/graphql_validate doors/beneath/graphql_execute doors/beneath/control_types
// With: doors/beneath/avro_decode doors/beneath/avro_encode doors/beneath/big_number
// With: doors/beneath/filter doors/beneath/filter_where doors/beneath/schema_text
// With: doors/beneath/schema_token doors/beneath/record_type doors/beneath/time_text
#include <arrow/api.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "firth/doors/beneath/avro_codec.h"
#include "firth/doors/beneath/big_number.h"
#include "firth/doors/beneath/filter.h"
#include "firth/doors/beneath/graphql_execute.h"
#include "firth/doors/beneath/schema_text.h"
#include "firth/doors/beneath/time_text.h"

using namespace firth::doors::beneath;  // NOLINT: a program of one function

namespace {

constexpr size_t kReplyBytesMax = 64 << 20;
constexpr int kLinksMax = 50;

const TableSchema& Sample() {
  static const TableSchema kSchema =
      CompileSchema(/*avro=*/false,
                    "type A @schema { a: Int! @key b: String c: [Float!]! d: Numeric e: Timestamp! "
                    "f: Bytes4 g: E h: [R!] i: UUID j: Int32 } enum E { X Y } "
                    "type R { x: Bytes y: [String!] }",
                    "", /*needs_key=*/true)
          .ValueOrDie();
  return kSchema;
}

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

/// A record that is taken is written again, and that is taken for the same.
void ReadRecords(std::string_view avro) {
  const auto rows = DecodeRecords(*Sample().record, {{.avro = avro, .time_ms = 1}});
  if (!rows.ok()) return;
  Require((*rows)->ValidateFull().ok());
  std::vector<std::string> names;
  for (const auto& field : Sample().record->fields) names.push_back(field.name);
  const RecordEncoder encoder(Sample().record, names);
  const arrow::ArrayVector columns((*rows)->columns().begin(), (*rows)->columns().end() - 1);
  std::string again;
  Require(encoder.Encode(columns, 0, &again).ok());
  const auto same = DecodeRecords(*Sample().record, {{.avro = again, .time_ms = 1}}).ValueOrDie();
  Require(same->Equals(**rows, /*check_metadata=*/false, arrow::EqualOptions().nans_equal(true)));
}

/// A schema that is taken has a canonical form, which is its own.
void ReadSchema(bool avro, const std::string& text) {
  const auto schema = CompileSchema(avro, text, "", /*needs_key=*/!avro);
  if (!schema.ok()) return;
  const std::string canonical = schema->canonical_avro();
  const auto again = CompileSchema(/*avro=*/true, canonical, "", /*needs_key=*/false).ValueOrDie();
  Require(again.canonical_avro() == canonical);
}

/// Objects have others below them, though not for ever: what bounds a long reply has its own test.
void RunDocument(const std::string& body) {
  const auto root = [](const std::string&, const Json&) -> firth::Result<Json> {
    return Json{{"__typename", "PrivateOrganization"}, {"name", "x"}};
  };
  int left = kLinksMax;
  const auto link = [&left](const std::string& field,
                            const Json&) -> std::optional<firth::Result<Json>> {
    if (--left < 0)
      return firth::Error(firth::Code::kNotFound, firth::Reason::kBadValue, "no more");
    if (field.ends_with(".projects") || field.ends_with(".tables")) {
      const char* type = field.ends_with(".projects") ? "Project" : "Table";
      return Json::array({{{"__typename", type}, {"name", "a"}}, {{"__typename", type}}});
    }
    if (field == "Table.project") return Json{{"__typename", "Project"}};
    return std::nullopt;
  };
  const auto answer = graphql::Run(graphql::ControlTypes(), body, root, link);
  Require(answer.status == 200 || answer.status == 422 || answer.status == 400);
  Require(answer.body.size() < kReplyBytesMax && Json::accept(answer.body));
}

void ReadNumbers(const std::string& text) {
  if (const auto digits = NumberFromBytes(text); digits.ok()) {
    const auto bytes = NumberToBytes(*digits).ValueOrDie();
    Require(NumberFromBytes(bytes).ValueOrDie() == *digits);
  }
  static_cast<void>(NumberToBytes(text));
  static_cast<void>(ParseTimeNs(text));
  static_cast<void>(ParseLooseTimeMs(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      RunDocument(Json{{"query", text}}.dump(-1, ' ', false, Json::error_handler_t::replace));
      break;
    case 1:
      ReadSchema(/*avro=*/false, text);
      break;
    case 2:
      ReadSchema(/*avro=*/true, text);
      break;
    case 3:
      static_cast<void>(ParseFilter(text));
      break;
    case 4:
      static_cast<void>(ParseWhere(text));
      break;
    case 5:
      ReadRecords(text);
      break;
    case 6:
      RunDocument(text);
      break;
    default:
      ReadNumbers(text);
  }
  return 0;
}
