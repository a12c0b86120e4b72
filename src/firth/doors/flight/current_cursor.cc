#include "firth/doors/flight/current_cursor.h"

#include <arrow/compute/cast.h>
#include <arrow/scalar.h>

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/flight/buckets.h"
#include "firth/doors/flight/shown_rows.h"
#include "firth/doors/flight/type_text.h"
#include "firth/schema/key.h"
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
    ARROW_RETURN_NOT_OK(FindRanges());
    if (!ranges_.empty()) buckets_.assign(buckets.begin(), buckets.end());
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
  /// A run of keys, canonical: from the first on, before the second (empty: to the end).
  using Range = std::pair<std::string, std::string>;

  /// The canonical form of values of the first key columns.
  Result<std::string> Canonical(const std::vector<std::string>& values, bool whole) const {
    const auto& schema = *table_->current->newest().schema;
    const std::vector<std::string>& key = table_->current->spec.key;
    if (values.size() > key.size() || (whole && values.size() != key.size())) {
      return Error(Code::kInvalidArgument, Reason::kNone,
                   "the key of " + ticket_.path.ToString() + " has " + std::to_string(key.size()) +
                       " columns, not " + std::to_string(values.size()));
    }
    std::vector<std::shared_ptr<arrow::DataType>> types;
    std::vector<std::shared_ptr<arrow::Scalar>> scalars;
    for (size_t i = 0; i < key.size(); ++i) types.push_back(schema.GetFieldByName(key[i])->type());
    for (size_t i = 0; i < values.size(); ++i) {
      const auto cast = arrow::compute::Cast(
          arrow::Datum(std::make_shared<arrow::StringScalar>(values[i])), types[i]);
      if (!cast.ok()) {
        return Error(Code::kInvalidArgument, Reason::kNone,
                     "`" + values[i].substr(0, 64) + "` is no value of the key column " + key[i] +
                         ", which is " + TypeToText(*types[i]));
      }
      scalars.push_back(cast->scalar());
    }
    ARROW_ASSIGN_OR_RAISE(const auto encoder, schema::KeyEncoder::Make(std::move(types)));
    std::string canonical;
    ARROW_RETURN_NOT_OK(encoder.EncodeScalars(scalars, &canonical));
    return canonical;
  }

  Status FindRanges() {
    if (!ticket_.keys) {
      Range range;
      ARROW_ASSIGN_OR_RAISE(range.first,
                            Canonical(ticket_.prefix.empty() ? ticket_.key_from : ticket_.prefix,
                                      /*whole=*/false));
      if (!ticket_.prefix.empty()) {
        range.second = schema::PrefixEnd(range.first);
      } else if (!ticket_.key_to.empty()) {
        ARROW_ASSIGN_OR_RAISE(range.second, Canonical(ticket_.key_to, /*whole=*/false));
      }
      ranges_.push_back(std::move(range));
    } else {
      for (const auto& key : *ticket_.keys) {
        ARROW_ASSIGN_OR_RAISE(std::string from, Canonical(key, /*whole=*/true));
        std::string to = from + '\0';  // the least key above it
        ranges_.emplace_back(std::move(from), std::move(to));
      }
    }
    BeginRange();
    return Status::OK();
  }

  void BeginRange() {
    if (next_range_ < ranges_.size()) rest_ = ranges_[next_range_];
  }

  Status ReadPage() {
    if (buckets_.empty()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto rows, request_.database->ScanKeys(
                                               request_.caller, {.table = table_,
                                                                 .where = buckets_.front(),
                                                                 .from = rest_.first,
                                                                 .to = rest_.second,
                                                                 .backwards = ticket_.backwards,
                                                                 .limit = kPageRows}));
    if (static_cast<int64_t>(rows.size()) == kPageRows) {
      if (ticket_.backwards) {
        rest_.second = rows.back().key;
      } else {
        rest_.first = rows.back().key + '\0';
      }
      return Decode(rows);
    }
    if (++next_range_ == ranges_.size()) {
      next_range_ = 0;
      buckets_.pop_front();
    }
    BeginRange();
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
  std::deque<table::BucketRef> buckets_;  // to read, each of them range by range
  std::vector<Range> ranges_;
  size_t next_range_ = 0;
  Range rest_;  // of the range that is read
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
