#include "firth/doors/aws/json.h"

#include "firth/common/json_depth.h"
#include "firth/common/text.h"

namespace firth::doors::aws {
namespace {

Status Wrong(std::string why) {
  return Error(Code::kInvalidArgument, Reason::kBadValue, std::move(why));
}

}  // namespace

Result<json> ParseJson(std::string_view text) {
  if (!IsUtf8(text)) return Wrong("the text is not UTF-8");
  if (JsonDepth(text) > kJsonDepthMax) return Wrong("the JSON is nested more than 64 levels deep");
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    return Wrong(std::string(error.what()).substr(0, 256));
  }
}

std::string JsonText(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> TextMember(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::string();
  if (!found->is_string()) return Wrong("\"" + std::string(name) + "\" is to be a text");
  return found->get<std::string>();
}

}  // namespace firth::doors::aws
