// The catalog's SQL schema and its versions; docs/formats/catalog.md is its manual.
#pragma once

#include "firth/catalog/sql.h"
#include "firth/common/status.h"

namespace firth::catalog {

/// The version that this program writes; `user_version` of the file, and `format_version` in
/// `meta`.
inline constexpr int kFormatVersion = 2;

/// Bring the database to kFormatVersion, from nothing or from an older version, each step in one
/// transaction. Error kFormatTooNew for a newer one.
Status Migrate(Connection* connection);

}  // namespace firth::catalog
