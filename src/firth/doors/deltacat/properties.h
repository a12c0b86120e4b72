// Properties of namespaces and tables, as the attributes that they are kept as.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "firth/catalog/catalog.h"

namespace firth::doors::deltacat {

/// Properties of a namespace or table; those of a table's version; the rest.
inline constexpr char kPropertyPrefix[] = "deltacat.property.";
inline constexpr char kVersionPropertyPrefix[] = "deltacat.version_property.";
inline constexpr char kDescription[] = "deltacat.description";
inline constexpr char kContentType[] = "deltacat.content_type";

/// Properties with this prefix, as the values that were given.
nlohmann::json PropertiesOf(const catalog::Attributes& attributes, const std::string& prefix);
/// Set properties one by one; null removes one.
void SetProperties(const std::map<std::string, nlohmann::json>& given, const std::string& prefix,
                   catalog::Attributes* attributes);
/// A table's property as text in lower case, or `otherwise`.
std::string PropertyText(const catalog::Attributes& attributes, const std::string& name,
                         const std::string& otherwise);

}  // namespace firth::doors::deltacat
