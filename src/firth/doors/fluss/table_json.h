// The JSON that describes a table, in and out.
//
// In: checked against everything the protocol asks of a table, and turned into a TableSpec; what
// the engine has no word for goes into attributes of this door:
//   fluss.comment, fluss.properties and fluss.custom_properties (JSON objects), fluss.extra (JSON:
//   the unknown members, `table` of the whole and `schema` of the schema).
// Out: made from a TableInfo, whoever created it.
#pragma once

#include <string>
#include <string_view>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/doors/fluss/properties.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

inline constexpr char kCommentAttribute[] = "fluss.comment";
inline constexpr char kPropertiesAttribute[] = "fluss.properties";
inline constexpr char kCustomPropertiesAttribute[] = "fluss.custom_properties";
inline constexpr char kExtraAttribute[] = "fluss.extra";

/// Read a client's description of a new table. Hostile text. Errors carry the protocol's codes.
Result<table::TableSpec> ParseTable(std::string_view json);

/// The description of a table, under its current edition's newest schema.
std::string TableJson(const catalog::TableInfo& table);
/// The description of one of its schemas.
std::string SchemaJson(const catalog::EditionInfo& edition, const catalog::SchemaInfo& schema,
                       const catalog::Attributes& attributes);

/// The properties of a table: those it was given, or those that say what it is.
Properties PropertiesOf(const catalog::TableInfo& table);

/// CheckRowFormats for a table. Cheap where it says nothing of formats.
Status CheckRowFormats(const catalog::TableInfo& table);

/// The properties that the server does not look at; and both kinds put into attributes.
Properties CustomPropertiesOf(const catalog::Attributes& attributes);
void SetProperties(const Properties& properties, const Properties& custom,
                   catalog::Attributes* attributes);

/// Databases: a comment and custom properties, as attributes, both ways.
Result<catalog::Attributes> ParseDatabase(std::string_view json);
std::string DatabaseJson(const catalog::Attributes& attributes);

}  // namespace firth::doors::fluss
