// Tables in memory behind a resolver, and the real library.
#pragma once

#include <arrow/array.h>
#include <arrow/json/from_string.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "firth/query/query_engine.h"
#include "firth/query/table_resolver.h"

namespace firth::query {

struct MemoryTables : TableResolver {
  Result<std::vector<ResolvedTable>> Resolve(const std::vector<NamedTable>& names) override {
    std::vector<ResolvedTable> resolved;
    for (const NamedTable& name : names) {
      past.push_back(name.at);
      ARROW_ASSIGN_OR_RAISE(resolved.emplace_back(), ResolveOne(name.name));
    }
    return resolved;
  }

  Result<ResolvedTable> ResolveOne(const std::vector<std::string>& name) {
    std::string path;
    for (const std::string& part : name) path += (path.empty() ? "" : "/") + part;
    const auto found = tables.find(path);
    if (found == tables.end()) {
      return Error(Code::kNotFound, Reason::kTableNotFound, "there is no table " + path);
    }
    const auto batches = found->second;
    return ResolvedTable{.schema = batches.front()->schema(),
                         .open = [this, batches](const std::vector<std::string>& columns,
                                                 const schema::RowFilter& filter)
                             -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
                           {
                             const std::lock_guard lock(mutex);
                             opened.push_back(columns);
                             filters.push_back(filter);
                           }
                           if (!read_error.ok()) return read_error;
                           ARROW_ASSIGN_OR_RAISE(auto table,
                                                 arrow::Table::FromRecordBatches(batches));
                           std::vector<int> indices;
                           for (const auto& column : columns) {
                             indices.push_back(table->schema()->GetFieldIndex(column));
                           }
                           ARROW_ASSIGN_OR_RAISE(table, table->SelectColumns(indices));
                           ARROW_ASSIGN_OR_RAISE(const auto rows, table->CombineChunksToBatch());
                           return arrow::RecordBatchReader::Make({rows});
                         }};
  }

  void Add(const std::string& path, const std::shared_ptr<arrow::Schema>& schema,
           const std::string& json) {
    const auto array = *arrow::json::ArrayFromJSONString(arrow::struct_(schema->fields()), json);
    tables[path] = {*arrow::RecordBatch::FromStructArray(array)};
  }

  std::map<std::string, arrow::RecordBatchVector> tables;
  std::vector<std::optional<PastState>> past;  // that was asked for
  Status read_error;
  std::mutex mutex;
  std::vector<std::vector<std::string>> opened;  // guarded by mutex
  std::vector<schema::RowFilter> filters;        // guarded by mutex: of each time
};

class QueryEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    tables_.Add(
        "staff",
        arrow::schema({arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8()),
                       arrow::field("room", arrow::int32())}),
        R"([{"id": 1, "name": "ada", "room": 7}, {"id": 2, "name": "bob", "room": null},
                    {"id": 3, "name": null, "room": 7}])");
    tables_.Add("d/rooms",
                arrow::schema(
                    {arrow::field("room", arrow::int32()), arrow::field("floor", arrow::int32())}),
                R"([{"room": 7, "floor": 1}, {"room": 8, "floor": 2}])");
  }

  Result<std::shared_ptr<arrow::Table>> Run(const std::string& sql, QueryOptions options = {}) {
    ARROW_ASSIGN_OR_RAISE(const auto result, engine_.Run(sql, &tables_, options));
    arrow::RecordBatchVector batches;
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const auto rows, result->Next());
      if (rows == nullptr) break;
      ARROW_RETURN_NOT_OK(rows->ValidateFull());
      batches.push_back(rows);
    }
    return arrow::Table::FromRecordBatches(result->schema(), batches);
  }

  /// All rows, values with spaces between, rows with `; `.
  std::string Rows(const std::string& sql) {
    const auto table = Run(sql);
    if (!table.ok()) return table.status().ToString();
    std::string text;
    for (int64_t row = 0; row < (*table)->num_rows(); ++row) {
      if (row > 0) text += "; ";
      for (int i = 0; i < (*table)->num_columns(); ++i) {
        text += (i > 0 ? " " : "") + (*(*table)->column(i)->GetScalar(row))->ToString();
      }
    }
    return text;
  }

  QueryEngine engine_;
  MemoryTables tables_;
};

}  // namespace firth::query
