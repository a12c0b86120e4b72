// Types: the protocol's JSON type objects and Arrow's types, both ways.
//
// What Arrow cannot say is kept with the field: `fluss.type` holds the type object where the
// field's Arrow type alone would be shown as another one (CHAR, precisions that are not those of a
// unit), `fluss.comment` a column's comment, `fluss.extra` members that this door does not know.
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>

#include "firth/common/status.h"
#include "firth/doors/fluss/json.h"

namespace firth::doors::fluss {

inline constexpr char kTypeKey[] = "fluss.type";
inline constexpr char kCommentKey[] = "fluss.comment";
inline constexpr char kExtraKey[] = "fluss.extra";

/// The value of `key` in a field's metadata, or "".
std::string MetadataOf(const arrow::Field& field, const std::string& key);
/// `field` with `key` set, or as it is when `value` is empty.
std::shared_ptr<arrow::Field> WithMetadata(const std::shared_ptr<arrow::Field>& field,
                                           const std::string& key, const std::string& value);

/// A field of the type that `type` describes. Takes hostile JSON; errors say what is wrong with it.
Result<std::shared_ptr<arrow::Field>> FieldFromJson(const std::string& name, const Json& type);

/// The type object of a field of any table; of what the protocol cannot say, that of ServedType.
JsonOut TypeToJson(const arrow::Field& field);

/// The nearest type that the protocol has, else text. The same type (by pointer's value) where the
/// protocol has it: then stored batches can be sent as they are.
std::shared_ptr<arrow::DataType> ServedType(const std::shared_ptr<arrow::DataType>& type);

}  // namespace firth::doors::fluss
