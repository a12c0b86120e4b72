#include "firth/lakeview/masks.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/scalar.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "firth/lakeview/file_reader.h"
#include "firth/lakeview/file_stream.h"
#include "firth/lakeview/parquet_call.h"
#include "firth/lakeview/row_order.h"
#include "firth/lakeview/sorted_merge.h"
#include "firth/lakeview/stored_types.h"
#include "firth/schema/schema.h"

namespace firth::lakeview {
namespace {

constexpr int64_t kBatchRows = 8192;
constexpr int32_t kPathId = 2147483546;
constexpr int32_t kPositionId = 2147483545;

enum Change : int32_t { kInserted = 1, kUpdated = 3, kDeleted = 4 };

/// Adds to each row which file it is from, and where in it.
class Placed : public arrow::RecordBatchReader {
 public:
  Placed(std::shared_ptr<arrow::RecordBatchReader> rows, int32_t file)
      : rows_(std::move(rows)), file_(file) {
    auto fields = rows_->schema()->fields();
    fields.push_back(arrow::field("file", arrow::int32(), false));
    fields.push_back(arrow::field("place", arrow::int64(), false));
    schema_ = arrow::schema(std::move(fields));
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(rows));
    if (*rows == nullptr) return Status::OK();
    const int64_t count = (*rows)->num_rows();
    auto columns = (*rows)->columns();
    ARROW_ASSIGN_OR_RAISE(columns.emplace_back(),
                          arrow::MakeArrayFromScalar(arrow::Int32Scalar(file_), count));
    std::vector<int64_t> places(static_cast<size_t>(count));
    std::iota(places.begin(), places.end(), next_);
    next_ += count;
    arrow::Int64Builder builder;
    ARROW_RETURN_NOT_OK(builder.AppendValues(places));
    ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), builder.Finish());
    *rows = arrow::RecordBatch::Make(schema_, count, std::move(columns));
    return Status::OK();
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> rows_;
  const int32_t file_;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t next_ = 0;
};

/// The rows that are current, a bit each.
class CurrentRows {
 public:
  explicit CurrentRows(const std::vector<LakeFilePtr>& files) {
    for (const auto& file : files) current_.emplace_back(static_cast<size_t>(file->info.rows));
  }

  /// Take rows sorted by key and then by offset.
  Status Add(const arrow::RecordBatch& rows, const std::vector<std::string>& keys) {
    const int first = rows.num_columns() - 3;
    const auto* changes = rows.column_data(first)->GetValues<int32_t>(1);
    const auto* files = rows.column_data(first + 1)->GetValues<int32_t>(1);
    const auto* places = rows.column_data(first + 2)->GetValues<int64_t>(1);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (!any_ || keys[i] != key_) {
        Settle();
        key_ = keys[i];
        any_ = true;
      }
      const int32_t change = changes[i];
      if (change != kInserted && change != kUpdated && change != kDeleted) continue;
      held_ = change != kDeleted;
      file_ = static_cast<size_t>(files[i]);
      place_ = static_cast<size_t>(places[i]);
      if (file_ >= current_.size() || place_ >= current_[file_].size()) {
        return Error(Code::kDataLoss, Reason::kNone, "a lake file has more rows than it should");
      }
    }
    return Status::OK();
  }

  void Settle() {
    if (std::exchange(held_, false)) current_[file_][place_] = true;
  }

  const std::vector<std::vector<bool>>& current() const { return current_; }

 private:
  std::vector<std::vector<bool>> current_;
  std::string key_;
  bool any_ = false;   // is key_ one?
  bool held_ = false;  // is its last effect, at file_ and place_, a row?
  size_t file_ = 0;
  size_t place_ = 0;
};

