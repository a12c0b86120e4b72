#include "firth/cli/row_printer.h"

#include <arrow/io/interfaces.h>
#include <arrow/scalar.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "firth/cli/output.h"
#include "firth/cli/text_table.h"
#include "firth/common/text.h"
#include "firth/format/reader.h"

namespace firth::cli {
namespace {

/// Rows of a table that are measured together, and so aligned.
constexpr int64_t kTableRows = 1000;

class StandardOutput : public arrow::io::OutputStream {
 public:
  using arrow::io::OutputStream::Write;

  Status Write(const void* data, int64_t bytes) override {
    position_ += bytes;
    if (std::fwrite(data, 1, static_cast<size_t>(bytes), stdout) == static_cast<size_t>(bytes)) {
      return Status::OK();
    }
    return Error(Code::kUnavailable, Reason::kIo, "standard output takes no more");
  }
  Status Flush() override { return cli::Print(""); }
  Status Close() override { return Flush(); }
  Result<int64_t> Tell() const override { return position_; }
  bool closed() const override { return false; }

 private:
  int64_t position_ = 0;
};

class JsonPrinter : public RowPrinter {
 public:
  Status Open(const std::shared_ptr<arrow::Schema>& schema) {
    output_ = std::make_shared<StandardOutput>();
    ARROW_ASSIGN_OR_RAISE(writer_,
                          format::MakeWriter(format::FileFormat::kJsonLines, output_, schema));
    return Status::OK();
  }
  Status Print(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    ARROW_RETURN_NOT_OK(writer_->Write(*rows));
    return output_->Flush();
  }
  Status Close() override { return writer_->Close(); }

 private:
  std::shared_ptr<StandardOutput> output_;
  std::unique_ptr<format::FileWriter> writer_;
};

Result<std::string> CellText(const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) return "null";
  ARROW_ASSIGN_OR_RAISE(const auto scalar, column.GetScalar(row));
  if (arrow::is_base_binary_like(column.type_id()) && !arrow::is_string(column.type_id())) {
    return ToHex(std::string_view(*static_cast<const arrow::BaseBinaryScalar&>(*scalar).value));
  }
  return scalar->ToString();
}

bool IsNumber(const arrow::DataType& type) {
  return arrow::is_numeric(type.id()) || arrow::is_decimal(type.id());
}

class TablePrinter : public RowPrinter {
 public:
  explicit TablePrinter(const arrow::Schema& schema) : table_(ColumnsOf(schema)) {}

  Status Print(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    for (int64_t at = 0; at < rows->num_rows(); ++at) {
      std::vector<std::string> cells;
      for (const auto& column : rows->columns()) {
        ARROW_ASSIGN_OR_RAISE(cells.emplace_back(), CellText(*column, at));
      }
      table_.Add(std::move(cells));
      if ((at + 1) % kTableRows == 0) ARROW_RETURN_NOT_OK(Show());
    }
    return table_.empty() ? Status::OK() : Show();
  }

  Status Close() override { return titled_ ? Status::OK() : Show(); }

 private:
  static std::vector<TextTable::Column> ColumnsOf(const arrow::Schema& schema) {
    std::vector<TextTable::Column> columns;
    for (const auto& field : schema.fields()) {
      columns.push_back({field->name(), IsNumber(*field->type()) ? TextTable::Align::kRight
                                                                 : TextTable::Align::kLeft});
    }
    return columns;
  }

  Status Show() { return cli::Print(table_.Take(!std::exchange(titled_, true))); }

  TextTable table_;
  bool titled_ = false;
};

}  // namespace

Result<std::unique_ptr<RowPrinter>> RowPrinter::Make(const std::shared_ptr<arrow::Schema>& schema,
                                                     bool json) {
  if (!json) return std::make_unique<TablePrinter>(*schema);
  auto printer = std::make_unique<JsonPrinter>();
  ARROW_RETURN_NOT_OK(printer->Open(schema));
  return printer;
}

}  // namespace firth::cli
