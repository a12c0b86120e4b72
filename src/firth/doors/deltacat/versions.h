// Table versions: which editions of a table each stands for. A version whose content was replaced
// has several, the last of which is its present one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/table/steps.h"

namespace firth::doors::deltacat {

/// Versions in ascending order, each with the numbers of its editions, the oldest first.
using Versions = std::map<int64_t, std::vector<int32_t>>;

/// The versions that a table's attributes tell; a table that nobody gave versions has one, or one
/// for each edition that another door made.
Versions VersionsOf(const table::OverlaidTable& table);
/// The version that is the current edition's: "1" for a table without one.
std::string CurrentVersion(const table::OverlaidTable& table);
/// Is `version` that version, or not given? Else error table_version_not_found.
Status CheckVersion(const table::OverlaidTable& table, const std::optional<std::string>& version);

/// Has the table this version?
bool HasVersion(const table::OverlaidTable& table, const std::string& version);
/// Complete a step that makes a new version the current one. Error invalid_request for a version
/// that is no number, or not above all others.
Status AddNewVersion(catalog::Catalog* catalog, const table::OverlaidTable& table,
                     const std::string& version, table::Step* step);
/// Complete a step that replaces the current edition by a new one of the same version.
Status AddReplacedEdition(catalog::Catalog* catalog, const table::OverlaidTable& table,
                          table::Step* step);

}  // namespace firth::doors::deltacat
