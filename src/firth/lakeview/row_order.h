// How the rows of an edition's lake files are sorted: by its key; without one by its order; else
// they stay in the log's order.
#pragma once

#include <arrow/record_batch.h>

#include <optional>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/schema/key.h"

namespace firth::lakeview {

/// The columns that sort the edition's files, in order; empty: none do.
const std::vector<std::string>& SortColumns(const catalog::EditionSpec& spec);

/// Columns of the edition that are looked up by equality and that the files' order does not help to
/// find: the key's or order's but the first, and those that choose the bucket.
std::vector<std::string> LookedUpColumns(const catalog::EditionSpec& spec);

/// Gives rows their sort keys. Immutable.
class RowOrder {
 public:
  static Result<RowOrder> Make(const catalog::EditionInfo& edition);

  /// Is there an order but the log's?
  bool sorts() const { return encoder_.has_value(); }
  /// Append the key of each row to `*keys`. `rows` begin with the columns of the edition's newest
  /// schema, in its order.
  Status Keys(const arrow::RecordBatch& rows, std::vector<std::string>* keys) const;
  /// The same, for rows that begin with the sort columns, in their order.
  RowOrder OverSortColumns() const;
  /// The indices of the sort columns in the newest schema.
  const std::vector<int>& columns() const { return columns_; }
  const schema::KeyEncoder& encoder() const { return *encoder_; }

 private:
  std::vector<int> columns_;
  std::optional<schema::KeyEncoder> encoder_;
};

}  // namespace firth::lakeview
