#include "firth/catalog/database_file.h"

#include <sqlite3.h>

#include <utility>

namespace firth::catalog {
namespace {

// Exclusive mode comes first: it keeps the log's index in our memory, for want of shared memory.
// The log begins anew after 256 frames (1 MiB), which bounds recovery and the hashes that WalFile
// keeps.
constexpr char kSettings[] =
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA page_size = 4096;"
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA wal_autocheckpoint = 256;"
    "PRAGMA journal_size_limit = 2097152;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -2048;";

Status CheckSetting(Connection* sql, const char* pragma, const std::string& expected) {
  ARROW_ASSIGN_OR_RAISE(Statement query, sql->Query(pragma));
  ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
  const std::string found = row ? query.Text(0) : "";
  if (found == expected) return Status::OK();
  return Error(Code::kInternal, Reason::kNone,
               std::string(pragma) + " gives '" + found + "', not '" + expected + "'");
}

}  // namespace

Result<DatabaseFile> OpenDatabase(store::FileSystem* files, const std::string& path,
                                  std::function<void(const Status&)> on_fatal) {
  DatabaseFile database;
  ARROW_ASSIGN_OR_RAISE(database.layer, FileLayer::Make(files, path, std::move(on_fatal)));
  FileLayer* const layer = database.layer.get();
  ARROW_ASSIGN_OR_RAISE(
      database.sql, Connection::Open(path, layer->name(), [layer] { return layer->TakeCause(); }));
  // Room for PageFile's checksum; a file that exists says so itself.
  int reserved = static_cast<int>(kPageChecksumBytes);
  sqlite3_file_control(database.sql->handle(), "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
  ARROW_RETURN_NOT_OK(database.sql->RunScript(kSettings));
  ARROW_RETURN_NOT_OK(CheckSetting(database.sql.get(), "PRAGMA journal_mode", "wal"));
  ARROW_RETURN_NOT_OK(
      CheckSetting(database.sql.get(), "PRAGMA page_size", std::to_string(kPageBytes)));
  return database;
}

}  // namespace firth::catalog
