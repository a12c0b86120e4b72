// Is a document one that this type system can answer, and what are its variables' values?
#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <string>

#include "firth/doors/beneath/graphql_types.h"

namespace firth::doors::beneath::graphql {

using Json = nlohmann::json;

/// Check fields, arguments, fragments and the types of variables, by name and nullability. Error
/// kInvalidArgument. A checked document can be executed without asking again.
Status Validate(const TypeSystem& types, const Document& document);

/// The values of an operation's variables, coerced; absent ones and nulls are not in it. Error
/// kInvalidArgument.
Result<std::map<std::string, Json>> CoerceVariables(const TypeSystem& types,
                                                    const Operation& operation, const Json& given);
/// A field's or directive's arguments with variables put in; null and absent ones are not in it.
Result<Json> CoerceArguments(const TypeSystem& types,
                             const std::vector<InputDefinition>& definitions,
                             const std::vector<NamedValue>& arguments,
                             const std::map<std::string, Json>& variables);

}  // namespace firth::doors::beneath::graphql
