#include "firth/format/csv.h"

#include <arrow/array/array_binary.h>
#include <arrow/buffer.h>
#include <arrow/csv/options.h>
#include <arrow/csv/reader.h>
#include <arrow/io/memory.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "firth/format/json_documents.h"
#include "firth/format/json_lines.h"
#include "firth/format/streams.h"
#include "firth/format/value_column.h"

namespace firth::format {
namespace {

using arrow::Type;

/// Arrow's reader takes a block at a time; a row must lie in two of them.
constexpr int32_t kBlockBytes = kSampleBytes;

struct CsvOptions {
  arrow::csv::ReadOptions read = arrow::csv::ReadOptions::Defaults();
  arrow::csv::ParseOptions parse = arrow::csv::ParseOptions::Defaults();
  arrow::csv::ConvertOptions convert = arrow::csv::ConvertOptions::Defaults();

  CsvOptions(FileFormat format, const ReadOptions& options) {
    read.use_threads = false;  // and errors then know their row
    read.block_size = kBlockBytes;
    if (!options.header) {
      if (options.schema != nullptr) {
        read.column_names = options.schema->field_names();
      } else {
        read.autogenerate_column_names = true;
      }
    }
    parse.delimiter = DelimiterOf(format);
    parse.newlines_in_values = true;
    // Where there is only one column, a line with nothing on it is a row: its value is missing.
    parse.ignore_empty_lines =
        options.header || options.schema == nullptr || options.schema->num_fields() != 1;
    convert.null_values = options.null_values;
    convert.strings_can_be_null = true;
    convert.quoted_strings_can_be_null = false;
  }

  Result<std::shared_ptr<arrow::csv::StreamingReader>> Open(
      std::shared_ptr<arrow::io::InputStream> stream) const {
    return arrow::csv::StreamingReader::Make(arrow::io::default_io_context(), std::move(stream),
                                             read, parse, convert);
  }
};

/// Can Arrow's reader make this type? The rest is read as text and made by us.
bool IsNative(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::BOOL:
    case Type::INT8:
    case Type::INT16:
    case Type::INT32:
    case Type::INT64:
    case Type::UINT8:
    case Type::UINT16:
    case Type::UINT32:
    case Type::UINT64:
    case Type::FLOAT:
    case Type::DOUBLE:
    case Type::STRING:
    case Type::LARGE_STRING:
      return true;
    default:
      return false;
  }
}

/// The text of a file, of which the end is remembered.
class CsvText : public ResumedStream {
 public:
  using ResumedStream::ResumedStream;

  /// Once all is read: does a quote stand last that closes a value? Quotes in a value are doubled,
  /// so with the one that closes it they are odd.
  bool EndsWithClosingQuote() const {
    const size_t end = end_.find_last_not_of(" \t\r\n");
    if (end == std::string::npos) return false;
    const size_t other = end_.find_last_not_of('"', end);  // npos counts as -1
    return (end - other) % 2 == 1;
  }

 protected:
  Result<int64_t> ReadSome(int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t count, ResumedStream::ReadSome(bytes, out));
    const auto kept = static_cast<size_t>(std::min(count, int64_t{kEndBytes}));
    end_.append(static_cast<const char*>(out) + count - kept, kept);
    if (end_.size() > kEndBytes) end_.erase(0, end_.size() - kEndBytes);
    return count;
  }

 private:
  static constexpr size_t kEndBytes = 256;
  std::string end_;
};

/// How far Arrow's reader is, which reads its input far ahead: of what was read of the file, the
/// part whose rows it has given out.
std::function<double()> ProgressOf(std::function<double()> input, std::shared_ptr<CsvText> stream,
                                   std::shared_ptr<arrow::csv::StreamingReader> reader) {
  if (input == nullptr) return nullptr;
  return [input = std::move(input), stream = std::move(stream), reader = std::move(reader)] {
    const auto given = static_cast<double>(reader->bytes_read());
    const auto read = static_cast<double>(stream->position());
    return input() * (read > given ? given / read : 1.0);
  };
}

