// Quotas: whether an account may use more in its present period, and what a call counts for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firth/access/metering.h"

namespace firth::access {

enum class Using { kRead, kWrite, kScan };

/// Bytes in a period; none: as many as one likes.
struct Limits {
  std::optional<int64_t> read_bytes, write_bytes, scan_bytes;
};

/// Whoever calls count for.
struct Account {
  std::string meter;     // its name for Metering
  int64_t since_ns = 0;  // when it was made
  Limits limits;
};

/// What one kind of call counts for at the least, for accounts: others count what there was.
struct LeastBytes {
  int64_t call = 0;  // a read or a write
  int64_t scan = 0;
};

/// The accounts that one call counts for: none for a caller without. A value.
class Payers {
 public:
  Payers() = default;
  Payers(Metering* metering, LeastBytes least) : metering_(metering), least_(least) {}

  void Add(Account account) { accounts_.push_back(std::move(account)); }
  /// Refuse when a limit has been reached; a scan also when `estimate` bytes would go beyond it.
  /// Error kOverBudget says "quota".
  Status Check(Using what, int64_t estimate = 0) const;
  /// Count one call for each account and, without a least, for each of `things`.
  Status Count(Using what, int64_t bytes, int64_t records,
               const std::vector<std::string>& things) const;

 private:
  Metering* metering_ = nullptr;
  LeastBytes least_;
  std::vector<Account> accounts_;
};

}  // namespace firth::access
