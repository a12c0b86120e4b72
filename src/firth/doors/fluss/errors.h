// The one table from the engine's errors to the protocol's error codes.
#pragma once

#include <cstdint>
#include <string>

#include "firth/common/status.h"

namespace firth::doors::fluss {

/// The protocol's codes that this door answers. Those marked R are retried by the clients, without
/// end by default: they must never stand for a permanent fault.
enum class Wire : int32_t {
  kUnknown = -1,
  kUnsupportedVersion = 2,
  kCorruptMessage = 3,  // R
  kDatabaseNotFound = 4,
  kDatabaseNotEmpty = 5,
  kDatabaseExists = 6,
  kTableNotFound = 7,
  kTableExists = 8,
  kSchemaNotFound = 9,  // R
  kLogStorage = 10,     // R
  kRecordTooLarge = 13,
  kCorruptRecord = 14,  // R
  kInvalidTable = 15,
  kInvalidDatabase = 16,
  kInvalidReplicationFactor = 17,
  kInvalidAcks = 18,
  kOffsetOutOfRange = 19,
  kNotKeyed = 20,
  kUnknownBucket = 21,  // R
  kFencedEpoch = 24,
  kTimeOut = 25,  // R
  kOutOfOrderSequence = 31,
  kUnknownWriter = 33,
  kInvalidProjection = 34,
  kInvalidTargetColumns = 35,
  kPartitionNotFound = 36,
  kNotPartitioned = 37,
  kInvalidTimestamp = 38,
  kInvalidConfig = 39,
  kLakeNotConfigured = 40,
  kKvSnapshotNotFound = 41,
  kPartitionExists = 42,
  kInvalidPartition = 43,
  kTooManyPartitions = 45,
  kAuthentication = 46,
  kNotAllowed = 48,
  kTooManyBuckets = 49,
  kLakeSnapshotNotFound = 53,
  kInvalidAlter = 56,
  kDeletionDisabled = 57,
  kScanExpired = 66,
  kUnknownScan = 67,
  kInvalidScan = 68,
  kTooManyScans = 69,
};

/// What the failed request was about, which decides what the client does with a code.
enum class Asked {
  kName,   // databases, tables, partitions by name: the code reaches the user
  kWrite,  // one bucket of a write: a writer retries R codes, all else fails the batch
  kRead,   // one bucket of a read: a scanner passes over some codes, all else reaches the user
};

/// A fault that this door finds by itself and for which the engine has no reason.
Status Refusal(Wire code, std::string message);

/// The code that says `status`, which is not OK, to a client.
int32_t CodeFor(const Status& status, Asked asked);

}  // namespace firth::doors::fluss
