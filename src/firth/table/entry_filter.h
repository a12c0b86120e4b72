// What a filter over rows says of the entries of a log.
#pragma once

#include <memory>
#include <vector>

#include "firth/log/entry.h"
#include "firth/schema/row_filter.h"

namespace firth::table {

/// Tells entries without a row that meets the filter: by what their headers say, and by the columns
/// that are filtered, which are then decoded before the others. One thread at a time.
class EntryFilter {
 public:
  EntryFilter() = default;
  /// `shown`: the table's columns; other names are those of hidden ones. With `as_stored` rows are
  /// stored as they are shown.
  EntryFilter(const schema::RowFilter& filter, const std::shared_ptr<arrow::Schema>& shown,
              bool as_stored);

  /// May a row of the entry meet the filter, as far as the entry's header tells?
  bool May(const log::StoredEntry& entry) const;

  /// Is it worth the while to look at the columns of the next entry first? While that leaves out
  /// some.
  bool Asks() const { return columns_ != nullptr && skipped_ * kPays >= asked_ - kTrials; }
  /// The columns to look at.
  const std::shared_ptr<arrow::Schema>& columns() const { return columns_; }
  const schema::RowFilter& rows() const { return rows_; }
  /// A row of the last entry met the filter, or none did.
  void Note(bool any);

 private:
  /// One in so many entries must be left out, but for the first ones.
  static constexpr int64_t kPays = 4;
  static constexpr int64_t kTrials = 16;

  schema::RowFilter rows_;                  // on columns that are stored
  std::shared_ptr<arrow::Schema> columns_;  // of those; null: there are none
  schema::RowFilter hidden_;
  int64_t asked_ = 0;
  int64_t skipped_ = 0;
};

}  // namespace firth::table
