#include "firth/format/json_lines.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "firth/format/json_documents.h"
#include "firth/format/json_inference.h"
#include "firth/format/json_value.h"
#include "firth/format/streams.h"
#include "firth/format/value_column.h"

namespace firth::format {
namespace {

/// A batch ends where its rows took this much JSON.
constexpr int64_t kBatchBytes = 4 << 20;

Status OnLine(const Status& status, int64_t line) {
  return Named(status, "line " + std::to_string(line));
}

/// Call `each(name, value)` for every member of the object `text`.
template <typename Each>
Status ForMembers(simdjson::ondemand::parser* parser, std::string_view text, Each&& each) {
  json::Document document;
  ARROW_RETURN_NOT_OK(json::Parse(parser, text, &document));
  json::Object object;
  if (const auto code = document.get_object().get(object)) {
    if (code != simdjson::INCORRECT_TYPE) return json::Bad(code);
    return Error(Code::kInvalidArgument, Reason::kNone, "a row must be a JSON object");
  }
  for (auto member : object) {
    std::string_view name;
    if (const auto code = member.unescaped_key().get(name)) return json::Bad(code);
    json::Value value;
    if (const auto code = member.value().get(value.value)) return json::Bad(code);
    ARROW_RETURN_NOT_OK(each(name, value));
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return Error(Code::kInvalidArgument, Reason::kNone, "something stands behind the JSON object");
  }
  return Status::OK();
}

class JsonBatches : public arrow::RecordBatchReader {
 public:
  /// `strict`: a member that is no column is an error.
  static Result<std::shared_ptr<JsonBatches>> Make(std::shared_ptr<arrow::io::InputStream> input,
                                                   std::shared_ptr<arrow::Schema> schema,
                                                   bool strict, int64_t batch_rows) {
    auto batches = std::make_shared<JsonBatches>();
    batches->documents_ = std::make_unique<JsonDocuments>(std::move(input));
    batches->schema_ = std::move(schema);
    batches->strict_ = strict;
    batches->batch_rows_ = batch_rows;
    for (const auto& field : batches->schema_->fields()) {
      ARROW_ASSIGN_OR_RAISE(auto column, ValueColumn::Make(field->name(), field->type()));
      batches->by_name_.emplace(field->name(), batches->columns_.size());
      batches->columns_.push_back(std::move(column));
    }
    return batches;
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    *batch = nullptr;
    const int64_t bytes_at_start = documents_->bytes();
    int64_t rows = 0;
    while (rows < batch_rows_ && documents_->bytes() - bytes_at_start < kBatchBytes) {
      ARROW_ASSIGN_OR_RAISE(const std::string_view text, documents_->Next());
      if (text.empty()) break;
      ++rows;
      const Status status = Append(text, rows);
      if (!status.ok()) return OnLine(status, documents_->line());
    }
    if (rows == 0) return Status::OK();
    arrow::ArrayVector arrays;
    for (const auto& column : columns_) {
      ARROW_ASSIGN_OR_RAISE(auto array, column->Finish());
      arrays.push_back(std::move(array));
    }
    *batch = arrow::RecordBatch::Make(schema_, rows, std::move(arrays));
    return Status::OK();
  }

 private:
  /// Append the object as row number `rows`, counted from 1.
  Status Append(std::string_view text, int64_t rows) {
    size_t expected = 0;
    ARROW_RETURN_NOT_OK(
        ForMembers(&parser_, text, [&](std::string_view name, json::Value& value) -> Status {
          size_t at = expected;
          if (at >= columns_.size() || schema_->field(static_cast<int>(at))->name() != name) {
            const auto found = by_name_.find(std::string(name));
            if (found == by_name_.end()) return strict_ ? NewMember(name) : Status::OK();
            at = found->second;
          }
          expected = at + 1;
          if (columns_[at]->length() == rows) {
            return Error(
                Code::kInvalidArgument, Reason::kNone,
                "the object has the member '" + std::string(name.substr(0, 64)) + "' twice");
          }
          return columns_[at]->AppendJson(value);
        }));
    for (const auto& column : columns_) {
      if (column->length() < rows) ARROW_RETURN_NOT_OK(column->AppendNull());
    }
    return Status::OK();
  }

