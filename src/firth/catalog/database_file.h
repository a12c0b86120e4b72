// The catalog's database: a connection over a FileSystem, set up as the catalog needs it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "firth/catalog/file_layer.h"
#include "firth/catalog/sql.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::catalog {

struct DatabaseFile {
  std::unique_ptr<FileLayer> layer;  // outlives the connection
  std::unique_ptr<Connection> sql;
};

/// Open or make the database `path`: pages of 4 KiB with checksums, a write-ahead log that is
/// synced at each commit, a cache of 2 MiB. What a crash left in the log is recovered.
Result<DatabaseFile> OpenDatabase(store::FileSystem* files, const std::string& path,
                                  std::function<void(const Status&)> on_fatal = {});

}  // namespace firth::catalog
