#include "firth/common/status.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

namespace firth {
namespace {

constexpr char kDetailTypeId[] = "firth::ErrorDetail";

class ErrorDetail : public arrow::StatusDetail {
 public:
  ErrorDetail(Code c, Reason r) : code(c), reason(r) {}
  const char* type_id() const override { return kDetailTypeId; }
  std::string ToString() const override { return std::string(ReasonName(reason)); }

  const Code code;
  const Reason reason;
};

const ErrorDetail* DetailOf(const Status& status) {
  const auto& detail = status.detail();
  if (detail == nullptr || std::string_view(detail->type_id()) != kDetailTypeId) return nullptr;
  return static_cast<const ErrorDetail*>(detail.get());
}

arrow::StatusCode ArrowCode(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
      return arrow::StatusCode::Invalid;
    case Code::kNotFound:
      return arrow::StatusCode::KeyError;
    case Code::kAlreadyExists:
      return arrow::StatusCode::AlreadyExists;
    case Code::kResourceExhausted:
      return arrow::StatusCode::CapacityError;
    case Code::kOutOfRange:
      return arrow::StatusCode::IndexError;
    case Code::kUnimplemented:
      return arrow::StatusCode::NotImplemented;
    case Code::kCancelled:
      return arrow::StatusCode::Cancelled;
    case Code::kUnavailable:
    case Code::kDataLoss:
      return arrow::StatusCode::IOError;
    default:
      return arrow::StatusCode::UnknownError;
  }
}

}  // namespace

Status Error(Code code, Reason reason, std::string message) {
  return Status(ArrowCode(code), std::move(message), std::make_shared<ErrorDetail>(code, reason));
}

Code CodeOf(const Status& status) {
  if (status.ok()) return Code::kOk;
  if (const ErrorDetail* detail = DetailOf(status)) return detail->code;
  switch (status.code()) {
    case arrow::StatusCode::Invalid:
    case arrow::StatusCode::TypeError:
      return Code::kInvalidArgument;
    case arrow::StatusCode::KeyError:
      return Code::kNotFound;
    case arrow::StatusCode::IndexError:
      return Code::kOutOfRange;
    case arrow::StatusCode::AlreadyExists:
      return Code::kAlreadyExists;
    case arrow::StatusCode::NotImplemented:
      return Code::kUnimplemented;
    case arrow::StatusCode::OutOfMemory:
    case arrow::StatusCode::CapacityError:
      return Code::kResourceExhausted;
    case arrow::StatusCode::Cancelled:
      return Code::kCancelled;
    case arrow::StatusCode::IOError:
      return Code::kUnavailable;
    default:
      return Code::kUnknown;
  }
}

Reason ReasonOf(const Status& status) {
  const ErrorDetail* detail = status.ok() ? nullptr : DetailOf(status);
  return detail == nullptr ? Reason::kNone : detail->reason;
}

std::string MessageOf(const Status& status) {
  return status.message();
}

std::string_view ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "none";
    case Reason::kNamespaceNotFound:
      return "namespace_not_found";
    case Reason::kNamespaceExists:
      return "namespace_exists";
    case Reason::kNamespaceNotEmpty:
      return "namespace_not_empty";
    case Reason::kTableNotFound:
      return "table_not_found";
    case Reason::kTableExists:
      return "table_exists";
    case Reason::kEditionNotFound:
      return "edition_not_found";
    case Reason::kEditionExists:
      return "edition_exists";
    case Reason::kEditionSealed:
      return "edition_sealed";
    case Reason::kSchemaNotFound:
      return "schema_not_found";
    case Reason::kInvalidName:
      return "invalid_name";
    case Reason::kInvalidSchema:
      return "invalid_schema";
    case Reason::kInvalidProperty:
      return "invalid_property";
    case Reason::kSchemaMismatch:
      return "schema_mismatch";
    case Reason::kColumnNotFound:
      return "column_not_found";
    case Reason::kNotKeyed:
      return "not_keyed";
    case Reason::kKeyed:
      return "keyed";
    case Reason::kNotPartitioned:
      return "not_partitioned";
    case Reason::kPartitionNotFound:
      return "partition_not_found";
    case Reason::kPartitionExists:
      return "partition_exists";
    case Reason::kInvalidPartition:
      return "invalid_partition";
    case Reason::kTooManyPartitions:
      return "too_many_partitions";
    case Reason::kTooManyBuckets:
      return "too_many_buckets";
    case Reason::kBucketNotFound:
      return "bucket_not_found";
    case Reason::kViewAbsent:
      return "view_absent";
    case Reason::kOffsetOutOfRange:
      return "offset_out_of_range";
    case Reason::kTimestampInFuture:
      return "timestamp_in_future";
    case Reason::kOutOfOrderSequence:
      return "out_of_order_sequence";
    case Reason::kUnknownWriter:
      return "unknown_writer";
    case Reason::kCorruptBatch:
      return "corrupt_batch";
    case Reason::kBatchTooLarge:
      return "batch_too_large";
    case Reason::kConflict:
      return "conflict";
    case Reason::kOperationMismatch:
      return "operation_mismatch";
    case Reason::kFenced:
      return "fenced";
    case Reason::kDeletionDisabled:
      return "deletion_disabled";
    case Reason::kPartialUpdate:
      return "partial_update";
    case Reason::kSeriesNotFound:
      return "series_not_found";
    case Reason::kSeriesExists:
      return "series_exists";
    case Reason::kSeriesBurnt:
      return "series_burnt";
    case Reason::kTagsTaken:
      return "tags_taken";
    case Reason::kVersionNotFound:
      return "version_not_found";
    case Reason::kVersionMismatch:
      return "version_mismatch";
    case Reason::kPointNotFound:
      return "point_not_found";
    case Reason::kTimeOutOfRange:
      return "time_out_of_range";
    case Reason::kBadValue:
      return "bad_value";
    case Reason::kObjectNotFound:
      return "object_not_found";
    case Reason::kQueueNotFound:
      return "queue_not_found";
    case Reason::kJobNotFound:
      return "job_not_found";
    case Reason::kTransactionNotFound:
      return "transaction_not_found";
    case Reason::kTransactionEnded:
      return "transaction_ended";
    case Reason::kLeaseLost:
      return "lease_lost";
    case Reason::kChecksumMismatch:
      return "checksum_mismatch";
    case Reason::kFileMissing:
      return "file_missing";
    case Reason::kFormatTooNew:
      return "format_too_new";
    case Reason::kDiskFull:
      return "disk_full";
    case Reason::kIo:
      return "io";
    case Reason::kFolderInUse:
      return "folder_in_use";
    case Reason::kUnknownSecret:
      return "unknown_secret";
    case Reason::kNotAllowed:
      return "not_allowed";
    case Reason::kOverBudget:
      return "over_budget";
    case Reason::kQueryRefused:
      return "query_refused";
  }
  return "unknown";
}

namespace internal {

void CheckFailed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
  std::fflush(stderr);
  std::abort();
}

}  // namespace internal
}  // namespace firth
