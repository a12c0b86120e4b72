// SQLite, as this room uses it: one connection, its prepared statements, and its errors as Status.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "firth/common/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace firth::catalog {

class Connection;

/// Bytes to be bound as a BLOB.
struct Blob {
  std::string_view bytes;
};

/// A prepared statement in use: its rows one after another. Goes back to the connection's cache
/// when it is destroyed. Texts and blobs are copied out.
class Statement {
 public:
  Statement(Connection* connection, sqlite3_stmt* handle)
      : connection_(connection), handle_(handle) {}
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// Go to the next row; false at the end.
  Result<bool> Step();
  int64_t Int(int column) const;
  std::optional<int64_t> MaybeInt(int column) const;
  std::string Text(int column) const;  // a TEXT or a BLOB

 private:
  friend class Connection;
  void Bind(int64_t value);
  void Bind(std::optional<int64_t> value);
  void Bind(std::string_view text);
  void Bind(const Blob& blob);
  void Bind(const std::string& text) { Bind(std::string_view(text)); }
  void Bind(const char* text) { Bind(std::string_view(text)); }
  void Bind(int32_t value) { Bind(static_cast<int64_t>(value)); }
  void Bind(uint32_t value) { Bind(static_cast<int64_t>(value)); }

  Connection* connection_;
  sqlite3_stmt* handle_;
  int bound_ = 0;
  int bind_error_ = 0;
};

/// One connection to one database file. Not thread-safe: its owner has a mutex.
class Connection {
 public:
  /// What happened below SQLite, if that says more than SQLite's own code: asked after an error.
  using Cause = std::function<Status()>;

  /// Open or make the database `path` through the SQLite file layer `layer` (null: SQLite's own).
  static Result<std::unique_ptr<Connection>> Open(const std::string& path, const char* layer,
                                                  Cause cause);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Prepare `sql` (a literal: its address is its name in the cache) and bind the arguments in
  /// order.
  template <typename... Args>
  Result<Statement> Query(const char* sql, const Args&... args) {
    ARROW_ASSIGN_OR_RAISE(Statement statement, Prepare(sql));
    (statement.Bind(args), ...);
    return statement;
  }
  /// The same, run to its end.
  template <typename... Args>
  Status Run(const char* sql, const Args&... args) {
    ARROW_ASSIGN_OR_RAISE(Statement statement, Query(sql, args...));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const bool row, statement.Step());
      if (!row) return Status::OK();
    }
  }
  /// Run several statements that have no arguments, without keeping them.
  Status RunScript(const char* sql);
  /// Run `body` in a transaction of its own, durable on return; none of it is kept if it fails.
  Status Transact(const std::function<Status()>& body);
  /// Is a transaction open? SQLite ends it by itself on some errors.
  bool InTransaction() const;
  /// The first error since the last call of this, or OK: one that a caller swallowed is found so.
  Status TakeFailure();
  /// Rows that statements stepped over because no index served them; tests want none.
  int64_t RowsScannedWithoutIndex() const;
  sqlite3* handle() { return handle_; }

 private:
  friend class Statement;
  Connection(sqlite3* handle, std::string path, Cause cause)
      : handle_(handle), path_(std::move(path)), cause_(std::move(cause)) {}
  Result<Statement> Prepare(const char* sql);
  /// What SQLite's result code `code` means to our callers.
  Status ErrorOf(int code);

  sqlite3* handle_;
  const std::string path_;
  const Cause cause_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  Status failure_;
};

}  // namespace firth::catalog
