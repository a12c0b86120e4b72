#include "firth/keyview/column_order.h"

#include <utility>

namespace firth::keyview {

Result<ColumnOrder> ColumnOrder::Make(const std::shared_ptr<arrow::DataType>& type) {
  ARROW_ASSIGN_OR_RAISE(auto codec, schema::CompactKeyCodec::Make({type}));
  return ColumnOrder(std::move(codec));
}

Result<std::string> ColumnOrder::Rank(std::string_view slice, bool null) const {
  std::string rank;
  if (null) return rank;
  ARROW_RETURN_NOT_OK(codec_.ToCanonical(slice, /*prefix=*/false, &rank));
  rank.erase(0, 1);  // the marker, which all of these have
  // The least value of a type of fixed width is all zeros there; no text is.
  if (rank.find_first_not_of('\0') == std::string::npos) rank.clear();
  return rank;
}

}  // namespace firth::keyview
