// What a write of one key does, by the edition's merge rule. Pure: rows in, effects out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/log/batch.h"
#include "firth/schema/row.h"

namespace firth::keyview {

/// One row of the changelog.
struct Effect {
  log::Change change;
  std::string row;  // compact, under the newest schema
};

/// What is there after the write: nothing (the key is gone or was never there) or a row. `changed`
/// is false when the key keeps what it holds.
struct Outcome {
  bool changed = false;
  std::optional<std::string> row;
};

/// Decides writes of one edition under one schema. Immutable; thread-safe.
class MergeDecider {
 public:
  /// `targets`: the columns that the writes set (indices into the schema); empty: all. Errors:
  /// kPartialUpdate when the rule or the columns do not allow it; of the spec alone kNotKeyed,
  /// kColumnNotFound, kInvalidProperty (an aggregate function that is unknown or does not fit its
  /// column; their names are in aggregate_function.h).
  static Result<std::unique_ptr<const MergeDecider>> Make(
      const catalog::EditionSpec& spec, std::shared_ptr<const schema::RowCodec> codec,
      const std::vector<int>& targets);
  virtual ~MergeDecider() = default;

  /// Decide an upsert of `row` where `old` is held. Appends effects. `row` was checked by the
  /// codec.
  virtual Result<Outcome> Upsert(const std::optional<std::string>& old, std::string_view row,
                                 std::vector<Effect>* effects) const = 0;
  /// Decide a delete. Error kDeletionDisabled.
  virtual Result<Outcome> Delete(const std::optional<std::string>& old,
                                 std::vector<Effect>* effects) const = 0;
};

}  // namespace firth::keyview
