#include "firth/doors/btrdb/errors.h"

namespace firth::doors::btrdb {
namespace {

constexpr uint32_t kStreamExists = 417;
constexpr uint32_t kAmbiguousStream = 418;
constexpr uint32_t kPropertyVersionMismatch = 423;
constexpr uint32_t kResourceDepleted = 426;
constexpr uint32_t kRecycledUuid = 429;
constexpr uint32_t kBadSql = 441;
constexpr uint32_t kInvariantFailure = 500;

}  // namespace

uint32_t CodeFor(const Status& status) {
  switch (ReasonOf(status)) {
    case Reason::kSeriesNotFound:
      return kNoSuchStream;
    case Reason::kSeriesExists:
      return kStreamExists;
    case Reason::kSeriesBurnt:
      return kRecycledUuid;
    case Reason::kTagsTaken:
      return kAmbiguousStream;
    case Reason::kVersionNotFound:
      return kVersionNotAvailable;
    case Reason::kVersionMismatch:
      return kPropertyVersionMismatch;
    case Reason::kPointNotFound:
      return kNoSuchPoint;
    case Reason::kTimeOutOfRange:
      return kBadTime;
    case Reason::kBadValue:
      return kBadValue;
    case Reason::kInvalidName:
    case Reason::kTableExists:
      return kBadCollection;
    case Reason::kConflict:
    case Reason::kOverBudget:
    case Reason::kDiskFull:
      return kResourceDepleted;
    case Reason::kQueryRefused:
      return kBadSql;
    case Reason::kBatchTooLarge:
      return kInsertTooBig;
    default:
      break;
  }
  switch (CodeOf(status)) {
    case Code::kInvalidArgument:
    case Code::kUnimplemented:  // asked of a table's column, which can be read and appended to only
      return kWrongArguments;
    case Code::kResourceExhausted:
      return kResourceDepleted;
    default:
      return kInvariantFailure;
  }
}

}  // namespace firth::doors::btrdb
