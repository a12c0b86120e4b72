#include "firth/format/nested_nulls.h"

#include <arrow/array.h>

#include <algorithm>

#include <utility>
#include <vector>

namespace firth::format {
namespace {

std::shared_ptr<arrow::ArrayData> Without(const std::shared_ptr<arrow::ArrayData>& data) {
  std::shared_ptr<arrow::ArrayData> made;
  const int parts = std::min(data->type->num_fields(), static_cast<int>(data->child_data.size()));
  for (int i = 0; i < parts; ++i) {
    const auto& held = data->child_data[static_cast<size_t>(i)];
    auto part = Without(held);
    if (data->type->id() == arrow::Type::STRUCT && !data->type->field(i)->nullable() &&
        part->GetNullCount() > 0) {
      part = part->Copy();
      part->buffers[0] = nullptr;
      part->null_count = 0;
    }
    if (part == held) continue;
    if (made == nullptr) made = data->Copy();
    made->child_data[static_cast<size_t>(i)] = std::move(part);
  }
  return made == nullptr ? data : made;
}

}  // namespace

std::shared_ptr<arrow::RecordBatch> WithoutNullsBelowNulls(const arrow::RecordBatch& rows) {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (int i = 0; i < rows.num_columns(); ++i) columns.push_back(Without(rows.column_data(i)));
  return arrow::RecordBatch::Make(rows.schema(), rows.num_rows(), std::move(columns));
}

}  // namespace firth::format
