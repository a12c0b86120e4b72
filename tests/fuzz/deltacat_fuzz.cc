// What the DeltaCAT door and file entries read from outside: filters, type names, schemas, entries,
// steps, Avro files.
// With: doors/deltacat/entries doors/deltacat/predicate doors/deltacat/types doors/deltacat/errors
// With: doors/deltacat/call table/file_entry table/steps catalog/files catalog/text_form
// With: schema/schema schema/types format/avro_schema format/avro_decode format/conform
// With: common/json_depth common/path common/status common/text common/checksum common/logging
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "firth/catalog/files.h"
#include "firth/doors/deltacat/entries.h"
#include "firth/doors/deltacat/predicate.h"
#include "firth/doors/deltacat/types.h"
#include "firth/format/avro_decode.h"
#include "firth/format/avro_schema.h"
#include "firth/table/file_entry.h"
#include "firth/table/steps.h"

using namespace firth;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto schema = arrow::schema({arrow::field("a", arrow::int64())});
  switch (data[0] % 8) {
    case 0: {
      const auto filter = doors::deltacat::Predicate::Parse(text, *schema);
      if (filter.ok()) filter->MayKeep(R"({"a":{"n":1,"min":0,"max":9}})", 5);
      break;
    }
    case 1:
      static_cast<void>(doors::deltacat::ParseType(text));
      break;
    case 2:
      static_cast<void>(doors::deltacat::ParseSerializedSchema(text));
      break;
    case 3:
    case 4: {
      const auto body = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
      if (body.is_discarded()) break;
      if (data[0] % 8 == 3) {
        static_cast<void>(doors::deltacat::ParseSchemaDefinition(body));
      } else if (body.is_object()) {
        static_cast<void>(doors::deltacat::ParseEntries(
            body, {.store_root = "/nowhere", .folder = "files/x", .format = "csv"}));
      }
      break;
    }
    case 5:
      static_cast<void>(table::DecodeSteps(text));
      static_cast<void>(catalog::DecodeFile(text));
      break;
    case 6: {
      // A schema, a zero byte, and a block of records.
      const size_t end = std::min(text.find('\0'), text.size());
      const auto record = format::ParseAvroSchema(std::string_view(text).substr(0, end));
      if (!record.ok()) break;
      const auto block = std::string_view(text).substr(std::min(end + 1, text.size()));
      const auto fields = arrow::schema(record->type->fields());
      const auto rows =
          format::DecodeAvro(*record, static_cast<int64_t>(block.size()) / 2, block, fields);
      if (rows.ok()) FIRTH_CHECK((*rows)->ValidateFull().ok());
      break;
    }
    default:
      static_cast<void>(table::ParseFileEntry(AsBytes(text)));
  }
  return 0;
}
