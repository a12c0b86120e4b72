#include "firth/doors/flight/current_cursor.h"

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/flight/buckets.h"
#include "firth/doors/flight/shown_rows.h"
#include "firth/schema/row.h"
#include "firth/schema/schema.h"

namespace firth::doors::flight {
namespace {

constexpr int64_t kPageRows = 4096;

using Batches = std::deque<std::shared_ptr<arrow::RecordBatch>>;

class CurrentCursor : public Cursor {
 public:
  CurrentCursor(const Request& request, Ticket ticket)
      : request_(request), ticket_(std::move(ticket)), shown_(ticket_) {}

  Status Open() {
    ARROW_ASSIGN_OR_RAISE(table_, request_.database->GetTable(request_.caller, ticket_.path));
    if (!table_->current || table_->current->spec.key.empty()) {
      return Error(Code::kFailedPrecondition, Reason::kNotKeyed,
                   "the table " + ticket_.path.ToString() +
                       " has no key, so no current rows; leave out `current`");
    }
    const auto& full = table_->current->newest().schema;
    wide_ = full;
    if (!shown_.columns().empty()) {
      ARROW_ASSIGN_OR_RAISE(const auto indices, schema::ColumnIndices(*full, shown_.columns()));
      arrow::FieldVector fields;
      for (const int index : indices) fields.push_back(full->field(index));
      wide_ = arrow::schema(std::move(fields));
    }
    ARROW_RETURN_NOT_OK(shown_.Bind(wide_));
    ARROW_ASSIGN_OR_RAISE(const auto buckets, BucketsOf(request_, *table_, ticket_));
    buckets_.assign(buckets.begin(), buckets.end());
    return ReadPage();  // so that a right that is missing is told at once
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return shown_.schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    while (!shown_.full()) {
      if (ready_.empty()) {
        if (buckets_.empty()) return nullptr;
        ARROW_RETURN_NOT_OK(ReadPage());
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(auto rows, shown_.Show(std::move(ready_.front())));
      ready_.pop_front();
      if (rows->num_rows() > 0) return rows;
    }
    return nullptr;
  }

 private:
  Status ReadPage() {
    if (buckets_.empty()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto rows,
                          request_.database->ScanKeys(request_.caller, {.table = table_,
                                                                        .where = buckets_.front(),
                                                                        .from = from_,
                                                                        .to = "",
                                                                        .limit = kPageRows}));
    if (static_cast<int64_t>(rows.size()) < kPageRows) {
      buckets_.pop_front();
      from_.clear();
    } else {
      from_ = rows.back().key + '\0';  // the least key above it
    }
    return Decode(rows);
  }

  /// Runs of rows that were written under one schema are one batch each.
  Status Decode(const std::vector<table::KeyedRow>& rows) {
    std::vector<std::string_view> run;
    for (size_t i = 0; i < rows.size(); ++i) {
      run.push_back(rows[i].row.row());
      const SchemaId id = rows[i].row.schema_id();
      if (i + 1 < rows.size() && rows[i + 1].row.schema_id() == id) continue;
      ARROW_ASSIGN_OR_RAISE(const auto codec, CodecOf(id));
      ARROW_ASSIGN_OR_RAISE(const auto decoded, codec->Decode(run));
      ARROW_ASSIGN_OR_RAISE(ready_.emplace_back(), schema::Project(*decoded, wide_));
      run.clear();
    }
    return Status::OK();
  }

  Result<std::shared_ptr<const schema::RowCodec>> CodecOf(SchemaId id) {
    auto& codec = codecs_[id];
    if (codec != nullptr) return codec;
    const catalog::SchemaInfo* found = table_->current->FindSchema(id);
    if (found == nullptr) {  // the table was changed since
      ARROW_ASSIGN_OR_RAISE(table_, request_.database->GetTable(request_.caller, table_->id));
      found = table_->current->FindSchema(id);
    }
    if (found == nullptr) {
      return Error(Code::kDataLoss, Reason::kSchemaNotFound,
                   "the schema " + std::to_string(id.value) + " of rows in " +
                       ticket_.path.ToString() + " is missing");
    }
    ARROW_ASSIGN_OR_RAISE(codec, schema::RowCodec::Make(found->schema));
    return codec;
  }

  const Request request_;
  const Ticket ticket_;
  ShownRows shown_;
  table::TablePtr table_;
  std::shared_ptr<arrow::Schema> wide_;
  std::deque<table::BucketRef> buckets_;  // to read, the first one from from_ on
  std::string from_;                      // canonical key
  std::map<SchemaId, std::shared_ptr<const schema::RowCodec>> codecs_;
  Batches ready_;
};

}  // namespace

Result<std::unique_ptr<Cursor>> OpenCurrent(const Request& request, Ticket ticket) {
  auto cursor = std::make_unique<CurrentCursor>(request, std::move(ticket));
  ARROW_RETURN_NOT_OK(cursor->Open());
  return cursor;
}

}  // namespace firth::doors::flight
