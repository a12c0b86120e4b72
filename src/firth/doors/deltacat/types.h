// Schemas as the wire has them: lists of fields with type names, and Arrow schemas in base64.
#pragma once

#include <arrow/type.h>

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"

namespace firth::doors::deltacat {

/// The type that a name means: Arrow's names, also nested ones. Error invalid_schema.
Result<std::shared_ptr<arrow::DataType>> ParseType(std::string_view text);

/// A `schema_def`: fields in order, and what is the key and the event time. Error invalid_schema.
struct SchemaDefinition {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::string> key;
  std::string event_time;
};
Result<SchemaDefinition> ParseSchemaDefinition(const nlohmann::json& definition);

/// A schema without what is ours.
std::shared_ptr<arrow::Schema> PlainSchema(const arrow::Schema& schema);
/// The list of fields of an edition's schema.
nlohmann::json FieldSummaries(const arrow::Schema& schema, const catalog::EditionSpec& spec);
/// Base64 of the Arrow schema message; and back, error invalid_schema.
Result<std::string> SerializedSchema(const arrow::Schema& schema);
Result<std::shared_ptr<arrow::Schema>> ParseSerializedSchema(std::string_view text);

/// Both forms of an edition's schema.
struct SchemaTexts {
  nlohmann::json fields;
  std::string serialized;
};

/// Remembers them: small writes ask for the same ones again and again. Thread-safe.
class SchemaTextCache {
 public:
  Result<std::shared_ptr<const SchemaTexts>> Of(const std::shared_ptr<arrow::Schema>& schema,
                                                const catalog::EditionSpec& spec);

 private:
  struct Held {
    std::shared_ptr<arrow::Schema> schema;  // so that no other one comes to lie where it lies
    std::vector<std::string> key;
    std::string time_column;
    std::shared_ptr<const SchemaTexts> texts;
  };
  std::mutex mutex_;
  std::map<const arrow::Schema*, Held> held_;  // guarded by mutex_; bounded
};

}  // namespace firth::doors::deltacat
