#include "firth/doors/flight/fields.h"

#include <algorithm>
#include <utility>

#include "firth/common/json_depth.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

const json kNull;
const json kNothing = json::object();

Status Invalid(const std::string& text) {
  return Error(Code::kInvalidArgument, Reason::kNone, text);
}

}  // namespace

Result<json> ParseJson(std::string_view text, const std::string& where) {
  if (text.empty()) return json::object();
  if (JsonDepth(text) > kJsonDepthMax) {
    return Invalid(where + " is nested more than 64 levels deep");
  }
  json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return Invalid(where + " is not JSON");
  return parsed;
}

Fields::Fields(const json& object, std::string where)
    : object_(object.is_object() ? object : kNothing), where_(std::move(where)) {
  if (!object.is_object()) Fail(Invalid(where_ + " is to be a JSON object"));
}

const json& Fields::Any(const std::string& name) {
  asked_.push_back(name);
  const auto found = object_.find(name);
  return found == object_.end() ? kNull : *found;
}

bool Fields::Has(const std::string& name) {
  return !Any(name).is_null();
}

void Fields::Need(const std::string& name) {
  if (!Has(name)) Fail(Invalid(where_ + " needs `" + name + "`"));
}

std::string Fields::Text(const std::string& name, std::string otherwise) {
  const json& value = Any(name);
  if (value.is_null()) return otherwise;
  if (value.is_string()) return value.get<std::string>();
  Wrong(name, "text");
  return otherwise;
}

std::string Fields::NeedText(const std::string& name) {
  Need(name);
  return Text(name);
}

int64_t Fields::Number(const std::string& name, int64_t otherwise) {
  const json& value = Any(name);
  if (value.is_null()) return otherwise;
  if (value.is_number_integer() &&
      !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX)) {
    return value.get<int64_t>();
  }
  Wrong(name, "a whole number");
  return otherwise;
}

bool Fields::Flag(const std::string& name, bool otherwise) {
  const json& value = Any(name);
  if (value.is_null()) return otherwise;
  if (value.is_boolean()) return value.get<bool>();
  Wrong(name, "true or false");
  return otherwise;
}

std::vector<std::string> Fields::Texts(const std::string& name) {
  const json& value = Any(name);
  if (value.is_null()) return {};
  if (value.is_string()) return {value.get<std::string>()};
  if (value.is_array() &&
      std::all_of(value.begin(), value.end(), [](const json& item) { return item.is_string(); })) {
    return value.get<std::vector<std::string>>();
  }
  Wrong(name, "a list of texts");
  return {};
}

std::map<std::string, std::string> Fields::TextMap(const std::string& name) {
  const json& value = Any(name);
  if (value.is_null()) return {};
  if (value.is_object() &&
      std::all_of(value.begin(), value.end(), [](const json& item) { return item.is_string(); })) {
    return value.get<std::map<std::string, std::string>>();
  }
  Wrong(name, "an object of texts");
  return {};
}

firth::Path Fields::Path(const std::string& name) {
  const json& value = Any(name);
  firth::Path path;
  if (value.is_array()) {
    path.segments = Texts(name);
    if (std::any_of(path.segments.begin(), path.segments.end(),
                    [](const std::string& segment) { return segment.empty(); })) {
      Wrong(name, "a path without empty segments");
    }
    return path;
  }
  const std::string text = Text(name);
  if (text.empty()) return path;
  auto parsed = firth::Path::Parse(text);
  if (parsed.ok()) return *std::move(parsed);
  Fail(parsed.status());
  return path;
}

firth::Path Fields::NeedPath(const std::string& name) {
  Need(name);
  firth::Path path = Path(name);
  if (path.empty()) Fail(Invalid(where_ + " needs a `" + name + "` with at least one segment"));
  return path;
}

int Fields::Choice(const std::string& name, const std::vector<std::string>& words, int otherwise) {
  const json& value = Any(name);
  if (value.is_null()) return otherwise;
  std::string known;
  for (size_t i = 0; i < words.size(); ++i) {
    if (value.is_string() && value.get_ref<const std::string&>() == words[i]) {
      return static_cast<int>(i);
    }
    known += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  }
  Wrong(name, known);
  return otherwise;
}

void Fields::Wrong(const std::string& name, const std::string& wanted) {
  Fail(Invalid("`" + name + "` of " + where_ + " is to be " + wanted));
}

void Fields::Fail(const Status& status) {
  if (first_.ok()) first_ = status;
}

Status Fields::Check() const {
  ARROW_RETURN_NOT_OK(first_);
  for (const auto& [name, value] : object_.items()) {
    if (std::find(asked_.begin(), asked_.end(), name) != asked_.end()) continue;
    std::string known;
    for (const std::string& one : asked_) {
      if (known.find("`" + one + "`") == std::string::npos) known += " `" + one + "`";
    }
    return Invalid(where_ + " has no `" + name.substr(0, 64) + "`; it has" + known);
  }
  return Status::OK();
}

}  // namespace firth::doors::flight
