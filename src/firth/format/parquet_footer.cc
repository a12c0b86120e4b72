#include "firth/format/parquet_footer.h"

#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <utility>

#include "firth/format/thrown.h"
#include "firth/schema/schema.h"

namespace firth::format {
namespace {

constexpr int32_t kMetadataItemsMax = 4 * schema::kFieldsMax;
constexpr int32_t kMetadataTextMax = 64 << 20;
/// Writers cut longer text off, and do not always say so.
constexpr size_t kTextBytesMax = 32;
constexpr int64_t kMagicBytes = 4;

Status Wrong(const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kNone, "the Parquet file's footer " + what);
}

bool IsShort(const arrow::Scalar& scalar) {
  if (!arrow::is_base_binary_like(scalar.type->id())) return true;
  const auto& value = static_cast<const arrow::BaseBinaryScalar&>(scalar).value;
  return value != nullptr && static_cast<size_t>(value->size()) <= kTextBytesMax;
}

ParquetFooter::Column ColumnOf(const parquet::ColumnChunkMetaData& chunk,
                               const arrow::DataType& type) {
  ParquetFooter::Column column;
  if (!chunk.is_stats_set()) return column;
  const auto statistics = chunk.statistics();
  if (statistics == nullptr) return column;
  if (statistics->HasNullCount()) column.nulls = statistics->null_count();
  const bool exact = statistics->is_min_value_exact().value_or(true) &&
                     statistics->is_max_value_exact().value_or(true);
  if (!statistics->HasMinMax() || !exact || arrow::is_floating(type.id())) return column;
  std::shared_ptr<arrow::Scalar> least;
  std::shared_ptr<arrow::Scalar> greatest;
  if (!parquet::arrow::StatisticsAsScalars(*statistics, &least, &greatest).ok()) return column;
  if (!least->type->Equals(type) || !greatest->type->Equals(type)) return column;
  if (!IsShort(*least) || !IsShort(*greatest)) return column;
  column.least = std::move(least);
  column.greatest = std::move(greatest);
  return column;
}

Status CheckChunk(const parquet::ColumnChunkMetaData& chunk, int64_t data_end) {
  int64_t begin = chunk.data_page_offset();
  if (chunk.has_dictionary_page() && chunk.dictionary_page_offset() > 0) {
    begin = std::min(begin, chunk.dictionary_page_offset());
  }
  const int64_t bytes = chunk.total_compressed_size();
  if (begin >= kMagicBytes && bytes >= 0 && begin <= data_end && bytes <= data_end - begin) {
    return Status::OK();
  }
  return Wrong("names bytes that the file does not have");
}

Result<ParquetFooter> Read(const std::shared_ptr<arrow::io::RandomAccessFile>& input) {
  parquet::ReaderProperties properties;
  properties.set_thrift_container_size_limit(kMetadataItemsMax);
  properties.set_thrift_string_size_limit(kMetadataTextMax);
  ARROW_ASSIGN_OR_RAISE(const int64_t file_bytes, input->GetSize());
  parquet::arrow::FileReaderBuilder builder;
  ARROW_RETURN_NOT_OK(builder.Open(input, properties));
  std::unique_ptr<parquet::arrow::FileReader> file;
  ARROW_RETURN_NOT_OK(builder.Build(&file));
  ParquetFooter footer;
  ARROW_RETURN_NOT_OK(file->GetSchema(&footer.schema));
  const auto metadata = file->parquet_reader()->metadata();
  footer.rows = metadata->num_rows();
  // Behind the data stand the footer, its length and the format's mark.
  const int64_t data_end = file_bytes - static_cast<int64_t>(metadata->size()) - 8;
  int64_t rows = 0;
  for (int g = 0; g < metadata->num_row_groups(); ++g) {
    const auto group = metadata->RowGroup(g);
    ParquetFooter::Group& out = footer.groups.emplace_back();
    out.rows = group->num_rows();
    out.bytes = group->total_byte_size();
    if (out.rows < 0 || __builtin_add_overflow(rows, out.rows, &rows)) {
      return Wrong("counts rows wrongly");
    }
    for (int c = 0; c < group->num_columns(); ++c) {
      ARROW_RETURN_NOT_OK(CheckChunk(*group->ColumnChunk(c), data_end));
    }
    for (const auto& field : file->manifest().schema_fields) {
      out.columns.push_back(
          field.is_leaf() ? ColumnOf(*group->ColumnChunk(field.column_index), *field.field->type())
                          : ParquetFooter::Column());
    }
  }
  if (rows != footer.rows) return Wrong("counts rows that its row groups do not have");
  return footer;
}

}  // namespace

Result<ParquetFooter> ReadParquetFooter(std::shared_ptr<arrow::io::RandomAccessFile> input) {
  return Catch([&] { return Read(input); });
}

}  // namespace firth::format
