#include "firth/format/parquet_file.h"

#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/properties.h>

#include <atomic>
#include <numeric>
#include <utility>

#include "firth/format/nested_nulls.h"
#include "firth/format/thrown.h"
#include "firth/schema/schema.h"

namespace firth::format {
namespace {

constexpr int64_t kColumnBufferBytes = 256 << 10;
constexpr int64_t kRowGroupRows = 1 << 20;
/// Items of any list in a file's metadata: schema elements, row groups, columns.
constexpr int32_t kMetadataItemsMax = 4 * schema::kFieldsMax;
constexpr int32_t kMetadataTextMax = 64 << 20;

void AddLeaves(const parquet::arrow::SchemaField& field, std::vector<int>* leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const auto& child : field.children) AddLeaves(child, leaves);
}

/// Batches of a file that is kept open with them.
class ParquetBatches : public arrow::RecordBatchReader {
 public:
  ParquetBatches(std::unique_ptr<parquet::arrow::FileReader> file,
                 std::unique_ptr<arrow::RecordBatchReader> batches)
      : file_(std::move(file)),
        batches_(std::move(batches)),
        rows_(file_->parquet_reader()->metadata()->num_rows()) {}

  std::shared_ptr<arrow::Schema> schema() const override { return batches_->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    return Catch([&]() -> Status {
      ARROW_RETURN_NOT_OK(batches_->ReadNext(batch));
      if (*batch != nullptr) rows_read_ += (*batch)->num_rows();
      return Status::OK();
    });
  }
  double Progress() const {
    return rows_ == 0 ? 1.0 : static_cast<double>(rows_read_.load()) / static_cast<double>(rows_);
  }

 private:
  const std::unique_ptr<parquet::arrow::FileReader> file_;
  const std::unique_ptr<arrow::RecordBatchReader> batches_;  // destroyed first
  const int64_t rows_;
  std::atomic<int64_t> rows_read_ = 0;
};

Result<ConformedInput> Open(Source* source, const ReadOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto input, source->AsFile());
  parquet::ReaderProperties properties;
  properties.enable_buffered_stream();
  properties.set_buffer_size(kColumnBufferBytes);
  properties.set_thrift_container_size_limit(kMetadataItemsMax);
  properties.set_thrift_string_size_limit(kMetadataTextMax);
  parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
  arrow_properties.set_batch_size(std::max<int64_t>(1, options.batch_rows));
  arrow_properties.set_pre_buffer(false);  // it would hold whole row groups

  parquet::arrow::FileReaderBuilder builder;
  ARROW_RETURN_NOT_OK(builder.Open(std::move(input), properties));
  builder.properties(arrow_properties);
  std::unique_ptr<parquet::arrow::FileReader> file;
  ARROW_RETURN_NOT_OK(builder.Build(&file));
  std::shared_ptr<arrow::Schema> found;
  ARROW_RETURN_NOT_OK(file->GetSchema(&found));

  ConformedInput conformed{
      .name = source->name, .batch_rows = options.batch_rows, .validate = true};
  ARROW_ASSIGN_OR_RAISE(conformed.wanted, Choose(*found, options));
  std::vector<int> leaves;
  for (const int column : conformed.wanted.sources) {
    if (column < 0) continue;
    AddLeaves(file->manifest().schema_fields.at(static_cast<size_t>(column)), &leaves);
  }
  std::vector<int> groups(static_cast<size_t>(file->num_row_groups()));
  std::iota(groups.begin(), groups.end(), 0);
  ARROW_ASSIGN_OR_RAISE(auto batches, file->GetRecordBatchReader(groups, leaves));
  // The reader gives the file's order, not the one of `leaves`.
  for (int& at : conformed.wanted.sources) {
    if (at >= 0) at = batches->schema()->GetFieldIndex(found->field(at)->name());
  }
  conformed.all_columns = true;
  auto kept = std::make_shared<ParquetBatches>(std::move(file), std::move(batches));
  conformed.progress = [kept] { return kept->Progress(); };
  conformed.batches = std::move(kept);
  return conformed;
}

class ParquetWriter : public FileWriter {
 public:
  explicit ParquetWriter(std::unique_ptr<parquet::arrow::FileWriter> writer)
      : writer_(std::move(writer)) {}
  Status Write(const arrow::RecordBatch& batch) override {
    const auto rows = WithoutNullsBelowNulls(batch);
    return Catch([&] { return writer_->WriteRecordBatch(*rows); });
  }
  Status Close() override {
    return Catch([&] { return writer_->Close(); });
  }

 private:
  const std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<FileReader>> OpenParquet(Source source, const ReadOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto input, Catch([&] { return Open(&source, options); }));
  return Conform(std::move(input));
}

Result<std::unique_ptr<FileWriter>> MakeParquetWriter(
    std::shared_ptr<arrow::io::OutputStream> sink, const std::shared_ptr<arrow::Schema>& schema) {
  return Catch([&]() -> Result<std::unique_ptr<FileWriter>> {
    const auto properties = parquet::WriterProperties::Builder()
                                .compression(parquet::Compression::ZSTD)
                                ->max_row_group_length(kRowGroupRows)
                                ->build();
    const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ARROW_ASSIGN_OR_RAISE(auto writer, parquet::arrow::FileWriter::Open(
                                           *schema, arrow::default_memory_pool(), std::move(sink),
                                           properties, arrow_properties));
    return std::make_unique<ParquetWriter>(std::move(writer));
  });
}

}  // namespace firth::format
