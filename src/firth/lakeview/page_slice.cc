#include "firth/lakeview/page_slice.h"

#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/concatenate.h>
#include <arrow/buffer.h>
#include <arrow/chunked_array.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/page_index.h>
#include <parquet/properties.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "firth/format/positioned_input.h"
#include "firth/lakeview/stored_types.h"
#include "firth/schema/key.h"

namespace firth::lakeview {
namespace {

using OffsetIndexPtr = std::shared_ptr<parquet::OffsetIndex>;

/// The bytes before a file's first page.
constexpr int64_t kMagicBytes = 4;
constexpr int64_t kColumnBufferBytes = 64 << 10;

/// Pieces of a file, one behind the other.
class Pieces : public format::PositionedInput {
 public:
  using format::PositionedInput::ReadAt;
  explicit Pieces(std::shared_ptr<arrow::io::RandomAccessFile> file) : file_(std::move(file)) {}

  /// Where the piece lies in here.
  int64_t Add(int64_t position, int64_t bytes) {
    const int64_t begin = size_;
    pieces_[begin] = {position, bytes};
    size_ += bytes;
    return begin;
  }

  Result<int64_t> GetSize() override { return size_; }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    int64_t done = 0;
    while (done < bytes && position + done < size_) {
      const auto piece = std::prev(pieces_.upper_bound(position + done));
      const int64_t inside = position + done - piece->first;
      const int64_t count = std::min(bytes - done, piece->second.second - inside);
      if (count <= 0) break;
      ARROW_ASSIGN_OR_RAISE(const int64_t read, file_->ReadAt(piece->second.first + inside, count,
                                                              static_cast<uint8_t*>(out) + done));
      if (read != count) {
        return Error(Code::kDataLoss, Reason::kIo, "a page ends beyond its file's end");
      }
      done += count;
    }
    return done;
  }

 private:
  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  std::map<int64_t, std::pair<int64_t, int64_t>> pieces_{{0, {0, kMagicBytes}}};
  int64_t size_ = kMagicBytes;
};

/// Least or greatest values of pages as a column of the stored type; null: of another kind.
template <typename Index>
std::shared_ptr<arrow::Array> NumbersOf(const std::vector<typename Index::T>& values,
                                        const std::shared_ptr<arrow::DataType>& type) {
  auto buffer = arrow::Buffer::FromString(std::string(reinterpret_cast<const char*>(values.data()),
                                                      values.size() * sizeof(typename Index::T)));
  return arrow::MakeArray(arrow::ArrayData::Make(type, static_cast<int64_t>(values.size()),
                                                 {nullptr, std::move(buffer)}, 0));
}

Result<std::shared_ptr<arrow::Array>> TextsOf(const std::vector<parquet::ByteArray>& values,
                                              const std::shared_ptr<arrow::DataType>& type) {
  arrow::BinaryBuilder builder;
  for (const auto& value : values) {
    ARROW_RETURN_NOT_OK(builder.Append(value.ptr, static_cast<int32_t>(value.len)));
  }
  ARROW_ASSIGN_OR_RAISE(const auto array, builder.Finish());
  return array->View(type);
}

Result<std::shared_ptr<arrow::Array>> EndsOf(const parquet::ColumnIndex& index, bool least,
                                             const std::shared_ptr<arrow::DataType>& type) {
  using arrow::Type;
  switch (type->id()) {
    case Type::INT32:
    case Type::DATE32: {
      const auto* typed = dynamic_cast<const parquet::Int32ColumnIndex*>(&index);
      if (typed == nullptr) return nullptr;
      return NumbersOf<parquet::Int32ColumnIndex>(least ? typed->min_values() : typed->max_values(),
                                                  type);
    }
    case Type::INT64:
    case Type::TIMESTAMP: {
      const auto* typed = dynamic_cast<const parquet::Int64ColumnIndex*>(&index);
      if (typed == nullptr) return nullptr;
      return NumbersOf<parquet::Int64ColumnIndex>(least ? typed->min_values() : typed->max_values(),
                                                  type);
    }
    case Type::STRING:
    case Type::BINARY: {
      const auto* typed = dynamic_cast<const parquet::ByteArrayColumnIndex*>(&index);
      if (typed == nullptr) return nullptr;
      return TextsOf(least ? typed->min_values() : typed->max_values(), type);
    }
    default:
      return nullptr;
  }
}

/// The beginnings of the keys of pages' least or greatest rows; nothing where they are not known.
Result<std::optional<std::vector<std::string>>> KeysOf(const parquet::ColumnIndex& index,
                                                       bool least, const SortLeaf& by) {
  ARROW_ASSIGN_OR_RAISE(const auto stored, EndsOf(index, least, by.stored));
  if (stored == nullptr) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const auto column, FromStored(stored, by.type));
  ARROW_ASSIGN_OR_RAISE(const auto encoder, schema::KeyEncoder::Make({by.type}));
  std::vector<std::string> keys;
  ARROW_RETURN_NOT_OK(encoder.Encode({column}, &keys));
  return keys;
}

