// Names of databases, tables and partitions, and the paths that they stand for.
//
// Table `t` of database `d` is the path d/t. A path of more segments shows its leading ones joined
// as the database, one of a single segment is in the database `_`; bytes that names may not hold
// are escaped (common/path.h). Every name stands for one path and every path has one name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/path.h"
#include "firth/common/status.h"

namespace firth::doors::fluss {

struct TableNames {
  std::string database;
  std::string table;

  /// As people write it: database.table.
  std::string ToString() const { return database + "." + table; }
};

/// Is `name` one that the protocol lets a client create: 1 to 200 letters, digits, `_` and `-`, not
/// beginning with `__`? The text says what is wrong; empty when nothing is.
std::string NameFault(std::string_view name);

/// The path of a database: the root for `_`. A name that no path is shown by is an error.
Result<Path> PathOfDatabase(std::string_view database);
Result<Path> PathOfTable(const TableNames& names);

std::string DatabaseOf(const Path& path);
TableNames NamesOf(const Path& path);

/// How a partition's values are shown: escaped like names, joined by `$`.
std::string PartitionValueName(std::string_view value);
std::string PartitionName(const std::vector<std::string>& values);

/// The two errors that name what was asked for, as the clients know them.
Status TableNotFound(const TableNames& names);
Status DatabaseNotFound(std::string_view database);

}  // namespace firth::doors::fluss
