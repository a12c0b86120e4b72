#include "firth/doors/fluss/errors.h"

#include <memory>
#include <string_view>
#include <utility>

namespace firth::doors::fluss {
namespace {

constexpr char kDetailTypeId[] = "firth::doors::fluss::Refusal";

class RefusalDetail : public arrow::StatusDetail {
 public:
  explicit RefusalDetail(Wire c) : code(c) {}
  const char* type_id() const override { return kDetailTypeId; }
  std::string ToString() const override { return std::to_string(static_cast<int32_t>(code)); }

  const Wire code;
};

/// The codes for one fault, by what was asked.
struct Codes {
  Wire name;
  Wire write;
  Wire read;
};

constexpr Codes Same(Wire code) {
  return {code, code, code};
}
/// Something that is gone: by name that is final; a bucket's client is told to look the table up
/// anew.
constexpr Codes Gone(Wire name) {
  return {name, Wire::kUnknownBucket, Wire::kUnknownBucket};
}
/// A fault of ours. A scanner would pass over -1 and ask again for ever, so it gets a code that it
/// raises; for a writer that one would be retried.
constexpr Codes kFault = {Wire::kUnknown, Wire::kUnknown, Wire::kCorruptMessage};
/// It will pass: writers retry, scanners ask again.
constexpr Codes kPasses = {Wire::kTimeOut, Wire::kTimeOut, Wire::kLogStorage};

Codes CodesOf(Code code) {
  switch (code) {
    case Code::kUnauthenticated:
      return Same(Wire::kAuthentication);
    case Code::kPermissionDenied:
      return Same(Wire::kNotAllowed);
    case Code::kUnimplemented:
      return Same(Wire::kUnsupportedVersion);
    case Code::kResourceExhausted:
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
      return kPasses;
    case Code::kOk:
    case Code::kCancelled:
    case Code::kUnknown:
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kAborted:
    case Code::kOutOfRange:
    case Code::kInternal:
    case Code::kDataLoss:
      return kFault;
  }
  return kFault;
}

Codes CodesOf(Code code, Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return CodesOf(code);

    case Reason::kNamespaceNotFound:
      return Gone(Wire::kDatabaseNotFound);
    case Reason::kNamespaceExists:
      return Same(Wire::kDatabaseExists);
    case Reason::kNamespaceNotEmpty:
      return Same(Wire::kDatabaseNotEmpty);
    case Reason::kTableNotFound:
    case Reason::kEditionNotFound:
      return Gone(Wire::kTableNotFound);
    case Reason::kTableExists:
    case Reason::kEditionExists:
      return Same(Wire::kTableExists);
    case Reason::kSchemaNotFound:
      return Same(Wire::kSchemaNotFound);
    case Reason::kEditionSealed:
    case Reason::kInvalidName:
    case Reason::kInvalidSchema:
    case Reason::kSchemaMismatch:
    case Reason::kKeyed:
      return Same(Wire::kInvalidTable);
    case Reason::kInvalidProperty:
      return Same(Wire::kInvalidConfig);
    case Reason::kColumnNotFound:
      return {Wire::kInvalidTable, Wire::kInvalidTargetColumns, Wire::kInvalidProjection};
    case Reason::kNotKeyed:
      return Same(Wire::kNotKeyed);
    case Reason::kNotPartitioned:
      return Same(Wire::kNotPartitioned);
    case Reason::kPartitionNotFound:
      return Gone(Wire::kPartitionNotFound);
    case Reason::kPartitionExists:
      return Same(Wire::kPartitionExists);
    case Reason::kInvalidPartition:
      return Same(Wire::kInvalidPartition);
    case Reason::kTooManyPartitions:
      return Same(Wire::kTooManyPartitions);
    case Reason::kTooManyBuckets:
      return Same(Wire::kTooManyBuckets);
    case Reason::kBucketNotFound:
      return Same(Wire::kUnknownBucket);

    case Reason::kOffsetOutOfRange:
      return Same(Wire::kOffsetOutOfRange);
    case Reason::kTimestampInFuture:
      return Same(Wire::kInvalidTimestamp);
    case Reason::kOutOfOrderSequence:
      return Same(Wire::kOutOfOrderSequence);
    case Reason::kUnknownWriter:
      return Same(Wire::kUnknownWriter);
    case Reason::kCorruptBatch:
      return {Wire::kCorruptRecord, Wire::kCorruptRecord, Wire::kCorruptMessage};
    case Reason::kBatchTooLarge:
      return Same(Wire::kRecordTooLarge);
    case Reason::kFenced:
      return Same(Wire::kFencedEpoch);
    case Reason::kDeletionDisabled:
      return Same(Wire::kDeletionDisabled);
    case Reason::kPartialUpdate:
      return Same(Wire::kInvalidTargetColumns);

    case Reason::kUnknownSecret:
      return Same(Wire::kAuthentication);
    case Reason::kNotAllowed:
      return Same(Wire::kNotAllowed);
    case Reason::kOverBudget:
      return kPasses;

    // An earlier batch failed that this one was decided upon: sent again it is decided anew.
    case Reason::kConflict:
      return {Wire::kUnknown, Wire::kTimeOut, Wire::kLogStorage};

    // A full disk does not pass by itself: the writer is told, at once.
    case Reason::kDiskFull:
    case Reason::kChecksumMismatch:
    case Reason::kFileMissing:
    case Reason::kFormatTooNew:
    case Reason::kIo:
    case Reason::kFolderInUse:
    case Reason::kOperationMismatch:
    case Reason::kViewAbsent:
    case Reason::kQueryRefused:
    case Reason::kBadValue:
      return kFault;

    // No request of this door can meet these.
    case Reason::kSeriesNotFound:
    case Reason::kSeriesExists:
    case Reason::kSeriesBurnt:
    case Reason::kTagsTaken:
    case Reason::kVersionNotFound:
    case Reason::kVersionMismatch:
    case Reason::kPointNotFound:
    case Reason::kTimeOutOfRange:
    case Reason::kObjectNotFound:
    case Reason::kQueueNotFound:
    case Reason::kJobNotFound:
    case Reason::kTransactionNotFound:
    case Reason::kTransactionEnded:
    case Reason::kLeaseLost:
      return kFault;
  }
  return kFault;
}

}  // namespace

Status Refusal(Wire code, std::string message) {
  return Status(arrow::StatusCode::Invalid, std::move(message),
                std::make_shared<RefusalDetail>(code));
}

int32_t CodeFor(const Status& status, Asked asked) {
  FIRTH_CHECK(!status.ok());
  const auto& detail = status.detail();
  if (detail != nullptr && std::string_view(detail->type_id()) == kDetailTypeId) {
    return static_cast<int32_t>(static_cast<const RefusalDetail&>(*detail).code);
  }
  const Codes codes = CodesOf(CodeOf(status), ReasonOf(status));
  switch (asked) {
    case Asked::kName:
      return static_cast<int32_t>(codes.name);
    case Asked::kWrite:
      return static_cast<int32_t>(codes.write);
    case Asked::kRead:
      return static_cast<int32_t>(codes.read);
  }
  return static_cast<int32_t>(codes.name);
}

}  // namespace firth::doors::fluss
