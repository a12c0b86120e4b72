// Errors of Firth. They travel as arrow::Status and arrow::Result, so that nothing is converted at
// the Arrow boundary; ours carry one detail: a canonical code, by which a caller chooses what to
// do, and a reason from a closed list, by which a door chooses its wire's error.
#pragma once

#include <arrow/result.h>
#include <arrow/status.h>

#include <string>
#include <string_view>

namespace firth {

using arrow::Result;
using arrow::Status;

/// The canonical codes of gRPC. Choose by what the caller should do: retry this call
/// (kUnavailable), restart its read-modify-write (kAborted), fix state first (kFailedPrecondition),
/// fix the arguments (kInvalidArgument), wait for room (kResourceExhausted), data damaged
/// (kDataLoss).
enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// What went wrong, in the engine's own nouns. Each door maps (Code, Reason) to its wire's error in
/// exactly one table. Add a reason only where a door must tell it from its neighbours.
enum class Reason : int {
  kNone = 0,
  // Catalog.
  kNamespaceNotFound,
  kNamespaceExists,
  kNamespaceNotEmpty,
  kTableNotFound,
  kTableExists,
  kEditionNotFound,
  kEditionExists,
  kEditionSealed,
  kSchemaNotFound,
  kInvalidName,
  kInvalidSchema,
  kInvalidProperty,
  kSchemaMismatch,
  kColumnNotFound,
  kNotKeyed,
  kKeyed,
  kNotPartitioned,
  kPartitionNotFound,
  kPartitionExists,
  kInvalidPartition,
  kTooManyPartitions,
  kTooManyBuckets,
  kBucketNotFound,
  kViewAbsent,
  // Log.
  kOffsetOutOfRange,
  kTimestampInFuture,
  kOutOfOrderSequence,
  kUnknownWriter,
  kCorruptBatch,
  kBatchTooLarge,
  kConflict,
  kOperationMismatch,
  kFenced,
  kDeletionDisabled,
  kPartialUpdate,
  // Time series.
  kSeriesNotFound,
  kSeriesExists,
  kSeriesBurnt,
  kTagsTaken,
  kVersionNotFound,
  kVersionMismatch,
  kPointNotFound,
  kTimeOutOfRange,
  kBadValue,
  // Work and objects.
  kObjectNotFound,
  kQueueNotFound,
  kJobNotFound,
  kTransactionNotFound,
  kTransactionEnded,
  kLeaseLost,
  // Storage.
  kChecksumMismatch,
  kFileMissing,
  kFormatTooNew,
  kDiskFull,
  kIo,
  kFolderInUse,
  // Access.
  kUnknownSecret,
  kNotAllowed,
  // Limits.
  kOverBudget,
  kQueryRefused,
};

/// Make a failed Status that carries `code` and `reason`. `message` names what was expected, what
/// was found and where; it holds no secret and at most 64 raw bytes of a user's input.
Status Error(Code code, Reason reason, std::string message);

/// Read the code of `status`; a Status without our detail maps by its own kind. OK gives kOk.
Code CodeOf(const Status& status);

/// Read the reason of `status`; kNone where it carries none.
Reason ReasonOf(const Status& status);

/// The message of `status` without Arrow's prefix for its kind.
std::string MessageOf(const Status& status);

/// The name of a reason as it is logged and counted, e.g. "table_not_found".
std::string_view ReasonName(Reason reason);

namespace internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* what);
}  // namespace internal

}  // namespace firth

/// End the process when a condition that only a programmer's error can break does not hold. On in
/// every build. Never use it on bytes that come from disk or network.
#define FIRTH_CHECK(condition)        \
  ((condition) ? static_cast<void>(0) \
               : ::firth::internal::CheckFailed(__FILE__, __LINE__, #condition))

#ifdef FIRTH_DCHECK_ON
#define FIRTH_DCHECK(condition) FIRTH_CHECK(condition)
#else
#define FIRTH_DCHECK(condition) static_cast<void>(0)
#endif