/// Batches of Arrow's reader, with columns of other types made from their text.
class CsvBatches : public arrow::RecordBatchReader {
 public:
  /// `last`: the column of `schema` that is the last one of the file, or -1.
  CsvBatches(std::shared_ptr<arrow::csv::StreamingReader> reader,
             std::shared_ptr<arrow::Schema> schema, std::shared_ptr<CsvText> text, int last)
      : reader_(std::move(reader)),
        schema_(std::move(schema)),
        text_(std::move(text)),
        last_(last) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(reader_->ReadNext(batch));
    if (*batch == nullptr) return CheckEnd();
    arrow::ArrayVector columns = (*batch)->columns();
    if (last_ >= 0 && (*batch)->num_rows() > 0) KeepLastValue(*columns[static_cast<size_t>(last_)]);
    for (int i = 0; i < schema_->num_fields(); ++i) {
      auto& column = columns[static_cast<size_t>(i)];
      const arrow::Field& field = *schema_->field(i);
      if (column->type()->Equals(*field.type()) || column->type_id() != Type::STRING) continue;
      ARROW_ASSIGN_OR_RAISE(column,
                            FromText(static_cast<const arrow::StringArray&>(*column), field));
    }
    rows_before_ += (*batch)->num_rows();
    *batch = arrow::RecordBatch::Make(schema_, (*batch)->num_rows(), std::move(columns));
    return Status::OK();
  }

 private:
  void KeepLastValue(const arrow::Array& column) {
    const int64_t row = column.length() - 1;
    last_value_has_lines_ =
        column.type_id() == Type::STRING && column.IsValid(row) &&
        static_cast<const arrow::StringArray&>(column).GetView(row).find_first_of("\r\n") !=
            std::string_view::npos;
  }

  /// Arrow's reader takes a value whose quote is never closed for one that goes on to the end of
  /// the file: all lines behind it would be part of it.
  Status CheckEnd() const {
    if (!last_value_has_lines_ || text_->EndsWithClosingQuote()) return Status::OK();
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "row " + std::to_string(rows_before_) + ": the quote before its last value is " +
                     "closed nowhere in the file");
  }

  Result<std::shared_ptr<arrow::Array>> FromText(const arrow::StringArray& texts,
                                                 const arrow::Field& field) {
    ARROW_ASSIGN_OR_RAISE(auto column, ValueColumn::Make(field.name(), field.type()));
    const bool nested = arrow::is_nested(field.type()->id());
    std::string padded;
    for (int64_t i = 0; i < texts.length(); ++i) {
      Status status;
      if (texts.IsNull(i)) {
        status = column->AppendNull();
      } else if (nested) {
        const std::string_view text = texts.GetView(i);
        padded.assign(text);
        padded.append(kJsonPadding, ' ');
        status = column->AppendJsonText(std::string_view(padded).substr(0, text.size()));
      } else {
        status = column->AppendText(texts.GetView(i));
      }
      if (!status.ok()) return Named(status, "row " + std::to_string(rows_before_ + i + 1));
    }
    return column->Finish();
  }

  const std::shared_ptr<arrow::csv::StreamingReader> reader_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<CsvText> text_;
  const int last_;
  int64_t rows_before_ = 0;
  bool last_value_has_lines_ = false;  // the last value of the last row that came
};

/// The columns of a file that begins with `sample`; `whole`: that is all of it.
Result<std::shared_ptr<arrow::Schema>> Infer(const CsvOptions& options,
                                             const std::shared_ptr<arrow::Buffer>& sample,
                                             bool whole) {
  std::shared_ptr<arrow::io::InputStream> stream =
      std::make_shared<arrow::io::BufferReader>(sample);
  if (!whole) {
    // More bytes to come: so the reader leaves a row alone that the sample cuts off.
    stream = std::make_shared<ResumedStream>(
        sample, std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString("\n")));
  }
  ARROW_ASSIGN_OR_RAISE(const auto reader, options.Open(std::move(stream)));
  arrow::FieldVector fields = reader->schema()->fields();
  for (auto& field : fields) {
    if (field->type()->id() == Type::NA) field = field->WithType(arrow::utf8());
  }
  return arrow::schema(std::move(fields));
}

}  // namespace

char DelimiterOf(FileFormat format) {
  switch (format) {
    case FileFormat::kTsv:
      return '\t';
    case FileFormat::kPsv:
      return '|';
    default:
      return ',';
  }
}

Result<std::unique_ptr<FileReader>> OpenCsv(Source source, const ReadOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const std::shared_ptr<arrow::io::InputStream> stream, source.AsStream());
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(kSampleBytes));
  ARROW_ASSIGN_OR_RAISE(const int64_t count,
                        ReadFully(stream.get(), kSampleBytes, buffer->mutable_data()));
  ARROW_RETURN_NOT_OK(buffer->Resize(count));
  const std::shared_ptr<arrow::Buffer> sample = std::move(buffer);

  CsvOptions csv(source.format, options);
  ARROW_ASSIGN_OR_RAISE(const auto found, Infer(csv, sample, /*whole=*/count < kSampleBytes));
  ARROW_ASSIGN_OR_RAISE(Wanted wanted, Choose(*found, options));

  // The types that the text is first read as; what comes out has the wanted types where possible.
  arrow::FieldVector fields;
  for (int i = 0; i < wanted.schema->num_fields(); ++i) {
    if (wanted.sources[static_cast<size_t>(i)] < 0) continue;
    const auto& field = wanted.schema->field(i);
    const bool declared = options.schema != nullptr;
    csv.convert.column_types[field->name()] =
        !declared || IsNative(*field->type()) ? field->type() : arrow::utf8();
    csv.convert.include_columns.push_back(field->name());
    fields.push_back(field);
  }
  const auto text = std::make_shared<CsvText>(sample, stream);
  ARROW_ASSIGN_OR_RAISE(const auto reader, csv.Open(text));
  const auto schema = arrow::schema(std::move(fields));
  const int last = schema->GetFieldIndex(found->field(found->num_fields() - 1)->name());
  return Conform({.name = source.name,
                  .wanted = std::move(wanted),
                  .batches = std::make_shared<CsvBatches>(reader, schema, text, last),
                  .progress = ProgressOf(source.progress, text, reader),
                  .batch_rows = options.batch_rows});
}

}  // namespace firth::format
