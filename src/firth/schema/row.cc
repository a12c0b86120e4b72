#include "firth/schema/row.h"

#include <cstring>
#include <utility>

#include "firth/schema/row_decode.h"
#include "firth/schema/row_encode.h"
#include "firth/schema/row_node.h"

namespace firth::schema {
namespace {

class CompactRowCodec : public RowCodec {
 public:
  CompactRowCodec(std::shared_ptr<arrow::Schema> schema, std::vector<RowNode> nodes)
      : schema_(std::move(schema)), nodes_(std::move(nodes)) {}

  Status Encode(const arrow::RecordBatch& batch, std::vector<std::string>* rows) const override {
    if (batch.num_columns() != schema_->num_fields()) {
      return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                   "rows of " + std::to_string(schema_->num_fields()) + " columns cannot hold " +
                       std::to_string(batch.num_columns()));
    }
    for (int i = 0; i < batch.num_columns(); ++i) {
      if (!batch.column(i)->type()->Equals(*schema_->field(i)->type())) {
        return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                     "the column '" + nodes_[static_cast<size_t>(i)].path + "' has the type " +
                         batch.column(i)->type()->ToString() + " instead of " +
                         schema_->field(i)->type()->ToString());
      }
    }
    RowsEncoder encoder(nodes_, /*null_bits=*/true);
    ARROW_RETURN_NOT_OK(encoder.Prepare(batch.columns(), batch.num_rows(), nullptr));
    const size_t before = rows->size();
    rows->resize(before + encoder.lengths().size());
    std::vector<char*> starts(encoder.lengths().size());
    for (size_t i = 0; i < starts.size(); ++i) {
      std::string& row = (*rows)[before + i];
      row.resize(encoder.lengths()[i]);
      starts[i] = row.data();
    }
    encoder.Write(std::move(starts));
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Decode(
      const std::vector<std::string_view>& rows) const override {
    // In there, a row without a pointer is a null; here it is an empty row.
    std::vector<std::string_view> present;
    bool all_present = true;
    for (const auto& row : rows) all_present = all_present && row.data() != nullptr;
    if (!all_present) {
      present = rows;
      for (auto& row : present) row = row.data() == nullptr ? std::string_view("", 0) : row;
    }
    ARROW_ASSIGN_OR_RAISE(auto columns, DecodeRows(nodes_, all_present ? rows : present));
    return arrow::RecordBatch::Make(schema_, static_cast<int64_t>(rows.size()), std::move(columns));
  }

  Status Check(std::string_view row) const override {
    return Walk(row, [](size_t, std::string_view, bool) {});
  }

  Status Split(std::string_view row, std::vector<std::string_view>* columns,
               std::vector<bool>* null) const override {
    columns->assign(nodes_.size(), {});
    null->assign(nodes_.size(), false);
    return Walk(row, [&](size_t c, std::string_view slice, bool is_null) {
      (*columns)[c] = slice;
      (*null)[c] = is_null;
    });
  }

  std::string Join(const std::vector<std::string_view>& columns,
                   const std::vector<bool>& null) const override {
    FIRTH_CHECK(columns.size() == nodes_.size() && null.size() == nodes_.size());
    std::string row(NullBytes(nodes_.size()), '\0');
    size_t length = row.size();
    for (const auto& column : columns) length += column.size();
    row.reserve(length);
    for (size_t c = 0; c < nodes_.size(); ++c) {
      if (null[c]) {
        row[c / 8] = static_cast<char>(row[c / 8] | (1 << (c % 8)));
      } else {
        row.append(columns[c]);
      }
    }
    return row;
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

 private:
  /// Call `each(column, slice, null)` along the row.
  template <typename Each>
  Status Walk(std::string_view row, Each&& each) const {
    if (row.size() < NullBytes(nodes_.size())) {
      return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
                   "a row of " + std::to_string(nodes_.size()) + " columns has only " +
                       std::to_string(row.size()) + " bytes");
    }
    const char* at = row.data() + NullBytes(nodes_.size());
    const char* const end = row.data() + row.size();
    for (size_t c = 0; c < nodes_.size(); ++c) {
      if (IsNullIn(row, c)) {
        if (!nodes_[c].nullable) {
          return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
                       "in a row's bytes, the column '" + nodes_[c].path +
                           "' has a null, which is not allowed there");
        }
        each(c, std::string_view(), true);
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const char* next, SkipValue(nodes_[c], at, end));
      each(c, std::string_view(at, static_cast<size_t>(next - at)), false);
      at = next;
    }
    if (at != end) {
      return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
                   "a row has bytes behind its last column");
    }
    return Status::OK();
  }

  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<RowNode> nodes_;
};

}  // namespace

Result<std::shared_ptr<const RowCodec>> RowCodec::Make(std::shared_ptr<arrow::Schema> schema) {
  ARROW_ASSIGN_OR_RAISE(auto nodes, RowNode::MakeAll(schema->fields()));
  return std::make_shared<CompactRowCodec>(std::move(schema), std::move(nodes));
}

Status AppendCompactKey(const arrow::RecordBatch& batch, const std::vector<int>& columns,
                        std::vector<std::string>* keys) {
  std::vector<RowNode> nodes;
  arrow::ArrayVector arrays;
  for (const int column : columns) {
    ARROW_ASSIGN_OR_RAISE(RowNode node, RowNode::Make(*batch.schema()->field(column)));
    if (node.IsNested()) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   "the column '" + node.path + "' of type " + node.type->ToString() +
                       " cannot be part of a key");
    }
    nodes.push_back(std::move(node));
    arrays.push_back(batch.column(column));
  }
  RowsEncoder encoder(nodes, /*null_bits=*/false);
  ARROW_RETURN_NOT_OK(encoder.Prepare(arrays, batch.num_rows(), nullptr));
  const auto rows = static_cast<size_t>(batch.num_rows());
  if (keys->empty()) keys->resize(rows);
  FIRTH_CHECK(keys->size() == rows);
  std::vector<char*> starts(rows);
  for (size_t i = 0; i < rows; ++i) {
    std::string& key = (*keys)[i];
    const size_t before = key.size();
    key.resize(before + encoder.lengths()[i]);
    starts[i] = key.data() + before;
  }
  encoder.Write(std::move(starts));
  return Status::OK();
}

}  // namespace firth::schema
