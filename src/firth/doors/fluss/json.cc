#include "firth/doors/fluss/json.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "firth/common/json_depth.h"
#include "firth/doors/fluss/errors.h"

namespace firth::doors::fluss {
namespace {

Status Fault(const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kNone, what);
}

/// The member, or null where it is absent or null.
const Json* Find(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

Result<Json> ParseJson(std::string_view text) {
  if (text.size() > kJsonBytesMax) return Fault("the JSON text has more than 4 MiB");
  if (JsonDepth(text) > kJsonDepthMax) return Fault("the JSON text nests more than 64 deep");
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Fault("the text is not JSON");
  return json;
}

std::string ToText(const JsonOut& json) {
  return json.dump(-1, ' ', false, JsonOut::error_handler_t::replace);
}

Result<std::optional<std::string>> OptionalText(const Json& object, const char* name) {
  const Json* member = Find(object, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) return Fault(std::string("'") + name + "' must be a string");
  return member->get<std::string>();
}

Result<std::optional<int64_t>> OptionalInt(const Json& object, const char* name) {
  const Json* member = Find(object, name);
  if (member == nullptr) return std::nullopt;
  const bool fits =
      member->is_number_integer() && (!member->is_number_unsigned() ||
                                      member->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (!fits) return Fault(std::string("'") + name + "' must be a whole number");
  return member->get<int64_t>();
}

Result<std::optional<bool>> OptionalBool(const Json& object, const char* name) {
  const Json* member = Find(object, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_boolean()) return Fault(std::string("'") + name + "' must be true or false");
  return member->get<bool>();
}

Result<std::vector<std::string>> TextList(const Json& object, const char* name) {
  std::vector<std::string> list;
  const Json* member = Find(object, name);
  if (member == nullptr) return list;
  const Status fault = Fault(std::string("'") + name + "' must be a list of strings");
  if (!member->is_array()) return fault;
  for (const Json& item : *member) {
    if (!item.is_string()) return fault;
    list.push_back(item.get<std::string>());
  }
  return list;
}

Result<std::map<std::string, std::string>> TextMap(const Json& object, const char* name) {
  std::map<std::string, std::string> map;
  const Json* member = Find(object, name);
  if (member == nullptr) return map;
  const Status fault = Fault(std::string("'") + name + "' must be an object of strings");
  if (!member->is_object()) return fault;
  for (const auto& [key, value] : member->items()) {
    if (!value.is_string()) return fault;
    map[key] = value.get<std::string>();
  }
  return map;
}

}  // namespace firth::doors::fluss
