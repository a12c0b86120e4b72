// Goal: every fault of the engine has a code of the protocol, and no permanent one is retried for
// ever.
#include "firth/doors/fluss/errors.h"

#include <gtest/gtest.h>

#include <set>

namespace firth::doors::fluss {
namespace {

constexpr int kReasons = static_cast<int>(Reason::kQueryRefused) + 1;

int32_t CodeOfReason(Reason reason, Asked asked) {
  return CodeFor(Error(Code::kInternal, reason, "x"), asked);
}

TEST(ErrorsTest, EveryReasonHasACode) {
  for (int i = 0; i < kReasons; ++i) {
    for (const Asked asked : {Asked::kName, Asked::kWrite, Asked::kRead}) {
      const int32_t code = CodeOfReason(static_cast<Reason>(i), asked);
      EXPECT_NE(code, 0) << ReasonName(static_cast<Reason>(i));
      EXPECT_GE(code, -1);
      EXPECT_LE(code, 73);
    }
  }
}

TEST(ErrorsTest, EveryCodeWithoutAReasonHasACode) {
  for (int i = 1; i <= static_cast<int>(Code::kUnauthenticated); ++i) {
    EXPECT_NE(CodeFor(Error(static_cast<Code>(i), Reason::kNone, "x"), Asked::kName), 0);
  }
  EXPECT_EQ(CodeFor(Status::Invalid("of Arrow"), Asked::kName), -1);
}

TEST(ErrorsTest, NamesAreAnsweredWithTheContractsCodes) {
  const std::pair<Reason, int32_t> expected[] = {
      {Reason::kNamespaceNotFound, 4},
      {Reason::kNamespaceNotEmpty, 5},
      {Reason::kNamespaceExists, 6},
      {Reason::kTableNotFound, 7},
      {Reason::kTableExists, 8},
      {Reason::kSchemaNotFound, 9},
      {Reason::kCorruptBatch, 14},
      {Reason::kInvalidSchema, 15},
      {Reason::kKeyed, 15},
      {Reason::kOffsetOutOfRange, 19},
      {Reason::kNotKeyed, 20},
      {Reason::kBucketNotFound, 21},
      {Reason::kOutOfOrderSequence, 31},
      {Reason::kUnknownWriter, 33},
      {Reason::kPartialUpdate, 35},
      {Reason::kPartitionNotFound, 36},
      {Reason::kNotPartitioned, 37},
      {Reason::kTimestampInFuture, 38},
      {Reason::kInvalidProperty, 39},
      {Reason::kPartitionExists, 42},
      {Reason::kInvalidPartition, 43},
      {Reason::kTooManyPartitions, 45},
      {Reason::kUnknownSecret, 46},
      {Reason::kNotAllowed, 48},
      {Reason::kTooManyBuckets, 49},
      {Reason::kDeletionDisabled, 57},
  };
  for (const auto& [reason, code] : expected) {
    EXPECT_EQ(CodeOfReason(reason, Asked::kName), code) << ReasonName(reason);
  }
}

TEST(ErrorsTest, BucketsOfWhatIsGoneAskForNewMetadata) {
  for (const Reason reason :
       {Reason::kTableNotFound, Reason::kPartitionNotFound, Reason::kBucketNotFound}) {
    EXPECT_EQ(CodeOfReason(reason, Asked::kWrite), 21);
    EXPECT_EQ(CodeOfReason(reason, Asked::kRead), 21);
  }
}

TEST(ErrorsTest, PermanentFaultsOfWritesAreNotRetried) {
  const std::set<int32_t> retried = {1,  3,  9,  10, 11, 12, 14, 21, 25,
                                     26, 28, 29, 44, 51, 70, 72, 73};
  for (const Reason reason :
       {Reason::kDiskFull, Reason::kIo, Reason::kChecksumMismatch, Reason::kEditionSealed,
        Reason::kNotAllowed, Reason::kKeyed, Reason::kBatchTooLarge, Reason::kPartialUpdate}) {
    EXPECT_FALSE(retried.contains(CodeOfReason(reason, Asked::kWrite))) << ReasonName(reason);
  }
  EXPECT_TRUE(retried.contains(CodeOfReason(Reason::kOverBudget, Asked::kWrite)));
  EXPECT_TRUE(retried.contains(CodeOfReason(Reason::kConflict, Asked::kWrite)));
}

TEST(ErrorsTest, WhatPassesAndWhatIsAFault) {
  EXPECT_EQ(CodeOfReason(Reason::kOverBudget, Asked::kWrite), 25);
  EXPECT_EQ(CodeOfReason(Reason::kOverBudget, Asked::kRead), 10);
  EXPECT_EQ(CodeOfReason(Reason::kFenced, Asked::kWrite), 24);
  EXPECT_EQ(CodeOfReason(Reason::kChecksumMismatch, Asked::kRead), 3);
  EXPECT_EQ(CodeOfReason(Reason::kDiskFull, Asked::kWrite), -1);
}

TEST(ErrorsTest, DamageIsShownToScanners) {
  const std::set<int32_t> passed_over = {-1, 10, 11, 12, 21, 24, 26, 44};
  for (const Reason reason : {Reason::kChecksumMismatch, Reason::kFileMissing, Reason::kIo,
                              Reason::kCorruptBatch, Reason::kOffsetOutOfRange}) {
    EXPECT_FALSE(passed_over.contains(CodeOfReason(reason, Asked::kRead))) << ReasonName(reason);
  }
}

TEST(ErrorsTest, ARefusalKeepsItsCode) {
  const Status status = Refusal(Wire::kInvalidReplicationFactor, "too many");
  EXPECT_EQ(CodeFor(status, Asked::kName), 17);
  EXPECT_EQ(CodeFor(status, Asked::kRead), 17);
  EXPECT_EQ(MessageOf(status), "too many");
}

}  // namespace
}  // namespace firth::doors::fluss
