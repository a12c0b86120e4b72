#include "firth/format/conform.h"

#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/compute/initialize.h>
#include <arrow/extension_type.h>

#include <algorithm>
#include <set>
#include <utility>

namespace firth::format {
namespace {

using arrow::Type;
using TypePtr = std::shared_ptr<arrow::DataType>;

class ConformedReader : public FileReader {
 public:
  explicit ConformedReader(ConformedInput input) : input_(std::move(input)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return input_.wanted.schema; }

  double Progress() const override {
    if (done_) return 1.0;
    if (rest_ == nullptr || read_rows_ == 0) return read_before_;
    // The rows that are left of what was read last are still to come.
    const double left = static_cast<double>(rest_->num_rows()) / static_cast<double>(read_rows_);
    return read_ - (read_ - read_before_) * left;
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    while (rest_ == nullptr || rest_->num_rows() == 0) {
      if (done_) return nullptr;
      auto batch = Read();
      if (!batch.ok()) {
        done_ = true;  // what follows an error would be read as if nothing were missing
        rest_ = nullptr;
        return Named(batch.status(), input_.name);
      }
      rest_ = std::move(*batch);
      done_ = rest_ == nullptr;
      read_rows_ = done_ ? 0 : rest_->num_rows();
      read_before_ = read_;
      if (input_.progress != nullptr) read_ = std::max(read_, input_.progress());
    }
    auto next = rest_->Slice(0, input_.batch_rows);
    rest_ = rest_->Slice(next->num_rows());
    return next;
  }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> Read() {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(input_.batches->ReadNext(&batch));
    if (batch == nullptr) return batch;
    if (input_.validate) ARROW_RETURN_NOT_OK(batch->ValidateFull());
    const auto& fields = input_.wanted.schema->fields();
    arrow::ArrayVector columns;
    int next = 0;
    for (size_t i = 0; i < fields.size(); ++i) {
      std::shared_ptr<arrow::Array> column;
      if (input_.wanted.sources[i] < 0) {
        ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayOfNull(fields[i]->type(), batch->num_rows()));
      } else {
        const int at = input_.all_columns ? input_.wanted.sources[i] : next++;
        if (at >= batch->num_columns()) {
          return Error(Code::kInvalidArgument, Reason::kSchemaMismatch, "a batch lacks columns");
        }
        ARROW_ASSIGN_OR_RAISE(column, Convert(batch->column(at), *fields[i]));
      }
      columns.push_back(std::move(column));
    }
    return arrow::RecordBatch::Make(input_.wanted.schema, batch->num_rows(), std::move(columns));
  }

  static Result<std::shared_ptr<arrow::Array>> Convert(std::shared_ptr<arrow::Array> column,
                                                       const arrow::Field& field) {
    if (!column->type()->Equals(*field.type())) {
      auto cast = arrow::compute::Cast(*column, field.type(), arrow::compute::CastOptions::Safe());
      if (!cast.ok()) {
        return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                     "the column '" + field.name().substr(0, 64) + "' of type " +
                         column->type()->ToString() + " cannot be read as " +
                         field.type()->ToString() + ": " + MessageOf(cast.status()).substr(0, 512));
      }
      column = std::move(*cast);
    }
    if (!field.nullable() && column->null_count() > 0) {
      return Error(
          Code::kInvalidArgument, Reason::kSchemaMismatch,
          "the column '" + field.name().substr(0, 64) + "' has nulls, which its schema forbids");
    }
    return column;
  }

  const ConformedInput input_;
  std::shared_ptr<arrow::RecordBatch> rest_;
  int64_t read_rows_ = 0;   // that came with `rest_`
  double read_before_ = 0;  // progress without them
  double read_ = 0;         // and with them
  bool done_ = false;
};

std::shared_ptr<arrow::Field> PlainField(const std::shared_ptr<arrow::Field>& field) {
  return field->WithType(PlainType(field->type()));
}

}  // namespace

TypePtr PlainType(const TypePtr& type) {
  switch (type->id()) {
    case Type::DICTIONARY:
      return PlainType(static_cast<const arrow::DictionaryType&>(*type).value_type());
    case Type::RUN_END_ENCODED:
      return PlainType(static_cast<const arrow::RunEndEncodedType&>(*type).value_type());
    case Type::STRING_VIEW:
      return arrow::utf8();
    case Type::BINARY_VIEW:
      return arrow::binary();
    case Type::HALF_FLOAT:
      return arrow::float32();
    case Type::LIST:
    case Type::LIST_VIEW:
      return arrow::list(PlainField(type->field(0)));
    case Type::LARGE_LIST:
    case Type::LARGE_LIST_VIEW:
      return arrow::large_list(PlainField(type->field(0)));
    case Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(
          PlainField(type->field(0)),
          static_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case Type::STRUCT: {
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) fields.push_back(PlainField(field));
      return arrow::struct_(std::move(fields));
    }
    case Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(*type);
      return std::make_shared<arrow::MapType>(PlainField(map.key_field()),
                                              PlainField(map.item_field()), map.keys_sorted());
    }
    default:
      return type;
  }
}

Result<Wanted> Choose(const arrow::Schema& found, const ReadOptions& options) {
  std::set<std::string_view> names;
  for (const auto& field : found.fields()) {
    if (!names.insert(field->name()).second) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   "two columns are named '" + field->name().substr(0, 64) + "'");
    }
  }
  arrow::FieldVector all;
  if (options.schema != nullptr) {
    all = options.schema->fields();
  } else {
    for (const auto& field : found.fields()) all.push_back(PlainField(field));
  }
  Wanted wanted;
  arrow::FieldVector fields;
  if (options.columns.empty()) {
    fields = all;
  } else {
    for (const std::string& column : options.columns) {
      const auto at = std::find_if(all.begin(), all.end(),
                                   [&](const auto& field) { return field->name() == column; });
      if (at == all.end()) {
        return Error(Code::kInvalidArgument, Reason::kColumnNotFound,
                     "there is no column '" + column.substr(0, 64) + "'");
      }
      fields.push_back(*at);
    }
  }
  bool any = fields.empty();
  for (const auto& field : fields) {
    const int at = found.GetFieldIndex(field->name());
    if (at < 0 && !field->nullable()) {
      return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                   "the column '" + field->name().substr(0, 64) +
                       "', which must not be null, is not in the file");
    }
    any = any || at >= 0;
    wanted.sources.push_back(at);
  }
  if (!any) {
    return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                 "the file has none of the schema's columns");
  }
  wanted.schema = arrow::schema(
      std::move(fields), options.schema != nullptr ? options.schema->metadata() : found.metadata());
  return wanted;
}

std::unique_ptr<FileReader> Conform(ConformedInput input) {
  input.batch_rows = std::max<int64_t>(1, input.batch_rows);
  return std::make_unique<ConformedReader>(std::move(input));
}

Status Named(const Status& status, const std::string& name) {
  if (status.ok()) return status;
  const Code code = CodeOf(status) == Code::kUnknown ? Code::kInvalidArgument : CodeOf(status);
  return Error(code, ReasonOf(status), name + ": " + MessageOf(status));
}

}  // namespace firth::format
