#include "firth/table/merged.h"

#include <arrow/array/util.h>
#include <arrow/util/byte_size.h>

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include "firth/schema/key.h"
#include "firth/schema/schema.h"
#include "firth/schema/take_rows.h"
#include "firth/table/files.h"
#include "firth/table/lake.h"

namespace firth::table {
namespace {

using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

constexpr int64_t kAddedBytesMax = int64_t{512} << 20;
constexpr uint32_t kBatchRows = 64 * 1024;

/// Rows of a table with those of the steps in their place.
class MergedRows : public arrow::RecordBatchReader {
 public:
  static Result<std::shared_ptr<MergedRows>> Open(Database* database, const Caller& caller,
                                                  const OverlaidTable& table, CommitId at) {
    auto rows = std::make_shared<MergedRows>(table.edition->newest().schema);
    std::vector<std::shared_ptr<arrow::DataType>> types;
    for (const std::string& name : table.edition->spec.key) {
      rows->key_.push_back(rows->full_->GetFieldIndex(name));
      types.push_back(rows->full_->field(rows->key_.back())->type());
    }
    ARROW_ASSIGN_OR_RAISE(auto encoder, schema::KeyEncoder::Make(std::move(types)));
    rows->encoder_ = std::make_unique<schema::KeyEncoder>(std::move(encoder));
    // An edition that the steps made holds nothing but what they put into it.
    if (!table.emptied && table.edition->id.value != 0) {
      ARROW_ASSIGN_OR_RAISE(
          rows->base_, database->lake()->ScanRange(caller, {.table = table.base, .as_of = at}));
    }
    for (const auto& added : table.added) {
      ARROW_RETURN_NOT_OK(rows->Add(database, added.set));
    }
    return rows;
  }

  explicit MergedRows(std::shared_ptr<arrow::Schema> full) : full_(std::move(full)) {
    arrow::FieldVector fields;
    for (const auto& field : full_->fields()) fields.push_back(field->RemoveMetadata());
    plain_ = arrow::schema(std::move(fields));
  }

  std::shared_ptr<arrow::Schema> schema() const override { return plain_; }

  Status ReadNext(BatchPtr* batch) override {
    batch->reset();
    while (base_ != nullptr) {
      ARROW_ASSIGN_OR_RAISE(BatchPtr rows, base_->Next());
      if (rows == nullptr) {
        base_.reset();
        break;
      }
      // Those that the steps did not touch.
      ARROW_ASSIGN_OR_RAISE(const auto keys, KeysOf(*rows));
      std::vector<int64_t> taken;
      for (size_t i = 0; i < keys.size(); ++i) {
        if (!last_.contains(keys[i])) taken.push_back(static_cast<int64_t>(i));
      }
      if (taken.empty()) continue;
      ARROW_ASSIGN_OR_RAISE(rows, schema::TakeRows(rows, taken));
      ARROW_ASSIGN_OR_RAISE(*batch, Widen(*rows));
      return Status::OK();
    }
    while (next_ < added_.size()) {
      const size_t number = next_++;
      std::vector<int64_t> taken;
      for (const auto& [key, place] : last_) {
        if (place.first == number) taken.push_back(place.second);
      }
      if (taken.empty()) continue;
      std::sort(taken.begin(), taken.end());
      ARROW_ASSIGN_OR_RAISE(const BatchPtr rows, schema::TakeRows(added_[number], taken));
      *batch = Plain(*rows);
      return Status::OK();
    }
    return Status::OK();
  }

 private:
  /// Of a key that is deleted.
  static constexpr size_t kNowhere = SIZE_MAX;

  BatchPtr Plain(const arrow::RecordBatch& rows) const {
    return arrow::RecordBatch::Make(plain_, rows.num_rows(), rows.columns());
  }

