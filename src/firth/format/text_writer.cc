#include "firth/format/text_writer.h"

#include <algorithm>
#include <utility>

#include "firth/format/csv.h"
#include "firth/format/text_values.h"
#include "firth/schema/schema.h"

namespace firth::format {
namespace {

/// Text gathers up to this before it goes to the sink.
constexpr size_t kFlushBytes = 1 << 20;

class TextWriter : public FileWriter {
 public:
  TextWriter(std::shared_ptr<arrow::io::OutputStream> sink, std::shared_ptr<arrow::Schema> schema)
      : sink_(std::move(sink)), schema_(std::move(schema)) {}

  Status Write(const arrow::RecordBatch& batch) override {
    if (!batch.schema()->Equals(*schema_, /*check_metadata=*/false)) {
      return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                   "a batch has other columns than the file");
    }
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      AppendRow(batch, row, &text_);
      if (text_.size() >= kFlushBytes) ARROW_RETURN_NOT_OK(Flush());
    }
    return Flush();
  }
  Status Close() override { return Flush(); }

 protected:
  virtual void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) = 0;

  std::string text_;

 private:
  Status Flush() {
    ARROW_RETURN_NOT_OK(sink_->Write(text_));
    text_.clear();
    return Status::OK();
  }

  const std::shared_ptr<arrow::io::OutputStream> sink_;
  const std::shared_ptr<arrow::Schema> schema_;
};

class JsonWriter : public TextWriter {
 public:
  JsonWriter(std::shared_ptr<arrow::io::OutputStream> sink,
             const std::shared_ptr<arrow::Schema>& schema)
      : TextWriter(std::move(sink), schema) {
    for (const auto& field : schema->fields()) {
      std::string name = names_.empty() ? "{" : ",";
      AppendJsonString(field->name(), &name);
      names_.push_back(name + ":");
    }
  }

 protected:
  void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) override {
    for (size_t i = 0; i < names_.size(); ++i) {
      out->append(names_[i]);
      AppendJsonValue(*batch.column(static_cast<int>(i)), row, out);
    }
    out->append("}\n");
  }

 private:
  std::vector<std::string> names_;  // with what stands before and behind them
};

class CsvWriter : public TextWriter {
 public:
  CsvWriter(std::shared_ptr<arrow::io::OutputStream> sink,
            const std::shared_ptr<arrow::Schema>& schema, char delimiter)
      : TextWriter(std::move(sink), schema), delimiter_(delimiter) {
    for (const auto& field : schema->fields()) {
      if (!text_.empty()) text_.push_back(delimiter_);
      text_.append(field->name());
      Quote(text_.size() - field->name().size(), &text_);
    }
    text_.push_back('\n');
  }

 protected:
  void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) override {
    for (int i = 0; i < batch.num_columns(); ++i) {
      if (i > 0) out->push_back(delimiter_);
      const arrow::Array& column = *batch.column(i);
      if (column.IsNull(row)) continue;
      const size_t begin = out->size();
      AppendPlainValue(column, row, out);
      Quote(begin, out);
    }
    // A row of nothing would be an empty line, which readers pass over.
    if (batch.num_columns() == 1 && batch.column(0)->IsNull(row)) out->append("NULL");
    out->push_back('\n');
  }

 private:
  /// Put what `out` holds from `begin` on in quotes, if it needs them.
  void Quote(size_t begin, std::string* out) const {
    const std::string_view value = std::string_view(*out).substr(begin);
    const auto special = [&](char c) {
      return c == delimiter_ || c == '"' || c == '\n' || c == '\r';
    };
    const bool needed = std::any_of(value.begin(), value.end(), special) ||
                        std::find(nulls_.begin(), nulls_.end(), value) != nulls_.end();
    if (!needed) return;
    std::string quoted = "\"";
    for (const char c : value) quoted.append(c == '"' ? 2 : 1, c);
    out->resize(begin);
    out->append(quoted).push_back('"');
  }

  const char delimiter_;
  const std::vector<std::string> nulls_ = ReadOptions().null_values;
};

}  // namespace

Result<std::unique_ptr<FileWriter>> MakeTextWriter(FileFormat format,
                                                   std::shared_ptr<arrow::io::OutputStream> sink,
                                                   const std::shared_ptr<arrow::Schema>& schema) {
  ARROW_RETURN_NOT_OK(schema::CheckSchema(*schema));  // no other types can be written
  if (format == FileFormat::kJsonLines) {
    return std::make_unique<JsonWriter>(std::move(sink), schema);
  }
  return std::make_unique<CsvWriter>(std::move(sink), schema, DelimiterOf(format));
}

}  // namespace firth::format
