// Rows on their way out, as every kind of read gives them.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "firth/access/access.h"
#include "firth/common/status.h"
#include "firth/table/database.h"

namespace firth::doors::flight {

class RunningQueries;

/// On whose behalf something is done, and to what.
struct Request {
  table::Database* database = nullptr;
  access::Caller caller;
  RunningQueries* queries = nullptr;  // those of all callers; never null
};

/// One thread at a time.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// The next rows, at least one; null when there are none, or none yet. Blocks.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
  /// After Next gave null: is this the end for good?
  virtual bool ended() const { return true; }
  /// Call `wake` once when Next may give rows again. An id for Unfollow, 0 if it was called before
  /// the return.
  virtual uint64_t Follow(std::function<void()> wake) {
    wake();
    return 0;
  }
  virtual void Unfollow(uint64_t /*follower*/) {}
  /// Make a Next that is under way end soon: nobody wants its rows. Any thread.
  virtual void Cancel() {}
  /// Look again after this many nanoseconds even without a wake; 0: no need.
  virtual int64_t look_again_ns() const { return 0; }
};

/// Open what a DoGet ticket asks for. The kind of ticket is told from its first byte: `{` begins a
/// read of a table (ticket.h), or a query where there is a field `sql` (sql_cursor.h).
Result<std::unique_ptr<Cursor>> OpenTicket(const Request& request, std::string_view ticket);

}  // namespace firth::doors::flight