  /// Rows under what may be an older schema.
  Result<BatchPtr> Widen(const arrow::RecordBatch& rows) const {
    arrow::ArrayVector columns;
    for (const auto& field : plain_->fields()) {
      columns.push_back(rows.GetColumnByName(field->name()));
      if (columns.back() != nullptr) continue;
      ARROW_ASSIGN_OR_RAISE(columns.back(), arrow::MakeArrayOfNull(field->type(), rows.num_rows()));
    }
    return arrow::RecordBatch::Make(plain_, rows.num_rows(), std::move(columns));
  }

  Result<std::vector<std::string>> KeysOf(const arrow::RecordBatch& rows) const {
    arrow::ArrayVector columns;
    for (const int column : key_) {
      columns.push_back(rows.GetColumnByName(full_->field(column)->name()));
    }
    std::vector<std::string> keys;
    ARROW_RETURN_NOT_OK(encoder_->Encode(columns, &keys));
    return keys;
  }

  Status Add(Database* database, const FileSet& set) {
    std::vector<int> columns = key_;
    if (!set.remove) {
      columns.clear();
      for (int i = 0; i < full_->num_fields(); ++i) columns.push_back(i);
    }
    for (const TakenFile& file : set.files) {
      ARROW_ASSIGN_OR_RAISE(const auto reader,
                            database->file_store()->Read(file.info, full_, columns, file.batches));
      while (true) {
        ARROW_ASSIGN_OR_RAISE(BatchPtr rows, reader->Next());
        if (rows == nullptr) break;
        bytes_ += arrow::util::TotalBufferSize(*rows);
        if (bytes_ > kAddedBytesMax) {
          return Error(Code::kResourceExhausted, Reason::kOverBudget,
                       "a transaction may hold 512 MiB of rows of a table with a key");
        }
        ARROW_ASSIGN_OR_RAISE(const auto keys, KeysOf(*rows));
        for (size_t i = 0; i < keys.size(); ++i) {
          last_[keys[i]] = {set.remove ? kNowhere : added_.size(), static_cast<int64_t>(i)};
        }
        if (!set.remove) added_.push_back(std::move(rows));
      }
    }
    return Status::OK();
  }

  const std::shared_ptr<arrow::Schema> full_;
  std::shared_ptr<arrow::Schema> plain_;
  std::vector<int> key_;
  std::unique_ptr<schema::KeyEncoder> encoder_;
  std::shared_ptr<RangeScanner> base_;  // null: nothing, or nothing more
  std::deque<BatchPtr> added_;
  /// Where the last row of each key stands that the steps have: in which of `added_`, and its row.
  std::unordered_map<std::string, std::pair<size_t, int64_t>> last_;
  int64_t bytes_ = 0;
  size_t next_ = 0;
};

}  // namespace

Result<FileInfo> CutMerged(Database* database, const Caller& caller, const OverlaidTable& table,
                           CommitId at) {
  ARROW_ASSIGN_OR_RAISE(const auto rows, MergedRows::Open(database, caller, table, at));
  FileStore* files = database->file_store();
  ARROW_ASSIGN_OR_RAISE(FileInfo file, files->Write(rows.get()));
  files->Keep(file.id);
  ARROW_RETURN_NOT_OK(database->catalog()->ChangeValues(
      {FileStore::Enter(file), FileStore::LetGo(file.id, database->clock().NowNs())}));
  return file;
}

Result<FileSet> FilesAsOf(Database* database, const Caller& caller, const TablePtr& table,
                          CommitId at) {
  ARROW_ASSIGN_OR_RAISE(const auto deltas,
                        database->ListDeltas(caller, table, {.as_of = at, .only_parquet = true}));
  FileSet set{.known = true};
  for (const Delta& delta : deltas) {
    for (const DeltaFile& file : delta.files) {
      if (file.file.rows == 0) continue;
      TakenFile taken{.info = file.file};
      for (int64_t left = file.file.rows; left > 0; left -= kBatchRows) {
        taken.batches.push_back(static_cast<uint32_t>(std::min<int64_t>(left, kBatchRows)));
      }
      set.files.push_back(std::move(taken));
    }
  }
  return set;
}

}  // namespace firth::table
