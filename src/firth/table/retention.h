// Letting go of what no lifetime keeps: logs are trimmed, and what that frees is given back.
//
// A lifetime is exact when a log is read (DatabaseImpl::RangeFor). Here its bytes follow, later: a
// log is trimmed only behind what every view of its edition holds durably of it, and a view that
// holds nothing durably keeps all of its log.
#pragma once

#include <optional>
#include <vector>

#include "firth/common/status.h"
#include "firth/log/log_store.h"
#include "firth/table/rounds.h"

namespace firth::table {

class DatabaseImpl;
struct DatabaseOptions;

/// Thread-safe; calls block.
class Retention {
 public:
  explicit Retention(DatabaseImpl* database) : database_(database) {}

  /// Begin to do so every `retention_interval_ns`, if that is not 0.
  void Start(const DatabaseOptions& options);
  void Stop() { rounds_.Stop(); }

  /// Trim every log as far as its lifetime and its views allow.
  Status Trim();
  /// Remove and rewrite closed files of the journal, as LogStore::Rewrite.
  Status Rewrite();
  Status RunOnce();

 private:
  DatabaseImpl* const database_;
  Rounds rounds_;
};

}  // namespace firth::table
