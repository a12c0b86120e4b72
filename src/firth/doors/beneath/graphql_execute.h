// Answering a checked document: resolvers give objects, and of these what was selected is put into
// the reply.
#pragma once

#include <nlohmann/json.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "firth/doors/beneath/graphql_validate.h"

namespace firth::doors::beneath::graphql {

/// A reply's fields are in the order of the selection.
using Reply = nlohmann::ordered_json;

/// The HTTP status and body of a reply.
struct Answer {
  int status = 200;
  std::string body;
};

/// An object is JSON with its type's name under "__typename" and its scalar fields by name; what is
/// not in it is null. Fields that lead to other objects are asked of a LinkFunction, by
/// "Type.field"; it gives nullopt for fields that stand in the object itself.
using RootFunction = std::function<Result<Json>(const std::string& field, const Json& arguments)>;
using LinkFunction = std::function<std::optional<Result<Json>>(const std::string& type_and_field,
                                                               const Json& object)>;

/// Run one request, the JSON text of a query and its variables: parse, check, execute. Errors of
/// the resolvers go into the reply; errors of the document give status 422.
Answer Run(const TypeSystem& types, std::string_view body, const RootFunction& resolve_root,
           const LinkFunction& resolve_link);

}  // namespace firth::doors::beneath::graphql
