// Table properties: which there are, which values they take, and what they mean for an edition.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"

namespace firth::doors::fluss {

using Properties = std::map<std::string, std::string>;

/// What a check needs to know of a table besides its properties.
struct TableShape {
  bool keyed = false;
  std::vector<std::string> partition_keys;
  /// Type names of the columns by name, as in their type objects.
  std::map<std::string, std::string> column_types;
};

/// Refuse a property that is not known, a value that cannot be read, and combinations that make no
/// table, with the protocol's codes.
Status CheckProperties(const Properties& properties, const TableShape& shape);

/// Can this server take rows of a table with these properties? A table may be declared in formats
/// that it does not know, as other clients than ours write them; then only rows are refused.
Status CheckRowFormats(const Properties& properties, bool keyed);

/// The value of a property; its default where it is not set.
std::string PropertyOf(const Properties& properties, std::string_view name);

/// Are clients told how far the table's files reach?
bool ShowsLake(const Properties& properties);

/// Set what the properties mean in `*spec`: compression, lifetime, merge rule, log image, deletes.
Status ApplyProperties(const Properties& properties, catalog::EditionSpec* spec);

/// The same of the property `name`, one that may change while a table lives, and of nothing else:
/// the table may be another door's, of which the properties do not say all.
Status ApplyChange(const std::string& name, const Properties& properties,
                   catalog::EditionSpec* spec);

/// Properties that say what `spec` holds, for tables that another door made.
Properties DescribeSpec(const catalog::EditionSpec& spec);

/// A duration such as `7 d`, `12h`, `30 min`, `500ms`; a bare number is milliseconds. In ns.
Result<int64_t> ParseDuration(std::string_view text);

}  // namespace firth::doors::fluss