/// May rows between keys that begin so have a key in [from, to)?
bool Meet(const std::string& least, const std::string& greatest, const std::string& from,
          const std::string& to) {
  if (!to.empty() && least >= to) return false;
  return greatest >= from || from.starts_with(greatest);
}

int64_t RowsOf(parquet::ParquetFileReader* file, int group) {
  return file->metadata()->RowGroup(group)->num_rows();
}

/// The last row at or before `row`, or if `up` the first at or after it, that begins a page.
int64_t Edge(const parquet::OffsetIndex& index, int64_t row, bool up, int64_t rows) {
  const auto& pages = index.page_locations();
  const auto above = std::upper_bound(
      pages.begin(), pages.end(), row,
      [](int64_t at, const parquet::PageLocation& page) { return at < page.first_row_index; });
  const int64_t below = above == pages.begin() ? 0 : std::prev(above)->first_row_index;
  if (!up || below == row) return below;
  return above == pages.end() ? rows : above->first_row_index;
}

/// A column's leaves, and where their pages are, by row group.
struct Column {
  std::vector<int> leaves;
  std::map<int, std::map<int, OffsetIndexPtr>> pages;  // by row group, by leaf
};

/// The rows that all of a column's leaves have in whole pages, and that have the spans in them.
std::vector<RowSpan> Widened(parquet::ParquetFileReader* file, const Column& column,
                             const std::vector<RowSpan>& spans) {
  std::vector<RowSpan> wide;
  for (RowSpan span : spans) {
    const int64_t rows = RowsOf(file, span.group);
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& [leaf, index] : column.pages.at(span.group)) {
        const int64_t begin = Edge(*index, span.begin, /*up=*/false, rows);
        const int64_t end = span.end >= rows ? rows : Edge(*index, span.end, /*up=*/true, rows);
        changed = changed || begin != span.begin || end != span.end;
        span.begin = begin;
        span.end = end;
      }
    }
    if (!wide.empty() && wide.back().group == span.group && span.begin <= wide.back().end) {
      wide.back().end = std::max(wide.back().end, span.end);
    } else {
      wide.push_back(span);
    }
  }
  return wide;
}

/// Makes one file of some pages of columns that have their ends at the same rows.
class Slicer {
 public:
  Slicer(parquet::ParquetFileReader* file, std::shared_ptr<arrow::io::RandomAccessFile> source)
      : file_(file), source_(std::make_shared<Pieces>(std::move(source))) {}

