#include "firth/doors/deltacat/properties.h"

#include "firth/doors/deltacat/call.h"

namespace firth::doors::deltacat {

json PropertiesOf(const catalog::Attributes& attributes, const std::string& prefix) {
  json all = json::object();
  for (const auto& [name, text] : attributes) {
    if (!name.starts_with(prefix)) continue;
    json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
    all[name.substr(prefix.size())] = value.is_discarded() ? json(text) : std::move(value);
  }
  return all;
}

void SetProperties(const std::map<std::string, json>& given, const std::string& prefix,
                   catalog::Attributes* attributes) {
  for (const auto& [name, value] : given) {
    if (value.is_null()) {
      attributes->erase(prefix + name);
    } else {
      (*attributes)[prefix + name] = value.dump(-1, ' ', false, json::error_handler_t::replace);
    }
  }
}

std::string PropertyText(const catalog::Attributes& attributes, const std::string& name,
                         const std::string& otherwise) {
  const json properties = PropertiesOf(attributes, kPropertyPrefix);
  const auto found = properties.find(name);
  return found == properties.end() || !found->is_string()
             ? otherwise
             : EnumText(found->get_ref<const std::string&>());
}

}  // namespace firth::doors::deltacat
