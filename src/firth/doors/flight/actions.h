// Actions: everything that is not rows, by name, with a JSON object in and a JSON value out.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"

namespace firth::doors::flight {

class Fields;

/// One action. The handler reads its fields, calls fields->Check(), and only then acts.
struct Action {
  const char* name;
  const char* description;  // one line; names the fields, those that may be absent in brackets
  std::function<Result<nlohmann::json>(const Request& request, Fields* fields)> run;
};

/// All actions, by group.
const std::vector<Action>& Actions();

/// Run the action `name` with a JSON body (empty text: an empty object); the JSON answer. Blocks.
/// Errors: kInvalidArgument for a name that no action has (it lists those that there are) and for a
/// body with wrong fields, and those of the engine.
Result<std::string> RunAction(const Request& request, std::string_view name, std::string_view body);

/// The groups, each in a file of its own.
std::vector<Action> TableActions();
std::vector<Action> NamespaceActions();
std::vector<Action> PartitionActions();
std::vector<Action> PrincipalActions();
std::vector<Action> GrantActions();
std::vector<Action> LakeActions();
std::vector<Action> QueryActions();
std::vector<Action> ServerActions();

}  // namespace firth::doors::flight