  Result<ParquetBytes> Run(const std::vector<const Column*>& columns,
                           const std::vector<RowSpan>& spans) {
    parquet::WriterProperties::Builder properties;
    // All groups of a file were written alike.
    const auto first = file_->metadata()->RowGroup(spans.front().group);
    for (const Column* column : columns) {
      for (const int leaf : column->leaves) {
        const auto chunk = first->ColumnChunk(leaf);
        properties.compression(chunk->path_in_schema(), chunk->compression());
      }
    }
    const auto builder =
        parquet::FileMetaDataBuilder::Make(file_->metadata()->schema(), properties.build());
    for (size_t i = 0; i < spans.size(); ++i) {
      std::map<int, OffsetIndexPtr> pages;
      for (const Column* column : columns) {
        const auto& of_column = column->pages.at(spans[i].group);
        pages.insert(of_column.begin(), of_column.end());
      }
      ARROW_RETURN_NOT_OK(
          AddGroup(spans[i], pages, static_cast<int16_t>(i), builder->AppendRowGroup()));
    }
    return ParquetBytes{.source = source_,
                        .footer = builder->Finish(file_->metadata()->key_value_metadata())};
  }

 private:
  Status AddGroup(const RowSpan& span, const std::map<int, OffsetIndexPtr>& pages, int16_t number,
                  parquet::RowGroupMetaDataBuilder* builder) {
    const auto group = file_->metadata()->RowGroup(span.group);
    builder->set_num_rows(span.end - span.begin);
    int64_t all = 0;
    for (int leaf = 0; leaf < group->num_columns(); ++leaf) {
      auto* chunk = builder->NextColumnChunk();
      const auto index = pages.find(leaf);
      if (index == pages.end()) {
        chunk->Finish(0, -1, -1, kMagicBytes, 0, 0, false, false, {}, {});
        continue;
      }
      ARROW_RETURN_NOT_OK(AddChunk(span, *group->ColumnChunk(leaf), *index->second, chunk));
      all += chunk->total_compressed_size();
    }
    builder->Finish(all, number);
    return Status::OK();
  }

  Status AddChunk(const RowSpan& span, const parquet::ColumnChunkMetaData& stored,
                  const parquet::OffsetIndex& index, parquet::ColumnChunkMetaDataBuilder* chunk) {
    const auto& pages = index.page_locations();
    const auto at = [&](int64_t row) {
      return std::lower_bound(pages.begin(), pages.end(), row,
                              [](const parquet::PageLocation& page, int64_t wanted) {
                                return page.first_row_index < wanted;
                              });
    };
    const auto first = at(span.begin);
    const auto last = at(span.end);
    if (first == pages.end() || first >= last) {
      return Error(Code::kDataLoss, Reason::kNone, "the index of pages has no such rows");
    }
    int64_t dictionary = -1;
    int64_t bytes = 0;
    if (stored.has_dictionary_page() && stored.dictionary_page_offset() > 0 &&
        stored.dictionary_page_offset() < pages.front().offset) {
      bytes = pages.front().offset - stored.dictionary_page_offset();
      dictionary = source_->Add(stored.dictionary_page_offset(), bytes);
    }
    const int64_t end = std::prev(last)->offset + std::prev(last)->compressed_page_size;
    if (end < first->offset) {
      return Error(Code::kDataLoss, Reason::kNone, "the index of pages is in disorder");
    }
    const int64_t data = source_->Add(first->offset, end - first->offset);
    bytes += end - first->offset;
    // Of lists it is not known how many values the pages have; the reader ends with the pages.
    const bool flat = chunk->descr()->max_repetition_level() == 0;
    const int64_t values = flat ? span.end - span.begin : stored.num_values();
    chunk->Finish(values, dictionary, -1, data, bytes, bytes, dictionary >= 0, false, {}, {});
    return Status::OK();
  }

  parquet::ParquetFileReader* const file_;
  const std::shared_ptr<Pieces> source_;
};

/// Columns side by side, each of which skips what its pages have beside the wanted rows.
class SlicedRows : public arrow::RecordBatchReader {
 public:
  struct Part {
    std::unique_ptr<parquet::arrow::ColumnReader> rows;
    std::vector<int64_t> skips;  // before each of the spans
  };

