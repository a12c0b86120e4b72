// A Database in a simulated world: one thread, files in memory, time that stands still.
#pragma once

#include <arrow/array.h>
#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/random.h"
#include "firth/store/memory_file_system.h"
#include "firth/table/database.h"

namespace firth::table {

inline std::shared_ptr<arrow::Schema> PairSchema() {
  return arrow::schema({arrow::field("k", arrow::int32()), arrow::field("v", arrow::utf8())});
}

/// Rows of PairSchema.
inline std::shared_ptr<arrow::RecordBatch> Pairs(
    const std::vector<std::pair<int32_t, std::optional<std::string>>>& pairs) {
  arrow::Int32Builder k;
  arrow::StringBuilder v;
  for (const auto& [key, value] : pairs) {
    EXPECT_TRUE(k.Append(key).ok());
    EXPECT_TRUE((value.has_value() ? v.Append(*value) : v.AppendNull()).ok());
  }
  return arrow::RecordBatch::Make(PairSchema(), static_cast<int64_t>(pairs.size()),
                                  {*k.Finish(), *v.Finish()});
}

struct TableWorld {
  TableWorld() : files(std::make_unique<store::MemoryFileSystem>()) {}
  ~TableWorld() {
    db.reset();
    executor.RunUntilIdle();
  }

  Status Open() {
    DatabaseOptions options;
    options.files = files.get();
    options.clock = &clock;
    options.random = &random;
    options.writer = &executor;
    options.readers = &executor;
    options.lookups = lookups;
    options.journal_file_bytes_max = 1 << 20;
    options.wait = [this](const std::function<bool()>& done) {
      if (auto first = std::exchange(meanwhile, nullptr); first != nullptr) first();
      while (!done() && executor.RunOne()) {
      }
    };
    options.on_fatal = [this](const Status& status) { fatal = status; };
    options.lake_rows_max = lake_rows_max;
    options.lake_keep_ns = 0;
    options.local_folder = local_folder;
    options.key_view_folder = key_view_folder;
    options.anonymous_role = anonymous_role;
    options.key_lag_bytes_max = key_lag_bytes_max;
    auto opened = Database::Open(std::move(options));
    if (!opened.ok()) return opened.status();
    db = std::move(*opened);
    return Status::OK();
  }
  /// End as a killed process does, and start again on what it left.
  Status Restart() {
    auto kept = files->Copy();
    db.reset();
    executor.RunUntilIdle();
    executor.Clear();
    files = std::move(kept);
    return Open();
  }

  /// The first column of all rows of a table, as text, in scan order.
  std::vector<std::string> Rows(const TablePtr& table, ScanRequest request = {}) {
    request.table = table;
    std::vector<std::string> rows;
    auto scanner = db->Scan(caller, request);
    EXPECT_TRUE(scanner.ok()) << scanner.status().ToString();
    while (scanner.ok()) {
      auto batch = (*scanner)->Next();
      EXPECT_TRUE(batch.ok()) << batch.status().ToString();
      if (!batch.ok() || !batch->has_value()) break;
      for (int64_t i = 0; i < (*batch)->rows->num_rows(); ++i) {
        std::string row;
        if (!(*batch)->changes.empty()) {
          static constexpr const char* kNames[] = {"+A", "+I", "-U", "+U", "-D"};
          row = kNames[static_cast<int>((*batch)->changes[static_cast<size_t>(i)])];
        }
        for (const auto& column : (*batch)->rows->columns()) {
          row += (row.empty() ? "" : " ") + (*column->GetScalar(i))->ToString();
        }
        rows.push_back(row);
      }
    }
    return rows;
  }

  ManualClock clock;
  SeededRandom random{7};
  ManualExecutor executor{&clock};
  Executor* lookups = nullptr;  // null: as `executor`
  std::unique_ptr<store::MemoryFileSystem> files;
  Status fatal;
  std::function<void()> meanwhile;  // run once, when the next commit is queued but not yet made
  int64_t lake_rows_max = 1 << 20;
  std::string local_folder;
  std::string key_view_folder;  // empty: in memory
  std::string anonymous_role = "none";
  uint64_t key_lag_bytes_max = uint64_t{64} << 20;
  access::Caller caller = access::Internal();
  std::unique_ptr<Database> db;
};

}  // namespace firth::table
