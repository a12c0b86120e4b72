#include "firth/doors/flight/shown_rows.h"

#include <arrow/array/array_primitive.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>

#include <algorithm>
#include <array>
#include <utility>

#include "firth/schema/schema.h"

namespace firth::doors::flight {
namespace {

constexpr char kChangeColumn[] = "__change";

/// The kinds of change of hidden rows as people write them, for the numbers that the log has.
Result<std::shared_ptr<arrow::Array>> ChangeNames(const arrow::Array& numbers) {
  static constexpr std::array<const char*, 5> kNames = {"+A", "+I", "-U", "+U", "-D"};
  arrow::StringBuilder builder;
  const auto& changes = static_cast<const arrow::Int8Array&>(numbers);
  for (int64_t row = 0; row < changes.length(); ++row) {
    const auto number = static_cast<size_t>(changes.Value(row));
    ARROW_RETURN_NOT_OK(builder.Append(number < kNames.size() ? kNames[number] : "?"));
  }
  return builder.Finish();
}

/// The column of `rows` that `field` stands for: by field id, or by name where it has none.
Result<std::shared_ptr<arrow::Array>> ColumnFor(const arrow::RecordBatch& rows,
                                                const arrow::Field& field) {
  const int32_t id = schema::FieldId(field);
  for (int i = 0; i < rows.num_columns(); ++i) {
    const arrow::Field& candidate = *rows.schema()->field(i);
    if (id >= 0 ? schema::FieldId(candidate) != id : candidate.name() != field.name()) continue;
    if (candidate.type()->Equals(field.type())) return rows.column(i);
    return arrow::compute::Cast(*rows.column(i), field.type());
  }
  return arrow::MakeArrayOfNull(field.type(), rows.num_rows());
}

}  // namespace

ShownRows::ShownRows(const Ticket& ticket)
    : columns_shown_(ticket.columns.size()),
      columns_(ticket.columns),
      filter_(ticket.filter),
      rows_left_(ticket.limit) {
  if (columns_.empty()) return;
  for (const std::string& name : filter_.Columns()) {
    if (std::find(columns_.begin(), columns_.end(), name) == columns_.end()) {
      columns_.push_back(name);
    }
  }
}

Status ShownRows::Bind(const std::shared_ptr<arrow::Schema>& wide) {
  wide_ = wide;
  ARROW_RETURN_NOT_OK(filter_.Bind(*wide_));
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (size_t i = 0; i < wide_->fields().size(); ++i) {
    if (i >= columns_shown_ && i < columns_.size()) continue;
    const arrow::Field& field = *wide_->fields()[i];
    if (i >= columns_.size() && field.name() == kChangeColumn) {
      change_column_ = static_cast<int>(fields.size());
      fields.push_back(arrow::field(kChangeColumn, arrow::utf8(), false));
    } else {
      fields.push_back(field.RemoveMetadata());
    }
  }
  schema_ = arrow::schema(std::move(fields));
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> ShownRows::Show(
    std::shared_ptr<arrow::RecordBatch> rows) {
  if (!rows->schema()->Equals(*wide_, true)) {
    std::vector<std::shared_ptr<arrow::Array>> found;
    for (const auto& field : wide_->fields()) {
      ARROW_ASSIGN_OR_RAISE(found.emplace_back(), ColumnFor(*rows, *field));
    }
    rows = arrow::RecordBatch::Make(wide_, rows->num_rows(), std::move(found));
  }
  ARROW_ASSIGN_OR_RAISE(rows, filter_.Apply(rows));
  auto columns = rows->columns();
  columns.erase(columns.begin() + static_cast<std::ptrdiff_t>(columns_shown_),
                columns.begin() + static_cast<std::ptrdiff_t>(columns_.size()));
  if (change_column_ >= 0) {
    auto& changes = columns[static_cast<size_t>(change_column_)];
    ARROW_ASSIGN_OR_RAISE(changes, ChangeNames(*changes));
  }
  rows = arrow::RecordBatch::Make(schema_, rows->num_rows(), std::move(columns));
  if (rows_left_) {
    if (rows->num_rows() > *rows_left_) rows = rows->Slice(0, *rows_left_);
    *rows_left_ -= rows->num_rows();
  }
  return rows;
}

}  // namespace firth::doors::flight