  SlicedRows(std::shared_ptr<arrow::Schema> schema, std::vector<RowSpan> spans, int64_t batch_rows,
             std::vector<std::shared_ptr<parquet::arrow::FileReader>> files,
             std::vector<Part> parts)
      : schema_(std::move(schema)),
        spans_(std::move(spans)),
        batch_rows_(batch_rows),
        files_(std::move(files)),
        parts_(std::move(parts)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    rows->reset();
    if (span_ == spans_.size()) return Status::OK();
    const int64_t all = spans_[span_].end - spans_[span_].begin;
    const int64_t count = std::min(batch_rows_, all - row_);
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (Part& part : parts_) {
      if (row_ == 0 && part.skips[span_] > 0) {
        ARROW_RETURN_NOT_OK(Read(&part, part.skips[span_]).status());
      }
      ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), Read(&part, count));
    }
    row_ += count;
    if (row_ == all) {
      ++span_;
      row_ = 0;
    }
    *rows = arrow::RecordBatch::Make(schema_, count, std::move(columns));
    return Status::OK();
  }

 private:
  static Result<std::shared_ptr<arrow::Array>> Read(Part* part, int64_t count) {
    std::shared_ptr<arrow::ChunkedArray> read;
    ARROW_RETURN_NOT_OK(part->rows->NextBatch(count, &read));
    if (read->length() != count) {
      return Error(Code::kDataLoss, Reason::kNone, "a page has fewer rows than its index says");
    }
    if (read->num_chunks() == 1) return read->chunk(0);
    return arrow::Concatenate(read->chunks());
  }

  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<RowSpan> spans_;
  const int64_t batch_rows_;
  const std::vector<std::shared_ptr<parquet::arrow::FileReader>> files_;
  std::vector<Part> parts_;  // destroyed before the files
  size_t span_ = 0;
  int64_t row_ = 0;  // in the span
};

/// How many rows of `pages` lie before each span and behind the one before it.
std::vector<int64_t> SkipsOf(const std::vector<RowSpan>& pages, const std::vector<RowSpan>& spans) {
  std::vector<int64_t> skips;
  int64_t behind = 0;  // rows of the pages up to the last span's end
  for (const RowSpan& span : spans) {
    int64_t before = 0;
    for (const RowSpan& page : pages) {
      if (page.group == span.group && page.begin <= span.begin && span.end <= page.end) {
        before += span.begin - page.begin;
        break;
      }
      before += page.end - page.begin;
    }
    skips.push_back(before - behind);
    behind = before + span.end - span.begin;
  }
  return skips;
}

void AddLeaves(const parquet::arrow::SchemaField& field, std::vector<int>* leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const auto& child : field.children) AddLeaves(child, leaves);
}

}  // namespace

Result<std::optional<std::vector<RowSpan>>> SpansOf(parquet::ParquetFileReader* file,
                                                    const std::vector<int>& groups,
                                                    const SortLeaf& by, const KeySpans& keys) {
  const auto pages = file->GetPageIndexReader();
  if (pages == nullptr) return std::nullopt;
  std::vector<RowSpan> spans;
  for (const int group : groups) {
    const auto of_group = pages->RowGroup(group);
    if (of_group == nullptr) return std::nullopt;
    const auto index = of_group->GetColumnIndex(by.leaf);
    const auto offsets = of_group->GetOffsetIndex(by.leaf);
    if (index == nullptr || offsets == nullptr || !index->has_null_counts()) return std::nullopt;
    ARROW_ASSIGN_OR_RAISE(const auto least, KeysOf(*index, /*least=*/true, by));
    ARROW_ASSIGN_OR_RAISE(const auto greatest, KeysOf(*index, /*least=*/false, by));
    const auto& locations = offsets->page_locations();
    if (!least.has_value() || !greatest.has_value() || least->size() != locations.size() ||
        greatest->size() != locations.size() || index->null_counts().size() != locations.size()) {
      return std::nullopt;
    }
    for (size_t i = 0; i < locations.size(); ++i) {
      const bool wanted = index->null_counts()[i] != 0 ||
                          std::any_of(keys.begin(), keys.end(), [&](const auto& span) {
                            return Meet((*least)[i], (*greatest)[i], span.first, span.second);
                          });
      if (!wanted) continue;
      const int64_t begin = locations[i].first_row_index;
      const int64_t end =
          i + 1 < locations.size() ? locations[i + 1].first_row_index : RowsOf(file, group);
      if (!spans.empty() && spans.back().group == group && spans.back().end == begin) {
        spans.back().end = end;
      } else {
        spans.push_back({.group = group, .begin = begin, .end = end});
      }
    }
  }
  return spans;
}

