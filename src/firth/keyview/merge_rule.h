// What each merge rule makes of a key's old row and a write. How that is told in the log, and what
// deletes may do, is the same for all rules: see merge.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/keyview/target_columns.h"
#include "firth/schema/row.h"

namespace firth::keyview {

/// What a write does to a row that is there.
struct Verdict {
  enum class Kind {
    kRow,   // the key holds `row` now
    kKeep,  // the write says nothing new
    kLost,  // the row that is there goes before it
  };
  Kind kind = Kind::kKeep;
  std::string row;

  static Verdict Row(std::string row) { return {.kind = Kind::kRow, .row = std::move(row)}; }
  static Verdict Keep() { return {.kind = Kind::kKeep}; }
  static Verdict Lost() { return {.kind = Kind::kLost}; }
};

/// Immutable. Rows were checked by the codec.
class RowRule {
 public:
  virtual ~RowRule() = default;

  /// The row of a key that had none.
  virtual Result<std::string> First(std::string_view row) const { return std::string(row); }
  /// The row of a key that has one.
  virtual Result<Verdict> Next(std::string_view old, std::string_view row) const = 0;
  /// What a delete leaves of a row; nullopt: nothing.
  virtual Result<std::optional<std::string>> Left(std::string_view /*old*/) const {
    return std::nullopt;
  }
  /// Is the new row the outcome whatever was there?
  virtual bool TakesAll() const { return false; }
};

using RowRulePtr = std::unique_ptr<const RowRule>;
using RowCodecPtr = std::shared_ptr<const schema::RowCodec>;

RowRulePtr MakeLastWrite();
/// Last write of the target columns; the others keep what they hold.
RowRulePtr MakePartial(TargetColumns targets);
RowRulePtr MakeFirst();
/// The greatest in the spec's merge columns; where there are none, by record time: in the time
/// column, or without one the last write. A record time that is null is that of the row's commit:
/// such a row wins, and loses to the next one.
Result<RowRulePtr> MakeGreatest(const catalog::EditionSpec& spec, RowCodecPtr codec);
/// The spec's function for each target column. Error kInvalidProperty for a function that is
/// unknown or does not fit its column's type.
Result<RowRulePtr> MakeAggregate(const catalog::EditionSpec& spec, RowCodecPtr codec,
                                 TargetColumns targets);

}  // namespace firth::keyview
