// Goal: a commit's record is read as it was made, wherever its large bodies were put. Method:
// random commits at random places, parsed again.
#include "firth/log/journal_format.h"

#include "firth/common/random.h"
#include "firth/log/log_testing.h"

namespace firth::log {
namespace {

/// `body` at a random place in memory of its own.
std::shared_ptr<arrow::Buffer> Moved(const std::shared_ptr<arrow::Buffer>& body, size_t by) {
  std::shared_ptr<arrow::Buffer> memory =
      arrow::AllocateBuffer(body->size() + static_cast<int64_t>(by)).ValueOrDie();
  std::memcpy(memory->mutable_data() + by, body->data(), static_cast<size_t>(body->size()));
  return arrow::SliceBuffer(memory, static_cast<int64_t>(by));
}

void Compare(SeededRandom* random, uint64_t align_bytes) {
  const auto below = [&](uint64_t end) { return random->Next64() % end; };
  std::vector<EntryDraft> entries;
  Assigned assigned{.id = CommitId(7), .time_ns = 1'000'000'000, .group_start = 64};
  for (uint64_t i = below(4); i < 4; ++i) {
    EntryDraft entry = TestEntry(LogId(3), 0, static_cast<int64_t>(1 + below(4000)));
    entry.body = Moved(entry.body, below(5000));
    entry.side.assign(below(20), 's');
    entries.push_back(std::move(entry));
    assigned.base_offsets.emplace_back(100 * i);
  }
  const RecordPlace place{.at = below(100'000) * 8, .align_bytes = align_bytes};
  const CommitImage image(entries, 0, assigned, place);
  std::vector<store::HeldBytes> parts;
  image.AddParts(&parts);
  std::string record;
  size_t owned = 0;
  for (const auto& part : parts) {
    if (part.owner != nullptr) {
      ++owned;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(part.bytes.data()) % align_bytes,
                (place.at + record.size()) % align_bytes);
    }
    record += AsText(part.bytes);
  }
  ASSERT_EQ(record.size(), image.bytes());
  ASSERT_EQ(record.size() % 8, 0u);
  ASSERT_LE(record.size(), RecordBytesMax(entries, align_bytes));

  const ParsedCommit commit = ParseCommitHeader(AsBytes(record)).ValueOrDie();
  ASSERT_EQ(commit.record_bytes, record.size());
  const auto parsed =
      ParseEntries(commit, AsBytes(record).first(kCommitHeaderBytes + commit.headers_bytes),
                   [&](const std::vector<ParsedEntry>& all) -> Result<std::string> {
                     std::string fronts;
                     for (const auto& entry : all) {
                       fronts += record.substr(entry.body_at, kBatchPatchedBytes);
                     }
                     return fronts;
                   })
          .ValueOrDie();
  ASSERT_EQ(parsed.size(), entries.size());
  size_t large = 0;
  uint64_t header_at = kCommitHeaderBytes;
  for (size_t i = 0; i < parsed.size(); ++i) {
    EXPECT_EQ(parsed[i].body_at, image.body_at(header_at));
    header_at += kEntryHeaderBytes + Align8(entries[i].side.size());
    EXPECT_EQ(parsed[i].entry.side, entries[i].side);
    const Bytes body = AsBytes(record).subspan(parsed[i].body_at, parsed[i].body_bytes);
    EXPECT_TRUE(VerifyBody(EntryKind::kRows, parsed[i].body_checksum, body).ok());
    EXPECT_EQ(LoadLe<int64_t>(body.data()), assigned.base_offsets[i].value);
    large += align_bytes != 0 && body.size() >= 64 * align_bytes;
  }
  EXPECT_EQ(owned, large) << "large ones are put to a place of their own, others are not";
}

TEST(JournalFormatTest, ARecordIsReadAsItWasMadeWhereverItsBodiesLie) {
  SeededRandom random(11);
  for (int i = 0; i < 300; ++i) {
    for (const uint64_t align_bytes : {0, 8, 512, 4096}) Compare(&random, align_bytes);
  }
}

}  // namespace
}  // namespace firth::log