Result<std::unique_ptr<parquet::arrow::FileReader>> OpenParquet(const ParquetBytes& file,
                                                                int64_t batch_rows) {
  parquet::ReaderProperties properties;
  properties.enable_buffered_stream();
  properties.set_buffer_size(kColumnBufferBytes);
  parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
  arrow_properties.set_batch_size(batch_rows);
  arrow_properties.set_pre_buffer(false);  // it would hold whole row groups
  parquet::arrow::FileReaderBuilder builder;
  ARROW_RETURN_NOT_OK(builder.Open(file.source, properties, file.footer));
  builder.properties(arrow_properties);
  std::unique_ptr<parquet::arrow::FileReader> reader;
  ARROW_RETURN_NOT_OK(builder.Build(&reader));
  return reader;
}

Result<std::unique_ptr<arrow::RecordBatchReader>> ReadPages(parquet::arrow::FileReader* file,
                                                            PageRequest request) {
  auto* parquet = file->parquet_reader();
  const auto pages = parquet->GetPageIndexReader();
  if (pages == nullptr) return nullptr;
  std::vector<Column> columns(request.columns.size());
  // Columns whose pages end alike are read as one file.
  std::map<std::vector<std::tuple<int, int64_t, int64_t>>, std::vector<size_t>> alike;
  std::vector<std::vector<RowSpan>> wide;
  for (size_t i = 0; i < columns.size(); ++i) {
    AddLeaves(file->manifest().schema_fields.at(static_cast<size_t>(request.columns[i])),
              &columns[i].leaves);
    for (const RowSpan& span : request.spans) {
      auto& of_group = columns[i].pages[span.group];
      if (!of_group.empty()) continue;
      const auto group = pages->RowGroup(span.group);
      for (const int leaf : columns[i].leaves) {
        OffsetIndexPtr index = group == nullptr ? nullptr : group->GetOffsetIndex(leaf);
        if (index == nullptr || index->page_locations().empty()) return nullptr;
        of_group[leaf] = std::move(index);
      }
    }
    wide.push_back(Widened(parquet, columns[i], request.spans));
    std::vector<std::tuple<int, int64_t, int64_t>> key;
    for (const RowSpan& span : wide.back()) key.emplace_back(span.group, span.begin, span.end);
    alike[key].push_back(i);
  }
  std::vector<std::shared_ptr<parquet::arrow::FileReader>> files;
  std::vector<SlicedRows::Part> parts(columns.size());
  for (const auto& [key, members] : alike) {
    std::vector<const Column*> together;
    for (const size_t i : members) together.push_back(&columns[i]);
    ARROW_ASSIGN_OR_RAISE(const ParquetBytes slice,
                          Slicer(parquet, request.source).Run(together, wide[members.front()]));
    ARROW_ASSIGN_OR_RAISE(files.emplace_back(), OpenParquet(slice, request.batch_rows));
    for (const size_t i : members) {
      ARROW_RETURN_NOT_OK(files.back()->GetColumn(request.columns[i], &parts[i].rows));
      parts[i].skips = SkipsOf(wide[i], request.spans);
    }
  }
  std::shared_ptr<arrow::Schema> stored;
  ARROW_RETURN_NOT_OK(file->GetSchema(&stored));
  arrow::FieldVector fields;
  for (const int column : request.columns) fields.push_back(stored->field(column));
  return std::make_unique<SlicedRows>(arrow::schema(std::move(fields)), std::move(request.spans),
                                      request.batch_rows, std::move(files), std::move(parts));
}

}  // namespace firth::lakeview
