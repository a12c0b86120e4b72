// Decoded rows of a table, straight from its logs.
#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <deque>

#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/entry_filter.h"
#include "firth/table/series_rows.h"

namespace firth::table {
namespace {

constexpr uint64_t kReadBytes = uint64_t{4} << 20;

std::shared_ptr<arrow::Schema> WithHiddenColumns(const std::shared_ptr<arrow::Schema>& schema) {
  auto fields = schema->fields();
  fields.push_back(arrow::field("__bucket", arrow::int32(), false));
  fields.push_back(arrow::field("__offset", arrow::int64(), false));
  fields.push_back(arrow::field("__commit", arrow::int64(), false));
  fields.push_back(arrow::field("__time", arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), false));
  fields.push_back(arrow::field("__change", arrow::int8(), false));
  return arrow::schema(std::move(fields));
}

class LogScanner : public Scanner {
 public:
  struct Place {
    BucketRef where;
    LogId log;
    Offset next;
    Offset end;
  };

  LogScanner(log::LogStore* log, FileStore* files, FindSeries find_series, EditionInfo edition,
             std::shared_ptr<arrow::Schema> full, std::vector<int> columns,
             std::deque<Place> places, CommitId as_of, bool hidden, EntryFilter filter)
      : log_(log),
        files_(files),
        find_series_(std::move(find_series)),
        edition_(std::move(edition)),
        full_(std::move(full)),
        columns_(std::move(columns)),
        places_(std::move(places)),
        as_of_(as_of),
        hidden_(hidden),
        filter_(std::move(filter)) {
    std::vector<std::shared_ptr<arrow::Field>> fields;
    for (const int column : columns_) fields.push_back(full_->field(column));
    wanted_ = arrow::schema(std::move(fields));
    schema_ = hidden_ ? WithHiddenColumns(wanted_) : wanted_;
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  CommitId as_of() const override { return as_of_; }

  Result<std::optional<ScannedBatch>> Next() override {
    while (true) {
      if (file_ != nullptr) {
        ARROW_ASSIGN_OR_RAISE(auto batch, NextOfFile());
        if (batch.has_value()) return batch;
        continue;
      }
      if (entries_.empty()) {
        ARROW_ASSIGN_OR_RAISE(const bool more, ReadMore());
        if (!more) return std::nullopt;
        continue;
      }
      const log::StoredEntry entry = std::move(entries_.front());
      entries_.pop_front();
      if (!filter_.May(entry)) continue;
      if (entry.kind == log::EntryKind::kFile) {
        ARROW_RETURN_NOT_OK(OpenFileEntry(entry));
        continue;
      }
      if (entry.kind != log::EntryKind::kRows || entry.rows == 0) continue;
      ARROW_ASSIGN_OR_RAISE(const bool wanted, IsWanted(entry));
      if (!wanted) continue;
      ARROW_ASSIGN_OR_RAISE(auto batch, Decode(entry));
      if (batch.rows->num_rows() > 0) return batch;
    }
  }

 private:
  Result<bool> ReadMore() {
    while (!places_.empty()) {
      Place& place = places_.front();
      if (place.next < place.end) {
        ARROW_ASSIGN_OR_RAISE(auto read, log_->Read(place.log, place.next,
                                                    {.bytes_max = kReadBytes, .up_to = as_of_}));
        if (!read.empty()) {
          from_ = place.next;
          to_ = place.end;
          where_ = place.where;
          place.next = read.back().end_offset();
          for (auto& entry : read) {
            if (entry.base_offset < place.end) entries_.push_back(std::move(entry));
          }
          return true;
        }
      }
      places_.pop_front();
    }
    return false;
  }

  /// Begin to read the file of an entry, from the batch that holds the place asked for.
  Status OpenFileEntry(const log::StoredEntry& stored) {
    const catalog::SchemaInfo* schema = edition_.FindSchema(stored.schema_id);
    if (schema == nullptr) return NoSchema(stored.schema_id);
    const Bytes body(reinterpret_cast<const std::byte*>(stored.body->data()),
                     static_cast<size_t>(stored.body->size()));
    ARROW_ASSIGN_OR_RAISE(const FileEntry entry, ParseFileEntry(body));
    ARROW_ASSIGN_OR_RAISE(const FileInfo info, files_->Get(entry.file));
    size_t first = 0;
    file_at_ = stored.base_offset;
    while (first < entry.batches.size() && file_at_.value + entry.batches[first] <= from_.value) {
      file_at_ = Offset(file_at_.value + entry.batches[first++]);
    }
    std::vector<int> keep;
    for (int i = 0; i < schema->schema->num_fields(); ++i) {
      if (HasId(*wanted_, schema::FieldId(*schema->schema->field(i)))) keep.push_back(i);
    }
    ARROW_ASSIGN_OR_RAISE(file_, files_->Read(info, schema->schema, keep, entry.batches, first));
    file_batch_ = {
        .where = where_, .commit = stored.commit, .commit_time_ns = stored.commit_time_ns};
    return Status::OK();
  }

  /// The next batch of the open file; nothing, and it is closed, at its end.
  Result<std::optional<ScannedBatch>> NextOfFile() {
    ARROW_ASSIGN_OR_RAISE(auto rows, file_->Next());
    if (rows == nullptr || file_at_ >= to_) {
      file_.reset();
      return std::nullopt;
    }
    ScannedBatch batch = file_batch_;
    const int64_t skip = std::max<int64_t>(0, from_.value - file_at_.value);
    const int64_t until = std::min<int64_t>(rows->num_rows(), to_.value - file_at_.value);
    batch.base_offset = Offset(file_at_.value + skip);
    file_at_ = Offset(file_at_.value + rows->num_rows());
    if (until <= skip) return std::nullopt;
    ARROW_ASSIGN_OR_RAISE(rows, schema::Project(*rows->Slice(skip, until - skip), wanted_));
    if (hidden_) {
      ARROW_ASSIGN_OR_RAISE(rows, AddHidden(rows, batch));
    }
    batch.rows = std::move(rows);
    return batch;
  }

  static bool HasId(const arrow::Schema& schema, int32_t field_id) {
    return std::any_of(schema.fields().begin(), schema.fields().end(),
                       [&](const auto& field) { return schema::FieldId(*field) == field_id; });
  }
  static Status NoSchema(SchemaId id) {
    return Error(Code::kDataLoss, Reason::kSchemaNotFound,
                 "schema " + std::to_string(id.value) + " of the log is missing");
  }

  /// Does any row of the batch meet the filter, by those of its columns that are stored?
  Result<bool> IsWanted(const log::StoredEntry& entry) {
    const catalog::SchemaInfo* schema = edition_.FindSchema(entry.schema_id);
    if (!filter_.Asks() || schema == nullptr) return true;
    ARROW_ASSIGN_OR_RAISE(const auto rows,
                          DecodeColumns(entry, *schema->schema, filter_.columns()));
    ARROW_ASSIGN_OR_RAISE(const bool any, schema::AnyRowMeets(*rows, filter_.rows()));
    filter_.Note(any);
    return any;
  }

  Result<ScannedBatch> Decode(const log::StoredEntry& entry) {
    const catalog::SchemaInfo* schema = edition_.FindSchema(entry.schema_id);
    if (schema == nullptr) return NoSchema(entry.schema_id);
    ScannedBatch batch{
        .where = where_, .commit = entry.commit, .commit_time_ns = entry.commit_time_ns};
    ARROW_ASSIGN_OR_RAISE(auto rows, DecodeColumns(entry, *schema->schema, wanted_));
    const int64_t skip = std::max<int64_t>(0, from_.value - entry.base_offset.value);
    const int64_t until = std::min<int64_t>(rows->num_rows(), to_.value - entry.base_offset.value);
    batch.base_offset = Offset(entry.base_offset.value + skip);
    const Bytes body(reinterpret_cast<const std::byte*>(entry.body->data()),
                     static_cast<size_t>(entry.body->size()));
    ARROW_ASSIGN_OR_RAISE(const log::BatchHeader header, log::ParseTrustedBatch(body));
    if (!header.changes.empty()) {
      for (int64_t i = skip; i < until; ++i) {
        batch.changes.push_back(static_cast<log::Change>(header.changes[static_cast<size_t>(i)]));
      }
    }
    rows = rows->Slice(skip, std::max<int64_t>(0, until - skip));
    if (find_series_ != nullptr && !entry.side.empty()) {
      ARROW_ASSIGN_OR_RAISE(
          rows,
          JoinSeries(*rows,
                     {.side = entry.side, .commit_time_ns = entry.commit_time_ns, .skip = skip},
                     find_series_));
    }
    if (hidden_) {
      ARROW_ASSIGN_OR_RAISE(rows, AddHidden(rows, batch));
    }
    batch.rows = std::move(rows);
    return batch;
  }

  /// Decode only these columns of the newest schema: the others are cut out of the batch before.
  Result<std::shared_ptr<arrow::RecordBatch>> DecodeColumns(
      const log::StoredEntry& entry, const arrow::Schema& written,
      const std::shared_ptr<arrow::Schema>& wanted) const {
    auto rows = DecodeColumnsOf(entry, written, wanted);
    if (rows.ok() || ReasonOf(rows.status()) != Reason::kCorruptBatch) return rows;
    // Compressed rows are first unpacked by who reads them.
    return Error(Code::kDataLoss, Reason::kCorruptBatch,
                 "the rows from offset " + std::to_string(entry.base_offset.value) + " to " +
                     std::to_string(entry.base_offset.value + entry.rows - 1) + " of bucket " +
                     std::to_string(where_.bucket) +
                     " cannot be read as they were written: " + MessageOf(rows.status()));
  }

  static Result<std::shared_ptr<arrow::RecordBatch>> DecodeColumnsOf(
      const log::StoredEntry& entry, const arrow::Schema& written,
      const std::shared_ptr<arrow::Schema>& wanted) {
    std::vector<int> keep;
    std::vector<std::shared_ptr<arrow::Field>> kept;
    for (int i = 0; i < written.num_fields(); ++i) {
      if (!HasId(*wanted, schema::FieldId(*written.field(i)))) continue;
      keep.push_back(i);
      kept.push_back(written.field(i));
    }
    std::shared_ptr<arrow::Buffer> body = entry.body;
    if (static_cast<int>(keep.size()) < written.num_fields()) {
      const Bytes bytes(reinterpret_cast<const std::byte*>(body->data()),
                        static_cast<size_t>(body->size()));
      ARROW_ASSIGN_OR_RAISE(body, log::ProjectBatch(bytes, written, keep));
    }
    ARROW_ASSIGN_OR_RAISE(const auto rows, log::DecodeBatch(body, arrow::schema(kept)));
    return schema::Project(*rows, wanted);
  }

  Result<std::shared_ptr<arrow::RecordBatch>> AddHidden(
      const std::shared_ptr<arrow::RecordBatch>& rows, const ScannedBatch& batch) {
    auto columns = rows->columns();
    const int64_t count = rows->num_rows();
    arrow::Int64Builder offsets;
    arrow::Int8Builder changes;
    ARROW_RETURN_NOT_OK(offsets.Reserve(count));
    ARROW_RETURN_NOT_OK(changes.Reserve(count));
    for (int64_t i = 0; i < count; ++i) {
      offsets.UnsafeAppend(batch.base_offset.value + i);
      changes.UnsafeAppend(batch.changes.empty()
                               ? int8_t{0}
                               : static_cast<int8_t>(batch.changes[static_cast<size_t>(i)]));
    }
    const auto constant = [&](const std::shared_ptr<arrow::Scalar>& value) {
      return arrow::MakeArrayFromScalar(*value, count);
    };
    ARROW_ASSIGN_OR_RAISE(auto bucket, constant(arrow::MakeScalar(batch.where.bucket)));
    ARROW_ASSIGN_OR_RAISE(auto offset, offsets.Finish());
    ARROW_ASSIGN_OR_RAISE(auto commit, constant(arrow::MakeScalar(batch.commit.value)));
    ARROW_ASSIGN_OR_RAISE(
        auto time, constant(std::make_shared<arrow::TimestampScalar>(
                       batch.commit_time_ns, arrow::timestamp(arrow::TimeUnit::NANO, "UTC"))));
    ARROW_ASSIGN_OR_RAISE(auto change, changes.Finish());
    for (auto& column : {bucket, offset, commit, time, change}) columns.push_back(column);
    return arrow::RecordBatch::Make(schema_, count, std::move(columns));
  }

  log::LogStore* const log_;
  FileStore* const files_;
  const FindSeries find_series_;  // null where rows are not those of series
  const EditionInfo edition_;
  const std::shared_ptr<arrow::Schema> full_;
  const std::vector<int> columns_;
  std::deque<Place> places_;
  const CommitId as_of_;
  const bool hidden_;
  EntryFilter filter_;
  std::shared_ptr<arrow::Schema> wanted_;  // the table's columns that are asked for
  std::shared_ptr<arrow::Schema> schema_;  // of what is given
  std::deque<log::StoredEntry> entries_;
  Offset from_;
  Offset to_;
  BucketRef where_;
  // The file whose rows are being given.
  std::unique_ptr<FileRowReader> file_;
  Offset file_at_;
  ScannedBatch file_batch_;
};

}  // namespace

Result<std::unique_ptr<Scanner>> DatabaseImpl::Scan(const Caller& caller,
                                                    const ScanRequest& request) {
  const TableInfo& table = *request.table;
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  const auto& full = edition->newest().schema;
  std::vector<int> columns;
  if (request.columns.empty()) {
    for (int i = 0; i < full->num_fields(); ++i) columns.push_back(i);
  } else {
    ARROW_ASSIGN_OR_RAISE(columns, schema::ColumnIndices(*full, request.columns));
  }
  if ((request.from.has_value() || request.to.has_value()) && !request.bucket.has_value()) {
    return Error(Code::kInvalidArgument, Reason::kNone, "a range of offsets needs one bucket");
  }
  const CommitId as_of = std::min(request.as_of, log_->LastCommit());
  ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog_->ListPartitions(edition->id));
  std::deque<LogScanner::Place> places;
  for (const PartitionInfo& partition : partitions) {
    if (request.partition.has_value() && *request.partition != partition.id) continue;
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      if (request.bucket.has_value() && *request.bucket != b) continue;
      const LogId log = partition.LogOf(b);
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, log_->Range(log));
      ARROW_ASSIGN_OR_RAISE(const BucketRange kept, RangeFor(*edition, log));
      LogScanner::Place place{.where = {.partition = partition.id, .bucket = b},
                              .log = log,
                              .next = request.from.value_or(kept.start),
                              .end = std::min(request.to.value_or(range.end), range.end)};
      // What the lifetime has ended may still be there, for views that are behind.
      const Offset start = caller.internal ? range.start : kept.start;
      if (place.next < start || place.next > range.end) {
        return Error(Code::kOutOfRange, Reason::kOffsetOutOfRange,
                     "offset " + std::to_string(place.next.value) +
                         " is out of range: the log holds " + std::to_string(start.value) + " to " +
                         std::to_string(range.end.value));
      }
      places.push_back(place);
    }
  }
  if ((request.partition.has_value() || request.bucket.has_value()) && places.empty()) {
    return Error(Code::kNotFound, Reason::kBucketNotFound,
                 "table '" + table.path.ToString() + "' has no such partition or bucket");
  }
  FindSeries find_series;
  EntryFilter filter(request.filter, full, /*as_stored=*/!IsCollection(*edition));
  if (IsCollection(*edition)) {
    find_series = [this](const SeriesId& id) { return series_->Known(id); };
  }
  return std::make_unique<LogScanner>(log_.get(), files_.get(), std::move(find_series), *edition,
                                      full, std::move(columns), std::move(places), as_of,
                                      request.hidden_columns, std::move(filter));
}

}  // namespace firth::table
