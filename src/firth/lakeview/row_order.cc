#include "firth/lakeview/row_order.h"

#include <numeric>
#include <utility>

#include "firth/schema/schema.h"

namespace firth::lakeview {

const std::vector<std::string>& SortColumns(const catalog::EditionSpec& spec) {
  return spec.key.empty() ? spec.order : spec.key;
}

std::vector<std::string> LookedUpColumns(const catalog::EditionSpec& spec) {
  std::vector<std::string> columns = SortColumns(spec);
  const std::string first = columns.empty() ? "" : columns.front();
  columns.insert(columns.end(), spec.bucket_by.begin(), spec.bucket_by.end());
  std::erase(columns, first);
  return columns;
}

Result<RowOrder> RowOrder::Make(const catalog::EditionInfo& edition) {
  RowOrder order;
  const auto& names = SortColumns(edition.spec);
  if (names.empty()) return order;
  const arrow::Schema& schema = *edition.newest().schema;
  ARROW_ASSIGN_OR_RAISE(order.columns_, schema::ColumnIndices(schema, names));
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (const int column : order.columns_) types.push_back(schema.field(column)->type());
  ARROW_ASSIGN_OR_RAISE(order.encoder_, schema::KeyEncoder::Make(std::move(types)));
  return order;
}

RowOrder RowOrder::OverSortColumns() const {
  RowOrder over = *this;
  std::iota(over.columns_.begin(), over.columns_.end(), 0);
  return over;
}

Status RowOrder::Keys(const arrow::RecordBatch& rows, std::vector<std::string>* keys) const {
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const int column : columns_) columns.push_back(rows.column(column));
  return encoder_->Encode(columns, keys);
}

}  // namespace firth::lakeview