  static Status NewMember(std::string_view name) {
    return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                 "the member '" + std::string(name.substr(0, 64)) +
                     "' had not appeared in the first " + std::to_string(kSampleBytes) +
                     " bytes, from which the columns were found; give a schema");
  }

  std::unique_ptr<JsonDocuments> documents_;
  std::shared_ptr<arrow::Schema> schema_;
  bool strict_ = false;
  int64_t batch_rows_ = 0;
  std::vector<std::unique_ptr<ValueColumn>> columns_;
  std::unordered_map<std::string, size_t> by_name_;
  simdjson::ondemand::parser parser_;
};

/// The columns of the objects in `sample`, the front of a file; `whole`: it is all of it.
Result<std::shared_ptr<arrow::Schema>> Infer(const std::shared_ptr<arrow::Buffer>& sample,
                                             bool whole) {
  JsonDocuments documents(std::make_shared<arrow::io::BufferReader>(sample));
  simdjson::ondemand::parser parser;
  std::vector<std::pair<std::string, JsonInference>> members;
  std::unordered_map<std::string, size_t> by_name;
  // A document that is followed by nothing may be cut off; it is left to the reading.
  int64_t seen = 0;
  while (true) {
    const auto text = documents.Next();
    if (!text.ok()) {
      if (!whole && seen > 0) break;
      return text.status();
    }
    if (text->empty() || (!whole && seen > 0 && documents.bytes() >= sample->size())) break;
    ++seen;
    const Status status =
        ForMembers(&parser, *text, [&](std::string_view name, json::Value& value) -> Status {
          const auto [at, is_new] = by_name.emplace(std::string(name), members.size());
          if (is_new) members.emplace_back(std::string(name), JsonInference());
          return members[at->second].second.See(value, 1);
        });
    if (!status.ok()) return OnLine(status, documents.line());
  }
  arrow::FieldVector fields;
  for (const auto& [name, inference] : members) {
    fields.push_back(arrow::field(name, inference.Type()));
  }
  return arrow::schema(std::move(fields));
}

}  // namespace

Result<std::unique_ptr<FileReader>> OpenJsonLines(Source source, const ReadOptions& options) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::io::InputStream> stream, source.AsStream());
  std::shared_ptr<arrow::Schema> found = options.schema;
  if (found == nullptr) {
    ARROW_ASSIGN_OR_RAISE(auto sample, arrow::AllocateResizableBuffer(kSampleBytes));
    ARROW_ASSIGN_OR_RAISE(const int64_t count,
                          ReadFully(stream.get(), kSampleBytes, sample->mutable_data()));
    ARROW_RETURN_NOT_OK(sample->Resize(count));
    const std::shared_ptr<arrow::Buffer> front = std::move(sample);
    ARROW_ASSIGN_OR_RAISE(found, Infer(front, /*whole=*/count < kSampleBytes));
    stream = std::make_shared<ResumedStream>(front, std::move(stream));
  }
  ARROW_ASSIGN_OR_RAISE(Wanted wanted, Choose(*found, options));
  // All columns of the file are known to the reader, so that a member of another name is new to it.
  const bool strict = options.schema == nullptr;
  auto read_as = strict ? found : wanted.schema;
  ARROW_ASSIGN_OR_RAISE(auto batches, JsonBatches::Make(std::move(stream), read_as, strict,
                                                        std::max<int64_t>(1, options.batch_rows)));
  return Conform({.name = source.name,
                  .wanted = std::move(wanted),
                  .batches = std::move(batches),
                  .progress = source.progress,
                  .batch_rows = options.batch_rows,
                  .all_columns = strict});
}

}  // namespace firth::format
