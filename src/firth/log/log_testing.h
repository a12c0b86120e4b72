// What the tests of this room share: small batches, and a log store in a simulated world.
#pragma once

#include <arrow/array.h>
#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/log/batch.h"
#include "firth/log/log_store.h"
#include "firth/store/memory_file_system.h"

namespace firth::log {

inline std::shared_ptr<arrow::Schema> TestSchema() {
  return arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8())});
}

inline std::shared_ptr<arrow::RecordBatch> TestRows(int64_t first, int64_t count) {
  arrow::Int64Builder a;
  arrow::StringBuilder b;
  for (int64_t i = first; i < first + count; ++i) {
    EXPECT_TRUE(a.Append(i).ok());
    EXPECT_TRUE((i % 7 == 0 ? b.AppendNull() : b.Append("row " + std::to_string(i))).ok());
  }
  return arrow::RecordBatch::Make(TestSchema(), count, {*a.Finish(), *b.Finish()});
}

inline std::shared_ptr<arrow::Buffer> TestBatch(int64_t first, int64_t count,
                                                const EncodeOptions& options = {}) {
  return EncodeBatch(*TestRows(first, count), {}, options).ValueOrDie();
}

inline Bytes BytesOf(const std::shared_ptr<arrow::Buffer>& buffer) {
  return {reinterpret_cast<const std::byte*>(buffer->data()), static_cast<size_t>(buffer->size())};
}

inline EntryDraft TestEntry(LogId log, int64_t first, int64_t count, WriterId writer = kNoWriter,
                            int32_t sequence = -1) {
  EntryDraft entry;
  entry.log = log;
  entry.schema_id = SchemaId(1);
  entry.rows = static_cast<uint32_t>(count);
  entry.offsets = entry.rows;
  entry.writer_id = writer;
  entry.sequence = sequence;
  entry.body = TestBatch(first, count, {.writer_id = writer, .sequence = sequence});
  return entry;
}

/// The catalog as the committer sees it: names of commits, durable in an instant.
struct TestCatalog {
  std::map<int64_t, uint64_t> named;  // in which journal file
  std::map<LogId, LogStart> starts;
  std::string live;
  std::string end;
  std::set<LogId> gone;
  Status refuse;  // the answer to the next group
  Status refuse_end;
  bool refuse_each = false;
  std::vector<ClosedLogs> close;  // by the next commit that is named
};

/// A log store whose executor runs only when told to.
struct TestWorld {
  explicit TestWorld(std::unique_ptr<store::MemoryFileSystem> f) : files(std::move(f)) {}

  Status Open(uint64_t file_bytes_max = 1 << 20) {
    LogOptions options;
    options.files = files.get();
    options.clock = &clock;
    options.writer = &executor;
    options.notifier = &executor;
    options.file_bytes_max = file_bytes_max;
    options.reserve_bytes = 1 << 14;
    options.gather_files = 2;
    options.logs_in_memory = logs_in_memory;
    options.named_in = [this](uint64_t file) -> Result<std::vector<CommitId>> {
      std::vector<CommitId> ids;
      for (const auto& [id, in] : catalog.named) {
        if (in == file) ids.push_back(CommitId(id));
      }
      return ids;
    };
    options.start_of = [this](LogId id) -> Result<std::optional<LogStart>> {
      const auto found = catalog.starts.find(id);
      return found == catalog.starts.end() ? std::nullopt : std::optional(found->second);
    };
    options.keep_starts = [this](const std::vector<LogStart>& starts) {
      for (const LogStart& start : starts) catalog.starts[start.log] = start;
      return Status::OK();
    };
    options.live_files = [this]() -> Result<std::string> { return catalog.live; };
    options.keep_live_files = [this](const std::string& live) {
      catalog.live = live;
      return Status::OK();
    };
    options.journal_end = [this]() -> Result<std::string> { return catalog.end; };
    options.keep_journal_end = [this](const std::string& end) {
      ARROW_RETURN_NOT_OK(catalog.refuse_end);
      catalog.end = end;
      return Status::OK();
    };
    options.is_kept = [this](LogId id) -> Result<bool> { return !catalog.gone.contains(id); };
    options.apply = [this](std::vector<CatalogCommit>* commits) -> Status {
      if (!catalog.refuse.ok()) return catalog.refuse;
      for (CatalogCommit& commit : *commits) {
        if (catalog.refuse_each) {
          commit.result = Error(Code::kAlreadyExists, Reason::kTableExists, "refused");
        } else {
          catalog.named[commit.id.value] = commit.journal_file;
          commit.closed = std::exchange(catalog.close, {});
        }
      }
      return Status::OK();
    };
    options.on_fatal = [this](const Status& status) { fatal = status; };
    auto opened = LogStore::Open(std::move(options));
    if (!opened.ok()) return opened.status();
    log = std::move(*opened);
    return Status::OK();
  }

  /// Commit and run the world until the answer is there.
  Result<CommitResult> Commit(CommitDraft draft) {
    Result<CommitResult> answer = Status::UnknownError("no answer");
    log->Commit(std::move(draft), [&](const Result<CommitResult>& made) { answer = made; });
    executor.RunUntilIdle();
    return answer;
  }
  Result<CommitResult> Append(LogId id, int64_t first, int64_t count, WriterId writer = kNoWriter,
                              int32_t sequence = -1) {
    CommitDraft draft;
    draft.entries.push_back(TestEntry(id, first, count, writer, sequence));
    return Commit(std::move(draft));
  }
  /// All values of column a in a log, decoded.
  Result<std::vector<int64_t>> Values(LogId id) {
    std::vector<int64_t> values;
    ARROW_ASSIGN_OR_RAISE(const LogRange range, log->Range(id));
    Offset next = range.start;
    while (next < range.end) {
      ARROW_ASSIGN_OR_RAISE(const auto entries, log->Read(id, next, {.bytes_max = 1}));
      for (const auto& entry : entries) {
        ARROW_ASSIGN_OR_RAISE(const auto rows, DecodeBatch(entry.body, TestSchema()));
        const auto& a = static_cast<const arrow::Int64Array&>(*rows->column(0));
        for (int64_t i = 0; i < a.length(); ++i) values.push_back(a.Value(i));
        next = entry.end_offset();
      }
    }
    return values;
  }
  /// End as a killed process does: nothing more is run, files stay as they are.
  void Kill() {
    auto kept = files->Copy();
    const TestCatalog catalog_kept = catalog;
    log.reset();
    executor.Clear();
    files = std::move(kept);
    catalog = catalog_kept;
  }

  ManualClock clock;
  ManualExecutor executor{&clock};
  std::unique_ptr<store::MemoryFileSystem> files;
  TestCatalog catalog;
  Status fatal;
  size_t logs_in_memory = 20'000;
  std::unique_ptr<LogStore> log;
};

}  // namespace firth::log
