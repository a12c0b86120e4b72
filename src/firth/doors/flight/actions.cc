#include "firth/doors/flight/actions.h"

#include <utility>

#include "firth/doors/flight/fields.h"
#include "firth/doors/flight/series_actions.h"

namespace firth::doors::flight {
namespace {

std::vector<Action> AllActions() {
  std::vector<Action> all;
  for (auto group : {TableActions, NamespaceActions, PartitionActions, PrincipalActions,
                     GrantActions, LakeActions, QueryActions, SeriesActions, ServerActions}) {
    for (Action& action : group()) all.push_back(std::move(action));
  }
  return all;
}

Status UnknownAction(std::string_view name) {
  std::string known;
  for (const Action& action : Actions())
    known += (known.empty() ? "" : ", ") + std::string(action.name);
  return Error(Code::kInvalidArgument, Reason::kNone,
               "there is no action `" + std::string(name.substr(0, 64)) + "`; there are " + known);
}

}  // namespace

const std::vector<Action>& Actions() {
  static const std::vector<Action> actions = AllActions();
  return actions;
}

Result<std::string> RunAction(const Request& request, std::string_view name,
                              std::string_view body) {
  for (const Action& action : Actions()) {
    if (name != action.name) continue;
    const std::string where = "the action `" + std::string(name) + "`";
    ARROW_ASSIGN_OR_RAISE(const nlohmann::json json, ParseJson(body, "the body of " + where));
    Fields fields(json, where);
    ARROW_ASSIGN_OR_RAISE(const nlohmann::json answer, action.run(request, &fields));
    // Names that came from files of the operator's may not be UTF-8; they must not end the server.
    return answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return UnknownAction(name);
}

}  // namespace firth::doors::flight
