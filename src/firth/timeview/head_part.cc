#include "firth/timeview/head_part.h"

#include "firth/timeview/series_head.h"

namespace firth::timeview {
namespace {

/// Parts of what is read as an index at most, so that a damaged one cannot ask for much memory.
constexpr uint64_t kPartsRead = 1 << 16;

Result<EditRun> EditsOf(const FileNodeSource::Loaded& loaded, const NodeAddress& record) {
  if (loaded.header.kind == RecordKind::kSeries) {
    return SeriesHead::DecodeWaiting(loaded.payload);
  }
  ByteReader in(loaded.payload);
  ARROW_RETURN_NOT_OK(DecodeHeadPartIndex(record, &in).status());
  return DecodeEdits(in.rest());
}

}  // namespace

void EncodeHeadPartIndex(int64_t end, std::span<const HeadPart> before, const HeadPart& last,
                         std::string* out) {
  const auto append = [out](const HeadPart& part) {
    EncodeAddress(part.record, out);
    AppendVarint(out, part.steps);
    AppendVarint(out, part.points);
    out->push_back(part.removes ? 1 : 0);
  };
  AppendLe(out, end);
  AppendVarint(out, before.size() + 1);
  for (const HeadPart& part : before) append(part);
  append(last);
}

Result<HeadPartIndex> DecodeHeadPartIndex(const NodeAddress& record, ByteReader* in) {
  HeadPartIndex index;
  index.end = in->Le<int64_t>();
  const uint64_t count = in->Varint();
  if (!in->ok() || count < 2 || count > kPartsRead) return Malformed("the parts of a head");
  uint64_t steps = 0;
  uint64_t points = 0;
  for (uint64_t i = 0; i < count && in->ok(); ++i) {
    HeadPart part;
    part.record = DecodeAddress(in);
    part.steps = static_cast<uint32_t>(in->Varint(32));
    part.points = static_cast<uint32_t>(in->Varint(32));
    part.removes = (in->Le<uint8_t>() & 1) != 0;
    if (part.record.known() == (i + 1 == count)) return Malformed("the place of a part of a head");
    steps += part.steps;
    points += part.points;
    index.parts.push_back(part);
  }
  if (!in->ok() || steps > UINT32_MAX || points > UINT32_MAX) {
    return Malformed("the parts of a head");
  }
  index.parts.back().record = record;
  return index;
}

Result<EditRun> LoadEdits(const FileNodeSource& source, std::span<const HeadPart> parts) {
  EditRun all;
  for (const HeadPart& part : parts) {
    if (part.steps == 0) continue;
    ARROW_ASSIGN_OR_RAISE(const auto loaded, source.LoadHead(part.record));
    const auto run = EditsOf(loaded, part.record);
    if (!run.ok()) return source.AddPlace(run.status(), part.record);
    if (run->steps.size() != part.steps || run->times.size() != part.points) {
      return source.AddPlace(Malformed("the number of edits of a head"), part.record);
    }
    all.AppendSteps(*run, 0);
  }
  return all;
}

}  // namespace firth::timeview
