// Compact rows in tests, written as JSON and shown as text.
#pragma once

#include <arrow/api.h>
#include <arrow/json/from_string.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/keyview/merge.h"
#include "firth/schema/row.h"

namespace firth::keyview {

/// Rows of one schema. `Of("[1, null]")` makes a row, `Text` shows one as "1,null".
class TestRows {
 public:
  explicit TestRows(arrow::FieldVector fields)
      : codec_(schema::RowCodec::Make(arrow::schema(std::move(fields))).ValueOrDie()) {}

  std::string Of(const std::string& json) const {
    const auto type = arrow::struct_(codec_->schema()->fields());
    const auto rows = arrow::json::ArrayFromJSONString(type, "[" + json + "]").ValueOrDie();
    const auto batch = arrow::RecordBatch::FromStructArray(rows).ValueOrDie();
    std::vector<std::string> encoded;
    const Status status = codec_->Encode(
        *arrow::RecordBatch::Make(codec_->schema(), batch->num_rows(), batch->columns()), &encoded);
    FIRTH_CHECK(status.ok() && encoded.size() == 1);
    return encoded[0];
  }

  std::string TextOf(std::string_view row) const {
    const auto batch = codec_->Decode({row}).ValueOrDie();
    FIRTH_CHECK(batch->ValidateFull().ok());
    std::string text;
    for (const auto& column : batch->columns()) {
      text += (text.empty() ? "" : ",") + column->GetScalar(0).ValueOrDie()->ToString();
    }
    return text;
  }
  std::string Text(std::optional<std::string_view> row) const {
    return row.has_value() ? TextOf(*row) : "-";
  }
  /// "+I 1,null", one a line.
  std::vector<std::string> Text(const Effects& effects) const {
    static constexpr const char* kSigns[] = {"+A", "+I", "-U", "+U", "-D"};
    std::vector<std::string> lines;
    for (const Effect& effect : effects.all()) {
      lines.push_back(std::string(kSigns[static_cast<int>(effect.change)]) + " " +
                      TextOf(effect.row));
    }
    return lines;
  }

  const std::shared_ptr<const schema::RowCodec>& codec() const { return codec_; }

 private:
  std::shared_ptr<const schema::RowCodec> codec_;
};

}  // namespace firth::keyview
