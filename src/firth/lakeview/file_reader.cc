#include "firth/lakeview/file_reader.h"

#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/properties.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "firth/lakeview/file_stream.h"
#include "firth/lakeview/parquet_call.h"
#include "firth/lakeview/stored_types.h"
#include "firth/schema/schema.h"

namespace firth::lakeview {
namespace {

void AddLeaves(const parquet::arrow::SchemaField& field, std::vector<int>* leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const auto& child : field.children) AddLeaves(child, leaves);
}

bool IsHidden(const arrow::Field& field) {
  return schema::FieldId(field) < 0 && field.name().starts_with("__");
}

class Reader : public arrow::RecordBatchReader {
 public:
  Reader(LakeFilePtr file, std::shared_ptr<arrow::Schema> wanted)
      : file_(std::move(file)), wanted_(std::move(wanted)) {}

  Status Open(store::FileSystem* files, const ReadLakeFile& read) {
    ARROW_ASSIGN_OR_RAISE(const std::shared_ptr<arrow::io::RandomAccessFile> source,
                          FileSource::Open(files, file_->path));
    ARROW_ASSIGN_OR_RAISE(reader_, OpenParquet({.source = source}, read.batch_rows));
    std::shared_ptr<arrow::Schema> stored;
    ARROW_RETURN_NOT_OK(reader_->GetSchema(&stored));
    const std::vector<int> leaves = Choose(*stored, *read.written);
    std::vector<int> groups = AllGroups();
    if (read.groups.has_value()) groups = *read.groups;
    ARROW_RETURN_NOT_OK(Narrow(read, *stored, source, &groups));
    if (batches_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(batches_, reader_->GetRecordBatchReader(groups, leaves));
    }
    return Place();
  }

  std::shared_ptr<arrow::Schema> schema() const override { return wanted_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    const Status status = Catch([&] { return Next(rows); });
    if (status.ok()) return status;
    const bool ours = ReasonOf(status) != Reason::kNone;
    return Error(ours ? CodeOf(status) : Code::kDataLoss, ReasonOf(status),
                 "the lake file " + file_->path + " cannot be read: " + MessageOf(status));
  }

 private:
  std::vector<int> AllGroups() const {
    std::vector<int> groups(static_cast<size_t>(reader_->num_row_groups()));
    std::iota(groups.begin(), groups.end(), 0);
    return groups;
  }

  /// Read only the pages that are asked for, where they can be told from the others.
  Status Narrow(const ReadLakeFile& read, const arrow::Schema& stored,
                const std::shared_ptr<arrow::io::RandomAccessFile>& source,
                std::vector<int>* groups) {
    if (read.keys.empty() || read.sorted_by == nullptr) return Status::OK();
    SortLeaf by{.leaf = -1, .type = read.sorted_by->type()};
    for (int i = 0; i < stored.num_fields() - kHiddenColumns; ++i) {
      if (StoredId(*stored.field(i)) != schema::FieldId(*read.sorted_by)) continue;
      by.leaf = reader_->manifest().schema_fields.at(static_cast<size_t>(i)).column_index;
      by.stored = stored.field(i)->type();
    }
    // A column that had another type then sorted by that.
    const auto written = std::find_if(
        read.written->fields().begin(), read.written->fields().end(), [&](const auto& field) {
          return schema::FieldId(*field) == schema::FieldId(*read.sorted_by);
        });
    if (by.leaf < 0 || written == read.written->fields().end() ||
        !(*written)->type()->Equals(*by.type)) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(auto spans, SpansOf(reader_->parquet_reader(), *groups, by, read.keys));
    if (!spans.has_value()) return Status::OK();
    if (spans->empty()) {
      groups->clear();
      return Status::OK();
    }
    return ReadPages(reader_.get(), {.source = source,
                                     .columns = columns_,
                                     .spans = *std::move(spans),
                                     .batch_rows = read.batch_rows})
        .Value(&batches_);
  }

  /// Which leaves are read; remembers the table's column for each column that is.
  std::vector<int> Choose(const arrow::Schema& stored, const arrow::Schema& written) {
    std::map<int32_t, std::shared_ptr<arrow::Field>> by_id;
    for (const auto& field : written.fields()) by_id[schema::FieldId(*field)] = field;
    std::vector<int> leaves;
    const auto add = [&](int column) {
      AddLeaves(reader_->manifest().schema_fields.at(static_cast<size_t>(column)), &leaves);
      columns_.push_back(column);
      chosen_[stored.field(column)->name()] = by_id[StoredId(*stored.field(column))];
    };
    for (int i = 0; i < stored.num_fields(); ++i) {
      const bool hidden = i >= stored.num_fields() - kHiddenColumns;
      for (const auto& field : wanted_->fields()) {
        if (hidden ? IsHidden(*field) && field->name() == stored.field(i)->name()
                   : schema::FieldId(*field) == StoredId(*stored.field(i))) {
          add(i);
          break;
        }
      }
    }
    // Where only the number of rows is asked for.
    if (leaves.empty()) add(stored.num_fields() - kHiddenColumns);
    return leaves;
  }

  Status Place() {
    const arrow::Schema& found = *batches_->schema();
    for (const auto& field : wanted_->fields()) {
      if (!IsHidden(*field)) plain_.push_back(field);
    }
    for (int i = 0; i < found.num_fields(); ++i) {
      const auto& field = chosen_.at(found.field(i)->name());
      if (field == nullptr) continue;
      places_.push_back(i);
      read_.push_back(field);
    }
    return Status::OK();
  }

  Status Next(std::shared_ptr<arrow::RecordBatch>* rows) {
    std::shared_ptr<arrow::RecordBatch> stored;
    ARROW_RETURN_NOT_OK(batches_->ReadNext(&stored));
    rows->reset();
    if (stored == nullptr) return Status::OK();
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (size_t i = 0; i < places_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(columns.emplace_back(),
                            FromStored(stored->column(places_[i]), read_[i]->type()));
    }
    const auto as_written =
        arrow::RecordBatch::Make(arrow::schema(read_), stored->num_rows(), std::move(columns));
    ARROW_ASSIGN_OR_RAISE(const auto plain, schema::Project(*as_written, arrow::schema(plain_)));
    std::vector<std::shared_ptr<arrow::Array>> out;
    int next = 0;
    for (const auto& field : wanted_->fields()) {
      out.push_back(IsHidden(*field) ? stored->GetColumnByName(field->name())
                                     : plain->column(next++));
    }
    *rows = arrow::RecordBatch::Make(wanted_, stored->num_rows(), std::move(out));
    return Status::OK();
  }

  const LakeFilePtr file_;
  const std::shared_ptr<arrow::Schema> wanted_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;            // destroyed before the reader
  std::vector<int> columns_;                                     // those read, of the file's
  std::map<std::string, std::shared_ptr<arrow::Field>> chosen_;  // null for hidden columns
  std::vector<int> places_;                           // of the table's columns, in a batch
  std::vector<std::shared_ptr<arrow::Field>> read_;   // as they were written
  std::vector<std::shared_ptr<arrow::Field>> plain_;  // those wanted that are the table's
};

}  // namespace

Result<std::shared_ptr<arrow::RecordBatchReader>> OpenLakeFile(store::FileSystem* files,
                                                               LakeFilePtr file,
                                                               const ReadLakeFile& read) {
  auto reader = std::make_shared<Reader>(std::move(file), read.wanted);
  ARROW_RETURN_NOT_OK(Catch([&] { return reader->Open(files, read); }));
  return reader;
}

}  // namespace firth::lakeview
