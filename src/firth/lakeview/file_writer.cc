#include "firth/lakeview/file_writer.h"

#include <arrow/array.h>
#include <arrow/memory_pool.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <algorithm>
#include <utility>

#include "firth/format/nested_nulls.h"
#include "firth/lakeview/file_stream.h"
#include "firth/lakeview/parquet_call.h"
#include "firth/lakeview/stored_types.h"
#include "firth/schema/key.h"

namespace firth::lakeview {
namespace {

/// Rows of a page at most: a look-up reads at least one page of each column.
constexpr int64_t kPageRows = 8192;
/// A look-up reads the dictionary of each column whole, and one of more values saves little.
constexpr int64_t kDictionaryBytesMax = 128 << 10;

/// Least and greatest of a column without nulls.
void Widen(const arrow::Array& column, int64_t* least, int64_t* greatest) {
  const auto* values = column.data()->GetValues<int64_t>(1);
  for (int64_t i = 0; i < column.length(); ++i) {
    *least = std::min(*least, values[i]);
    *greatest = std::max(*greatest, values[i]);
  }
}

class Writer : public LakeFileWriter {
 public:
  Writer(store::FileSystem* files, std::string path, std::shared_ptr<FileSink> sink,
         std::unique_ptr<parquet::arrow::FileWriter> writer, int hidden)
      : files_(files),
        path_(std::move(path)),
        sink_(std::move(sink)),
        writer_(std::move(writer)),
        hidden_(hidden) {}

  ~Writer() override {
    if (finished_) return;
    // Parquet's writer would close itself, and throw where that fails.
    static_cast<void>(Catch([&] { return writer_->Close(); }));
    static_cast<void>(files_->Remove(path_));
  }

  Status Write(const arrow::RecordBatch& rows) override {
    const auto plain = format::WithoutNullsBelowNulls(rows);
    ARROW_RETURN_NOT_OK(Catch([&] { return writer_->WriteRecordBatch(*plain); }));
    info_.rows += rows.num_rows();
    Widen(*rows.column(hidden_), &first_offset_, &last_offset_);
    Widen(*rows.column(hidden_ + 1), &first_commit_, &last_commit_);
    Widen(*rows.column(hidden_ + 2), &first_time_, &last_time_);
    return Status::OK();
  }

  void AddKey(std::string_view key, bool begins_group) override {
    if (info_.least_key.empty()) info_.least_key = key.substr(0, kKeyBytesMax);
    if (begins_group) info_.group_keys.emplace_back(key.substr(0, kKeyBytesMax));
    info_.greatest_key = key;
    if (info_.greatest_key.size() > kKeyBytesMax) {
      info_.greatest_key = schema::PrefixEnd(key.substr(0, kKeyBytesMax));
    }
  }

  Result<LakeFileInfo> Finish() override {
    ARROW_RETURN_NOT_OK(Catch([&] { return writer_->Close(); }));
    ARROW_RETURN_NOT_OK(sink_->Close());
    finished_ = true;
    info_.bytes = sink_->size();
    info_.hash = sink_->hash();
    info_.begin = Offset(first_offset_);
    info_.end = Offset(last_offset_ + 1);
    info_.first_commit = CommitId(first_commit_);
    info_.last_commit = CommitId(last_commit_);
    info_.first_time_ns = first_time_;
    info_.last_time_ns = last_time_;
    return info_;
  }

  int64_t rows() const override { return info_.rows; }

 private:
  store::FileSystem* const files_;
  const std::string path_;
  const std::shared_ptr<FileSink> sink_;
  const std::unique_ptr<parquet::arrow::FileWriter> writer_;
  const int hidden_;  // the index of the first hidden column
  LakeFileInfo info_;
  int64_t first_offset_ = INT64_MAX;
  int64_t last_offset_ = INT64_MIN;
  int64_t first_commit_ = INT64_MAX;
  int64_t last_commit_ = INT64_MIN;
  int64_t first_time_ = INT64_MAX;
  int64_t last_time_ = INT64_MIN;
  bool finished_ = false;
};

/// Can values of this type be looked up by equality, and are there more than a few?
bool CanBeLookedUp(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || arrow::is_base_binary_like(type.id()) ||
         arrow::is_temporal(type.id());
}

std::shared_ptr<parquet::WriterProperties> Properties(const arrow::Schema& schema,
                                                      const std::vector<std::string>& looked_up) {
  parquet::WriterProperties::Builder builder;
  builder.compression(parquet::Compression::ZSTD)
      ->compression_level(1)
      ->enable_statistics()
      ->enable_write_page_index()
      ->enable_page_checksum()
      ->max_row_group_length(kRowGroupRows)
      ->max_rows_per_page(kPageRows)
      ->dictionary_pagesize_limit(kDictionaryBytesMax);
  // Numbers that rise: their differences take less room than any dictionary.
  for (const char* column : {kOffsetColumn, kCommitColumn, kTimeColumn}) {
    builder.disable_dictionary(column)->encoding(column, parquet::Encoding::DELTA_BINARY_PACKED);
  }
  for (const std::string& column : looked_up) {
    const auto field = schema.GetFieldByName(column);
    if (field == nullptr || !CanBeLookedUp(*field->type())) continue;
    builder.enable_bloom_filter(
        std::make_shared<parquet::schema::ColumnPath>(std::vector<std::string>{column}),
        parquet::BloomFilterOptions{.ndv = kRowGroupRows});
  }
  return builder.build();
}

}  // namespace

Result<std::unique_ptr<LakeFileWriter>> LakeFileWriter::Make(
    store::FileSystem* files, std::string path, const std::shared_ptr<arrow::Schema>& schema,
    const std::vector<std::string>& looked_up) {
  ARROW_ASSIGN_OR_RAISE(auto sink, FileSink::Make(files, path));
  auto writer = Catch([&]() -> Result<std::unique_ptr<parquet::arrow::FileWriter>> {
    const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    return parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), sink,
                                            Properties(*schema, looked_up), arrow_properties);
  });
  if (!writer.ok()) {
    static_cast<void>(files->Remove(path));
    return writer.status();
  }
  return std::make_unique<Writer>(files, std::move(path), std::move(sink), std::move(*writer),
                                  schema->num_fields() - kHiddenColumns);
}

}  // namespace firth::lakeview
