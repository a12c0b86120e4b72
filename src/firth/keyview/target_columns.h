// The columns that a write sets, and rows with and without them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/schema/row.h"

namespace firth::keyview {

/// A row's columns, as views into it.
struct RowParts {
  std::vector<std::string_view> columns;
  std::vector<bool> null;

  void SetNull(size_t c) {
    columns[c] = {};
    null[c] = true;
  }
  void Take(const RowParts& from, size_t c) {
    columns[c] = from.columns[c];
    null[c] = from.null[c];
  }
};

Result<RowParts> SplitRow(const schema::RowCodec& codec, std::string_view row);

/// Immutable.
class TargetColumns {
 public:
  /// `key` and `targets` are indices of columns; no targets: all. Error kPartialUpdate where some
  /// columns are no targets, and a key column is among them or a column besides the key may not be
  /// null.
  static Result<TargetColumns> Make(std::shared_ptr<const schema::RowCodec> codec,
                                    const std::vector<int>& key, const std::vector<int>& targets);

  bool IsAll() const { return all_; }
  bool IsKeyOnly() const { return key_only_; }
  bool Has(size_t c) const { return is_target_[c]; }
  bool IsKey(size_t c) const { return is_key_[c]; }

  /// `row` with nulls in all columns but the targets.
  Result<std::string> Only(std::string_view row) const;
  /// `row` with nulls in the targets that are not in the key; nullopt if nothing but the key would
  /// be left.
  Result<std::optional<std::string>> Without(std::string_view row) const;

  const schema::RowCodec& codec() const { return *codec_; }

 private:
  TargetColumns() = default;

  std::shared_ptr<const schema::RowCodec> codec_;
  std::vector<bool> is_target_;
  std::vector<bool> is_key_;
  bool all_ = true;
  bool key_only_ = false;
};

}  // namespace firth::keyview
