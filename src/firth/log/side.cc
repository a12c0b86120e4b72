#include "firth/log/side.h"

#include "firth/common/bytes.h"

namespace firth::log {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kPointsRemoved = 1;
constexpr size_t kSeriesBytes = 16;

Status Damaged(const char* what) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch, what);
}

}  // namespace

std::string EncodeInsertRuns(const std::vector<InsertRun>& runs) {
  std::string out;
  AppendLe(&out, kVersion);
  AppendLe(&out, static_cast<uint32_t>(runs.size()));
  for (const InsertRun& run : runs) {
    FIRTH_CHECK(run.series.size() == kSeriesBytes);
    out += run.series;
    AppendLe(&out, run.revision);
    AppendLe(&out, run.rows);
    AppendLe(&out, static_cast<uint8_t>(run.replace ? 1 : 0));
  }
  return out;
}

Result<std::vector<InsertRun>> ParseInsertRuns(std::string_view side) {
  ByteReader reader(AsBytes(side));
  const auto version = reader.Le<uint8_t>();
  const auto count = reader.Le<uint32_t>();
  if (version != kVersion) return Damaged("side columns of an unknown version");
  std::vector<InsertRun> runs;
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    InsertRun run;
    run.series = AsText(reader.Take(kSeriesBytes));
    run.revision = reader.Le<int64_t>();
    run.rows = reader.Le<uint32_t>();
    run.replace = (reader.Le<uint8_t>() & 1) != 0;
    runs.push_back(std::move(run));
  }
  if (!reader.ok() || reader.remaining() != 0) return Damaged("side columns are cut off");
  return runs;
}

std::string EncodeRemovedRange(const RemovedRange& range) {
  FIRTH_CHECK(range.series.size() == kSeriesBytes);
  std::string out;
  AppendLe(&out, kVersion);
  AppendLe(&out, kPointsRemoved);
  out += range.series;
  AppendLe(&out, range.revision);
  AppendLe(&out, range.start_ns);
  AppendLe(&out, range.end_ns);
  return out;
}

Result<RemovedRange> ParseRemovedRange(std::string_view body) {
  ByteReader reader(AsBytes(body));
  const auto version = reader.Le<uint8_t>();
  const auto kind = reader.Le<uint8_t>();
  RemovedRange range;
  range.series = AsText(reader.Take(kSeriesBytes));
  range.revision = reader.Le<int64_t>();
  range.start_ns = reader.Le<int64_t>();
  range.end_ns = reader.Le<int64_t>();
  if (!reader.ok() || reader.remaining() != 0 || version != kVersion || kind != kPointsRemoved) {
    return Damaged("a mark is of an unknown kind");
  }
  return range;
}

}  // namespace firth::log
