#include "firth/doors/deltacat/call.h"

#include <algorithm>

#include "firth/common/checksum.h"
#include "firth/common/text.h"
#include "firth/doors/deltacat/errors.h"

namespace firth::doors::deltacat {
namespace {

Status Wrong(const std::string& name, const char* what) {
  return Refuse("invalid_request", "'" + name + "' must be " + what);
}

const json* Member(const json& body, const std::string& name) {
  if (!body.is_object()) return nullptr;
  const auto found = body.find(name);
  return found == body.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

std::string EnumText(std::string_view text) {
  std::string plain(text.substr(text.find_last_of('.') + 1));
  std::transform(plain.begin(), plain.end(), plain.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return plain;
}

std::string Call::Fingerprint() const {
  std::string all = target;
  for (const auto& [name, value] : query) {
    if (name != "operation_id" && name != "transaction_version") all += "\n" + name + "=" + value;
  }
  json rest = body;
  for (const char* changing : {"operation_id", "transaction_version"}) rest.erase(changing);
  all += "\n" + rest.dump(-1, ' ', false, json::error_handler_t::replace);
  return std::to_string(Hash64(AsBytes(all)));
}

std::optional<std::string> Call::Query(const std::string& name) const {
  const auto found = query.find(name);
  if (found == query.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

Result<std::optional<int64_t>> Call::QueryInt(const std::string& name) const {
  const auto text = Query(name);
  if (!text.has_value()) return std::nullopt;
  const auto number = ParseInt64(*text);
  if (!number.ok()) return Wrong(name, "a whole number");
  return *number;
}

Result<bool> Call::QueryBool(const std::string& name, bool otherwise) const {
  const auto text = Query(name);
  if (!text.has_value()) return otherwise;
  const std::string plain = EnumText(*text);
  if (plain == "true" || plain == "1") return true;
  if (plain == "false" || plain == "0") return false;
  return Wrong(name, "true or false");
}

Result<std::optional<std::string>> Call::Text(const std::string& name) const {
  const json* member = Member(body, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_string()) return Wrong(name, "text");
  return member->get<std::string>();
}

Result<std::string> Call::NeedText(const std::string& name) const {
  ARROW_ASSIGN_OR_RAISE(auto text, Text(name));
  if (!text.has_value()) return Refuse("invalid_request", "'" + name + "' is missing");
  return *std::move(text);
}

Result<std::optional<int64_t>> Call::Int(const std::string& name) const {
  const json* member = Member(body, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_number_integer()) return Wrong(name, "a whole number");
  return member->get<int64_t>();
}

Result<bool> Call::Bool(const std::string& name, bool otherwise) const {
  const json* member = Member(body, name);
  if (member == nullptr) return otherwise;
  if (!member->is_boolean()) return Wrong(name, "true or false");
  return member->get<bool>();
}

Result<std::optional<std::map<std::string, json>>> Call::Object(const std::string& name) const {
  const json* member = Member(body, name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_object()) return Wrong(name, "an object");
  return member->get<std::map<std::string, json>>();
}

}  // namespace firth::doors::deltacat
