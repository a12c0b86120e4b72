// The bytes of the key view: keys, rows and the two entries that are about the view itself. The
// page docs/formats/keyview.md has them as a table, and the history of the version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "firth/common/bytes.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/keyview/key_view.h"

namespace firth::keyview {

/// Raised with every change of these bytes. A view of another version is made anew from the log, so
/// that there is never a reader for an old one.
inline constexpr uint32_t kFormatVersion = 1;

/// Every key begins with its log's id, big-endian, so that a log is one range in log order.
inline constexpr size_t kLogPrefixBytes = 8;
/// Before every row's value: record time, commit, flags.
inline constexpr size_t kRowHeaderBytes = 17;
/// The schema id at the front of every value.
inline constexpr size_t kSchemaIdBytes = 2;
/// No flag has a meaning yet.
inline constexpr uint8_t kRowFlags = 0;

static_assert(kRowHeaderBytes == sizeof(int64_t) + sizeof(int64_t) + sizeof(kRowFlags));
static_assert(kLogPrefixBytes == sizeof(LogId::value));

/// Log id 0 is no log: under it lie the version (32 bit) and the watermark (64 bit), little-endian.
inline constexpr std::string_view kFormatKey{"\0\0\0\0\0\0\0\0format", kLogPrefixBytes + 6};
inline constexpr std::string_view kWatermarkKey{"\0\0\0\0\0\0\0\0watermark", kLogPrefixBytes + 9};

/// Where a log's keys begin. Logs have ids above 0.
inline std::string LogBegin(LogId log) {
  FIRTH_CHECK(log.value > 0);
  std::string begin;
  AppendBe(&begin, static_cast<uint64_t>(log.value));
  return begin;
}
/// The first place behind a log's keys.
inline std::string LogEnd(LogId log) {
  FIRTH_CHECK(log.value > 0);
  std::string end;
  AppendBe(&end, static_cast<uint64_t>(log.value) + 1);
  return end;
}

void AppendRow(const Row& row, std::string* out);
/// Is that a whole row? Error kChecksumMismatch.
Status CheckRow(std::string_view stored);
/// Takes damaged bytes; error kChecksumMismatch.
Result<Row> ParseRow(std::string_view stored);

}  // namespace firth::keyview
