#include "firth/catalog/sql.h"

#include <sqlite3.h>

#include <utility>

namespace firth::catalog {

// --- Statement

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      handle_(std::exchange(other.handle_, nullptr)),
      bound_(other.bound_),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  if (handle_ == nullptr) return;
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

void Statement::Bind(int64_t value) {
  bind_error_ |= sqlite3_bind_int64(handle_, ++bound_, value);
}

void Statement::Bind(std::optional<int64_t> value) {
  if (value) return Bind(*value);
  bind_error_ |= sqlite3_bind_null(handle_, ++bound_);
}

// Texts and blobs are copied: a statement may outlive the temporary that it was bound to.
void Statement::Bind(std::string_view text) {
  bind_error_ |= sqlite3_bind_text64(handle_, ++bound_, text.data() == nullptr ? "" : text.data(),
                                     text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void Statement::Bind(const Blob& blob) {
  bind_error_ |= sqlite3_bind_blob64(handle_, ++bound_, blob.bytes.empty() ? "" : blob.bytes.data(),
                                     blob.bytes.size(), SQLITE_TRANSIENT);
}

Result<bool> Statement::Step() {
  if (bind_error_ != SQLITE_OK) return connection_->ErrorOf(bind_error_);
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_->ErrorOf(code);
}

int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(handle_, column);
}

std::optional<int64_t> Statement::MaybeInt(int column) const {
  if (sqlite3_column_type(handle_, column) == SQLITE_NULL) return std::nullopt;
  return Int(column);
}

std::string Statement::Text(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  const auto bytes = static_cast<size_t>(sqlite3_column_bytes(handle_, column));
  return data == nullptr ? std::string() : std::string(data, bytes);
}

// --- Connection

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& path, const char* layer,
                                                     Cause cause) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      layer);
  if (handle == nullptr) return Status::OutOfMemory("no memory to open ", path);
  std::unique_ptr<Connection> connection(new Connection(handle, path, std::move(cause)));
  if (code != SQLITE_OK) return connection->ErrorOf(code);
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<Statement> Connection::Prepare(const char* sql) {
  sqlite3_stmt*& handle = statements_[sql];
  if (handle == nullptr) {
    const int code =
        sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
    if (code != SQLITE_OK) {
      const Status error = ErrorOf(code);
      statements_.erase(sql);
      return error;
    }
  }
  FIRTH_CHECK(sqlite3_stmt_busy(handle) == 0);  // a statement is used by one at a time
  return Statement(this, handle);
}

Status Connection::RunScript(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status::OK() : ErrorOf(code);
}

Status Connection::Transact(const std::function<Status()>& body) {
  ARROW_RETURN_NOT_OK(Run("BEGIN IMMEDIATE"));
  Status status = body();
  if (status.ok()) status = Run("COMMIT");
  if (!status.ok() && InTransaction()) (void)Run("ROLLBACK");
  return status;
}

bool Connection::InTransaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}

int64_t Connection::RowsScannedWithoutIndex() const {
  int64_t rows = 0;
  for (const auto& [sql, statement] : statements_) {
    rows += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
  }
  return rows;
}

Status Connection::TakeFailure() {
  return std::exchange(failure_, Status::OK());
}

Status Connection::ErrorOf(int code) {
  const std::string text = path_ + ": " + sqlite3_errmsg(handle_);
  Status error = cause_ ? cause_() : Status::OK();
  if (error.ok()) {
    switch (code & 0xff) {
      case SQLITE_FULL:
        error = Error(Code::kResourceExhausted, Reason::kDiskFull, text);
        break;
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
        error = Error(Code::kDataLoss, Reason::kChecksumMismatch, text);
        break;
      case SQLITE_IOERR:
      case SQLITE_CANTOPEN:
        error = Error(Code::kUnavailable, Reason::kIo, text);
        break;
      case SQLITE_NOMEM:
        error = Status::OutOfMemory(text);
        break;
      default:
        error = Error(Code::kInternal, Reason::kNone, text);
    }
  }
  if (failure_.ok()) failure_ = error;
  return error;
}

}  // namespace firth::catalog
