// Actions on namespaces.
#include <string>
#include <vector>

#include "firth/common/text.h"
#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/fields.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

json Description(const table::NamespaceInfo& info) {
  return {{"path", info.path.ToString()},
          {"attributes", info.attributes},
          {"created", FormatTimeNs(info.created_ns)}};
}

Result<json> RunNamespaces(const Request& request, Fields* fields) {
  const Path parent = fields->Path("parent");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto children,
                        request.database->ListNamespaces(request.caller, parent));
  json list = json::array();
  for (const auto& child : children) list.push_back(Description(child));
  return list;
}

Result<json> RunCreate(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  const auto attributes = fields->TextMap("attributes");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(request.database->CreateNamespace(request.caller, path, attributes));
  return json{{"path", path.ToString()}};
}

Result<json> RunAlter(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  const auto attributes = fields->TextMap("attributes");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(request.database->AlterNamespace(request.caller, path, attributes));
  return json{{"path", path.ToString()}};
}

Result<json> RunDrop(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  const bool cascade = fields->Flag("cascade", false);
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(request.database->DropNamespace(request.caller, path, cascade));
  return json{{"dropped", true}};
}

}  // namespace

std::vector<Action> NamespaceActions() {
  return {
      {"namespaces", "list the namespaces in one: [parent]", RunNamespaces},
      {"namespace.create", "make a namespace: path, [attributes]", RunCreate},
      {"namespace.alter", "replace a namespace's attributes: path, attributes", RunAlter},
      {"namespace.drop", "remove a namespace: path, [cascade]", RunDrop},
  };
}

}  // namespace firth::doors::flight
