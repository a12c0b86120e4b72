#include "firth/doors/deltacat/versions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "firth/common/text.h"
#include "firth/doors/deltacat/errors.h"

namespace firth::doors::deltacat {
namespace {

using nlohmann::json;

constexpr char kVersions[] = "deltacat.versions";

}  // namespace

Versions VersionsOf(const table::OverlaidTable& table) {
  Versions versions;
  const auto found = table.attributes.find(kVersions);
  if (found != table.attributes.end()) {
    const json all = json::parse(found->second, nullptr, /*allow_exceptions=*/false);
    if (all.is_array()) {
      for (const json& one : all) {
        if (!one.is_object()) continue;
        versions[one.value("version", int64_t{0})] = one.value("editions", std::vector<int32_t>());
      }
    }
  }
  const int32_t current = table.edition.has_value() ? table.edition->number : -1;
  for (const auto& [version, editions] : versions) {
    if (std::find(editions.begin(), editions.end(), current) != editions.end()) return versions;
  }
  if (versions.empty()) {
    versions[std::max(current, 0) + 1] = {std::max(current, 0)};
  } else if (current >= 0) {
    versions[versions.rbegin()->first + 1] = {current};  // another door made it
  }
  return versions;
}

std::string CurrentVersion(const table::OverlaidTable& table) {
  const Versions versions = VersionsOf(table);
  const int32_t current = table.edition.has_value() ? std::max(table.edition->number, 0) : 0;
  for (const auto& [version, editions] : versions) {
    if (std::find(editions.begin(), editions.end(), current) != editions.end()) {
      return std::to_string(version);
    }
  }
  return std::to_string(versions.rbegin()->first);
}

Status CheckVersion(const table::OverlaidTable& table, const std::optional<std::string>& version) {
  if (!version.has_value() || *version == CurrentVersion(table)) return Status::OK();
  return Refuse("table_version_not_found", "the table has no version '" + version->substr(0, 64) +
                                               "'; its current one is '" + CurrentVersion(table) +
                                               "'");
}

bool HasVersion(const table::OverlaidTable& table, const std::string& version) {
  for (const auto& [known, editions] : VersionsOf(table)) {
    if (std::to_string(known) == version) return true;
  }
  return false;
}

namespace {

/// A number that no edition of the table has had.
Result<int32_t> NextNumber(catalog::Catalog* catalog, const table::OverlaidTable& table) {
  int32_t greatest = table.edition.has_value() ? std::max(table.edition->number, 0) : 0;
  for (const auto& [version, editions] : VersionsOf(table)) {
    for (const int32_t number : editions) greatest = std::max(greatest, number);
  }
  if (table.base != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto editions, catalog->ListEditions(table.base->id));
    for (const auto& edition : editions) greatest = std::max(greatest, edition.number);
  }
  return greatest + 1;
}

void SetVersions(const Versions& versions, const table::OverlaidTable& table, table::Step* step) {
  json all = json::array();
  for (const auto& [version, editions] : versions) {
    all.push_back({{"version", version}, {"editions", editions}});
  }
  step->attributes = step->attributes.value_or(table.attributes);
  (*step->attributes)[kVersions] = all.dump();
}

}  // namespace

Status AddReplacedEdition(catalog::Catalog* catalog, const table::OverlaidTable& table,
                          table::Step* step) {
  ARROW_ASSIGN_OR_RAISE(step->number, NextNumber(catalog, table));
  Versions versions = VersionsOf(table);
  const std::string current = CurrentVersion(table);
  for (auto& [version, editions] : versions) {
    if (std::to_string(version) == current) editions.push_back(step->number);
  }
  SetVersions(versions, table, step);
  return Status::OK();
}

Status AddNewVersion(catalog::Catalog* catalog, const table::OverlaidTable& table,
                     const std::string& version, table::Step* step) {
  Versions versions = VersionsOf(table);
  const auto number = ParseInt64(version);
  if (!number.ok() || std::to_string(*number) != version || *number <= versions.rbegin()->first) {
    return Refuse("invalid_request", "a new table version is a number above " +
                                         std::to_string(versions.rbegin()->first));
  }
  ARROW_ASSIGN_OR_RAISE(step->number, NextNumber(catalog, table));
  versions[*number] = {step->number};
  SetVersions(versions, table, step);
  return Status::OK();
}

}  // namespace firth::doors::deltacat
