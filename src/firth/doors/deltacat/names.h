// Names of namespaces and tables, and the paths that they stand for.
#pragma once

#include <string>

#include "firth/common/path.h"
#include "firth/common/status.h"

namespace firth::doors::deltacat {

/// The namespace that is always there.
inline constexpr char kDefaultNamespace[] = "default";
/// The one catalog.
inline constexpr char kCatalog[] = "default";

/// Refuses invalid_request: empty names, and those with `/`, `?`, `#`, `%` or control bytes, which
/// cannot be part of a URL's path as the client writes it.
Result<Path> NamespacePath(const std::string& name);
Result<Path> TablePath(const std::string& space, const std::string& table);

std::string NamespaceName(const Path& path);
/// Namespace and table of a table's path.
std::pair<std::string, std::string> TableNames(const Path& path);

}  // namespace firth::doors::deltacat
