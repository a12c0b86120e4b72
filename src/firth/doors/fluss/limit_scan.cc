// LimitScan: a few rows of one bucket; of a log table the last ones, of a keyed table the first by
// key.
#include <algorithm>
#include <optional>
#include <string>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/batch_shape.h"
#include "firth/doors/fluss/connection.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/value_batch.h"
#include "firth/doors/fluss/value_shape.h"

namespace firth::doors::fluss {
namespace {

/// More than this in one answer is refused rather than cut: the client could not tell.
constexpr uint64_t kAnswerBytesMax = uint64_t{512} << 20;

Status TooMuch() {
  return Refusal(Wire::kRecordTooLarge, "the rows are more than 512 MiB; ask for fewer");
}

/// Whole batches, from the one that holds the first of the last `limit` offsets. The client drops
/// the rows before them.
Result<std::string> LastOfLog(const Request& request, const table::TablePtr& table,
                              table::BucketRef where, int64_t limit) {
  ARROW_ASSIGN_OR_RAISE(const table::BucketRange range,
                        request.database().GetRange(request.caller(), *table, where));
  table::FetchBucket from{.table = table, .where = where, .bytes_max = kAnswerBytesMax};
  from.from = std::max(range.start, Offset(range.end.value - limit));
  if (request.database().BytesReady({from}) > kAnswerBytesMax) return TooMuch();
  ARROW_ASSIGN_OR_RAISE(
      const BatchShape shape,
      BatchShape::Make(table, {.columns = std::nullopt,
                               .reads_older_schemas = request.connection().reads_older_schemas()}));
  std::string records;
  while (from.from < range.end) {
    auto fetched = request.database().Fetch(request.caller(), {from}, kAnswerBytesMax);
    ARROW_RETURN_NOT_OK(fetched.front().status);
    if (fetched.front().entries.empty()) break;
    for (const auto& entry : fetched.front().entries) {
      ARROW_ASSIGN_OR_RAISE(const auto batch, shape.Of(entry));
      if (batch != nullptr) records += std::string_view(*batch);
      if (records.size() > kAnswerBytesMax) return TooMuch();
      from.from = entry.end_offset();
    }
  }
  return records;
}

Result<std::string> FirstByKey(const Request& request, const table::TablePtr& table,
                               table::BucketRef where, int64_t limit) {
  ARROW_ASSIGN_OR_RAISE(const auto rows,
                        request.database().ScanKeys(
                            request.caller(), {.table = table, .where = where, .limit = limit}));
  ValueBatch values;
  ARROW_ASSIGN_OR_RAISE(const ValueShape shape, ValueShape::Make(table));
  for (const table::KeyedRow& row : rows) {
    ARROW_ASSIGN_OR_RAISE(const std::string value, shape.Of(row.row));
    values.Add(value);
    if (values.bytes() > kAnswerBytesMax) return TooMuch();
  }
  return values.Finish();
}

Status LimitScan(const Request& request, const pb::LimitScanRequest& in, pb::LimitScanAnswer* out) {
  if (in.limit() < 1) return Refusal(Wire::kInvalidConfig, "the limit must be at least 1");
  const auto partition =
      in.has_partition_id() ? std::optional<int64_t>(in.partition_id()) : std::nullopt;
  const auto scan = [&]() -> Result<std::string> {
    ARROW_ASSIGN_OR_RAISE(const TableById table, TableById::Find(request, in.table_id()));
    ARROW_ASSIGN_OR_RAISE(const table::BucketRef where, table.Bucket(partition, in.bucket()));
    const bool is_log = table.table()->current->spec.key.empty();
    out->set_is_log_table(is_log);
    return is_log ? LastOfLog(request, table.table(), where, in.limit())
                  : FirstByKey(request, table.table(), where, in.limit());
  };
  auto records = scan();
  if (records.ok()) {
    out->set_records(std::move(*records));
  } else {
    out->set_error_code(CodeFor(records.status(), Asked::kRead));
    out->set_error_message(MessageOf(records.status()));
  }
  return Status::OK();
}

}  // namespace

void ServeLimitScan(const RequestPtr& request) {
  Unary<pb::LimitScanRequest, pb::LimitScanAnswer>(request, &LimitScan);
}

}  // namespace firth::doors::fluss
