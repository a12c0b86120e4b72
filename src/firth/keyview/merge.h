// What a write of one key does, by the edition's merge rule. Pure: rows in, effects out.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/log/batch.h"
#include "firth/schema/row.h"

namespace firth::keyview {

/// One row of the changelog.
struct Effect {
  log::Change change;
  std::string_view row;  // compact, under the newest schema
};

/// What writes did, in order. Rows that were made of others lie in it; those that were given are
/// views of what the caller holds.
class Effects {
 public:
  void Add(log::Change change, std::string_view row) { all_.push_back({change, row}); }
  std::string_view Keep(std::string row) { return made_.emplace_back(std::move(row)); }
  const std::vector<Effect>& all() const { return all_; }

 private:
  std::vector<Effect> all_;
  std::deque<std::string> made_;  // whose strings never move
};

/// What is there after the write: nothing (the key is gone or was never there) or a row, which is
/// the old one, the given one, or lies in the effects. `changed` is false when the key keeps what
/// it holds.
struct Outcome {
  bool changed = false;
  std::optional<std::string_view> row;
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
  virtual Result<Outcome> Upsert(std::optional<std::string_view> old, std::string_view row,
                                 Effects* effects) const = 0;
  /// Decide a delete. Error kDeletionDisabled.
  virtual Result<Outcome> Delete(std::optional<std::string_view> old, Effects* effects) const = 0;
};

}  // namespace firth::keyview