Result<CurrentRows> FindCurrent(store::FileSystem* store, const catalog::EditionInfo& edition,
                                const std::vector<LakeFilePtr>& files) {
  ARROW_ASSIGN_OR_RAISE(const RowOrder full, RowOrder::Make(edition));
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const int column : full.columns()) {
    fields.push_back(edition.newest().schema->field(column));
  }
  fields.push_back(arrow::field(kChangeColumn, arrow::int32(), false));
  const auto wanted = arrow::schema(std::move(fields));
  std::vector<std::shared_ptr<arrow::RecordBatchReader>> readers;
  for (const auto& file : files) {
    const catalog::SchemaInfo* written = edition.FindSchema(file->info.schema_id);
    if (written == nullptr) {
      return Error(Code::kDataLoss, Reason::kSchemaNotFound,
                   "the schema of the lake file " + file->path + " is missing");
    }
    ARROW_ASSIGN_OR_RAISE(
        auto rows,
        OpenLakeFile(store, file,
                     {.written = written->schema, .wanted = wanted, .batch_rows = kBatchRows}));
    readers.push_back(
        std::make_shared<Placed>(std::move(rows), static_cast<int32_t>(readers.size())));
  }
  const RowOrder order = full.OverSortColumns();
  ARROW_ASSIGN_OR_RAISE(const auto merged, MergeSorted(std::move(readers), order, kBatchRows));
  CurrentRows current(files);
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> rows;
    ARROW_RETURN_NOT_OK(merged->ReadNext(&rows));
    if (rows == nullptr) break;
    std::vector<std::string> keys;
    ARROW_RETURN_NOT_OK(order.Keys(*rows, &keys));
    ARROW_RETURN_NOT_OK(current.Add(*rows, keys));
  }
  current.Settle();
  return current;
}

std::shared_ptr<arrow::Schema> PositionSchema() {
  const auto with_id = [](int32_t id) {
    return arrow::key_value_metadata({kParquetIdKey}, {std::to_string(id)});
  };
  return arrow::schema({arrow::field("file_path", arrow::utf8(), false, with_id(kPathId)),
                        arrow::field("pos", arrow::int64(), false, with_id(kPositionId))});
}

/// Write the places whose bit is not set.
Status WritePlaces(const std::string& path, const std::vector<bool>& current,
                   parquet::arrow::FileWriter* writer, int64_t* rows) {
  size_t next = 0;
  while (next < current.size()) {
    arrow::Int64Builder places;
    for (; next < current.size() && places.length() < kBatchRows; ++next) {
      if (!current[next]) ARROW_RETURN_NOT_OK(places.Append(static_cast<int64_t>(next)));
    }
    if (places.length() == 0) continue;
    const int64_t count = places.length();
    ARROW_ASSIGN_OR_RAISE(const auto positions, places.Finish());
    ARROW_ASSIGN_OR_RAISE(const auto paths,
                          arrow::MakeArrayFromScalar(arrow::StringScalar(path), count));
    *rows += count;
    const auto batch = arrow::RecordBatch::Make(PositionSchema(), count, {paths, positions});
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
  }
  return Status::OK();
}

}  // namespace

Result<MaskFile> WriteMask(store::FileSystem* store, const catalog::EditionInfo& edition,
                           const std::vector<LakeFilePtr>& files, const std::string& root,
                           const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const CurrentRows found, FindCurrent(store, edition, files));
  const auto& current = found.current();
  MaskFile mask{.path = path};
  if (std::all_of(current.begin(), current.end(), [](const std::vector<bool>& bits) {
        return std::find(bits.begin(), bits.end(), false) == bits.end();
      })) {
    return mask;
  }
  std::vector<size_t> by_path(files.size());
  std::iota(by_path.begin(), by_path.end(), size_t{0});
  std::sort(by_path.begin(), by_path.end(),
            [&](size_t a, size_t b) { return files[a]->path < files[b]->path; });
  ARROW_ASSIGN_OR_RAISE(const auto sink, FileSink::Make(store, path));
  ARROW_RETURN_NOT_OK(Catch([&]() -> Status {
    const auto properties =
        parquet::WriterProperties::Builder().compression(parquet::Compression::ZSTD)->build();
    ARROW_ASSIGN_OR_RAISE(const auto writer,
                          parquet::arrow::FileWriter::Open(
                              *PositionSchema(), arrow::default_memory_pool(), sink, properties));
    for (const size_t i : by_path) {
      ARROW_RETURN_NOT_OK(
          WritePlaces(root + '/' + files[i]->path, current[i], writer.get(), &mask.rows));
    }
    return writer->Close();
  }));
  ARROW_RETURN_NOT_OK(sink->Close());
  mask.bytes = sink->size();
  return mask;
}

}  // namespace firth::lakeview
