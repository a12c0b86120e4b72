#include "firth/keyview/target_columns.h"

#include <utility>

namespace firth::keyview {
namespace {

Status Refuse(const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kPartialUpdate, what);
}

std::string NameOf(const schema::RowCodec& codec, size_t c) {
  return "'" + codec.schema()->field(static_cast<int>(c))->name().substr(0, 64) + "'";
}

}  // namespace

Result<RowParts> SplitRow(const schema::RowCodec& codec, std::string_view row) {
  RowParts parts;
  ARROW_RETURN_NOT_OK(codec.Split(row, &parts.columns, &parts.null));
  return parts;
}

Result<TargetColumns> TargetColumns::Make(std::shared_ptr<const schema::RowCodec> codec,
                                          const std::vector<int>& key,
                                          const std::vector<int>& targets) {
  const auto columns = static_cast<size_t>(codec->schema()->num_fields());
  TargetColumns made;
  made.codec_ = std::move(codec);
  made.is_key_.assign(columns, false);
  for (const int c : key) made.is_key_.at(static_cast<size_t>(c)) = true;
  made.is_target_.assign(columns, targets.empty());
  for (const int c : targets) {
    if (c < 0 || static_cast<size_t>(c) >= columns) {
      return Refuse("there is no column " + std::to_string(c) + " to update; the table has " +
                    std::to_string(columns));
    }
    made.is_target_[static_cast<size_t>(c)] = true;
  }
  made.all_ = made.is_target_ == std::vector<bool>(columns, true);
  made.key_only_ = made.is_target_ == made.is_key_;
  if (made.all_) return made;
  for (size_t c = 0; c < columns; ++c) {
    const auto& field = *made.codec_->schema()->field(static_cast<int>(c));
    if (made.is_key_[c] && !made.is_target_[c]) {
      return Refuse("a partial update must name every key column, and " + NameOf(*made.codec_, c) +
                    " is not named");
    }
    if (!made.is_key_[c] && !field.nullable()) {
      return Refuse("a partial update needs every column besides the key to be nullable, and " +
                    NameOf(*made.codec_, c) + " is not");
    }
  }
  return made;
}

Result<std::string> TargetColumns::Only(std::string_view row) const {
  if (all_) return std::string(row);
  ARROW_ASSIGN_OR_RAISE(RowParts parts, SplitRow(*codec_, row));
  for (size_t c = 0; c < is_target_.size(); ++c) {
    if (!is_target_[c]) parts.SetNull(c);
  }
  return codec_->Join(parts.columns, parts.null);
}

Result<std::optional<std::string>> TargetColumns::Without(std::string_view row) const {
  if (all_) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(RowParts parts, SplitRow(*codec_, row));
  bool anything_left = false;
  for (size_t c = 0; c < is_target_.size(); ++c) {
    if (is_key_[c]) continue;
    if (is_target_[c]) {
      parts.SetNull(c);
    } else {
      anything_left = anything_left || !parts.null[c];
    }
  }
  if (!anything_left) return std::nullopt;
  return codec_->Join(parts.columns, parts.null);
}

}  // namespace firth::keyview
