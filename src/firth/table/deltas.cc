// Tables as lists of files.
#include "firth/table/deltas.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/lake.h"
#include "firth/table/series_rows.h"

namespace firth::table {
namespace {

constexpr char kCuts[] = "cut/";
/// A run of rows that was cut piece by piece is cut anew as a whole beyond this.
constexpr size_t kPiecesMax = 16;
constexpr int64_t kCutsListed = 1000;

std::string Hex(int64_t number) {
  return catalog::FileValueName(FileId(number)).substr(sizeof(catalog::kFilesBegin) - 1);
}

bool IsDelimited(const std::string& format) {
  return format == "csv" || format == "tsv" || format == "psv";
}

std::shared_ptr<arrow::Schema> Plain(const arrow::Schema& schema) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const auto& field : schema.fields()) fields.push_back(field->RemoveMetadata());
  return arrow::schema(std::move(fields));
}

/// Batches that a function gives, shown under a plain schema.
class Batches : public arrow::RecordBatchReader {
 public:
  using Next = std::function<Result<std::shared_ptr<arrow::RecordBatch>>()>;
  Batches(std::shared_ptr<arrow::Schema> schema, Next next)
      : schema_(std::move(schema)), next_(std::move(next)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_ASSIGN_OR_RAISE(*batch, next_());
    if (*batch != nullptr) {
      *batch = arrow::RecordBatch::Make(schema_, (*batch)->num_rows(), (*batch)->columns());
    }
    return Status::OK();
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const Next next_;
};

}  // namespace

Result<FileInfo> DatabaseImpl::CutOnce(
    const std::string& name,
    const std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>& open) {
  {
    std::unique_lock lock(cuts_mutex_);
    cut_ready_.wait(lock, [&] { return !cutting_.contains(name); });
    cutting_.insert(name);
  }
  const auto cut = [&]() -> Result<FileInfo> {
    ARROW_ASSIGN_OR_RAISE(const auto known, catalog_->GetValue(name));
    if (known.has_value()) {
      int64_t id = 0;
      std::from_chars(known->data(), known->data() + known->size(), id);
      if (files_->Keep(FileId(id))) {
        auto file = files_->Get(FileId(id));
        if (file.ok()) return file;  // else it was removed since
      }
    }
    ARROW_ASSIGN_OR_RAISE(const auto rows, open());
    ARROW_ASSIGN_OR_RAISE(FileInfo file, files_->Write(rows.get()));
    files_->Keep(file.id);
    ARROW_RETURN_NOT_OK(
        catalog_->ChangeValues({FileStore::Enter(file),
                                FileStore::LetGo(file.id, clock().NowNs()),
                                {.name = name, .value = std::to_string(file.id.value)}}));
    return file;
  };
  auto file = cut();
  std::lock_guard lock(cuts_mutex_);
  cutting_.erase(name);
  cut_ready_.notify_all();
  return file;
}

Result<FileInfo> DatabaseImpl::RewriteFile(const TakenFile& taken,
                                           const std::shared_ptr<arrow::Schema>& written,
                                           const std::shared_ptr<arrow::Schema>& schema) {
  const std::string name = std::string(kCuts) + "file/" + Hex(taken.info.id.value) + "/" +
                           std::to_string(schema->num_fields());
  return CutOnce(name, [&]() -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
    std::vector<int> all;
    for (int i = 0; i < written->num_fields(); ++i) all.push_back(i);
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<FileRowReader> rows,
                          files_->Read(taken.info, written, all, taken.batches));
    return std::make_shared<Batches>(
        Plain(*schema),
        [rows = std::move(rows), schema]() -> Result<std::shared_ptr<arrow::RecordBatch>> {
          ARROW_ASSIGN_OR_RAISE(const auto batch, rows->Next());
          if (batch == nullptr) return batch;
          return schema::Project(*batch, schema);
        });
  });
}

Result<DeltaFile> DatabaseImpl::FileDelta(const EditionInfo& edition, LogId log,
                                          const log::EntryFacts& facts, const DeltaOptions& options,
                                          bool* ordered) {
  ARROW_ASSIGN_OR_RAISE(const auto read, log_->Read(log, facts.base_offset, {.bytes_max = 1}));
  if (read.empty()) return Error(Code::kInternal, Reason::kNone, "an entry went away");
  const Bytes body(reinterpret_cast<const std::byte*>(read.front().body->data()),
                   static_cast<size_t>(read.front().body->size()));
  ARROW_ASSIGN_OR_RAISE(const FileEntry entry, ParseFileEntry(body));
  *ordered = entry.ordered;
  ARROW_ASSIGN_OR_RAISE(FileInfo file, files_->Get(entry.file));
  const bool older = facts.schema_id != edition.newest().id;
  const bool rewrite = (options.only_parquet && file.format != "parquet") ||
                       (options.rewrite_older_text && older && IsDelimited(file.format));
  if (!rewrite) return DeltaFile{.file = std::move(file), .schema_id = facts.schema_id};
  const catalog::SchemaInfo* written = edition.FindSchema(facts.schema_id);
  if (written == nullptr) {
    return Error(Code::kDataLoss, Reason::kSchemaNotFound, "the schema of an entry is missing");
  }
  ARROW_ASSIGN_OR_RAISE(file, RewriteFile({.info = file, .batches = entry.batches}, written->schema,
                                          edition.newest().schema));
  return DeltaFile{.file = std::move(file), .schema_id = edition.newest().id, .rewritten = true};
}

Result<std::vector<DeltaFile>> DatabaseImpl::RowDelta(const Caller& caller, const TablePtr& table,
                                                      BucketRef where, LogId log, Offset begin,
                                                      Offset end) {
  const EditionInfo& edition = *table->current;
  const std::string prefix =
      std::string(kCuts) + "log/" + Hex(log.value) + "/" + Hex(edition.newest().id.value) + "/";
  const auto cut = [&](Offset from, Offset to) -> Result<DeltaFile> {
    ARROW_ASSIGN_OR_RAISE(
        FileInfo file, CutOnce(prefix + Hex(from.value) + "-" + Hex(to.value),
                               [&]() -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
                                 ARROW_ASSIGN_OR_RAISE(std::shared_ptr<Scanner> scanner,
                                                       Scan(caller, {.table = table,
                                                                     .partition = where.partition,
                                                                     .bucket = where.bucket,
                                                                     .from = from,
                                                                     .to = to}));
                                 return std::make_shared<Batches>(
                                     Plain(*edition.newest().schema),
                                     [scanner]() -> Result<std::shared_ptr<arrow::RecordBatch>> {
                                       ARROW_ASSIGN_OR_RAISE(auto batch, scanner->Next());
                                       return batch.has_value() ? batch->rows : nullptr;
                                     });
                               }));
    return DeltaFile{.file = std::move(file), .schema_id = edition.newest().id, .rewritten = true};
  };
  // What was cut before is used again, as far as it goes.
  ARROW_ASSIGN_OR_RAISE(const auto known, catalog_->ScanValues(prefix, prefix + "g", kCutsListed));
  std::map<int64_t, int64_t> longest;
  for (const auto& [name, id] : known) {
    int64_t from = 0;
    int64_t to = 0;
    const char* at = name.data() + prefix.size();
    std::from_chars(at, at + 16, from, 16);
    std::from_chars(at + 17, at + 33, to, 16);
    if (to <= end.value) longest[from] = std::max(longest[from], to);
  }
  std::vector<std::pair<Offset, Offset>> pieces;
  for (Offset at = begin; at < end;) {
    const auto found = longest.find(at.value);
    const Offset to = found == longest.end() ? end : Offset(found->second);
    pieces.emplace_back(at, to);
    at = to;
  }
  if (pieces.size() > kPiecesMax) pieces = {{begin, end}};
  std::vector<DeltaFile> files;
  for (const auto& [from, to] : pieces) {
    ARROW_ASSIGN_OR_RAISE(files.emplace_back(), cut(from, to));
  }
  return files;
}

Result<std::vector<Delta>> DatabaseImpl::CurrentDelta(const TablePtr& table, CommitId as_of) {
  const EditionInfo& edition = *table->current;
  ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog_->ListPartitions(edition.id));
  CommitId last{0};
  std::set<CommitId> commits;
  Delta delta;
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      ARROW_ASSIGN_OR_RAISE(const auto entries,
                            log_->List(partition.LogOf(b), CommitId(0), catalog::kNow));
      for (const log::EntryFacts& facts : entries) {
        if (facts.commit > as_of) continue;
        last = std::max(last, facts.commit);
        commits.insert(facts.commit);
        delta.commit_time_ns = std::max(delta.commit_time_ns, facts.commit_time_ns);
      }
    }
  }
  if (last.value == 0) return std::vector<Delta>();
  const std::string of_edition = Hex(edition.id.value) + "/" + Hex(edition.newest().id.value) + "/";
  const auto plain = Plain(*edition.newest().schema);
  const std::vector<std::string> names = edition.newest().schema->field_names();
  FileInfo file;
  if (IsCollection(edition)) {
    ARROW_ASSIGN_OR_RAISE(const CollectionCut cut, series_->CutAt(table, as_of));
    const auto open = [&]() -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
      ARROW_ASSIGN_OR_RAISE(auto rows, SeriesStoreImpl::RowsOfCut(edition, names, cut));
      return std::make_shared<Batches>(plain,
                                       [reader = std::move(rows)]() { return reader->Next(); });
    };
    ARROW_ASSIGN_OR_RAISE(file, CutOnce(kCuts + ("series/" + of_edition) + cut.state, open));
  } else {
    // The rows that were current then, whatever was written meanwhile.
    ARROW_ASSIGN_OR_RAISE(file, CutOnce(kCuts + ("key/" + of_edition) + Hex(last.value),
                                        [&] { return OpenRowsAt(table, names, last); }));
  }
  delta.commit = last;
  delta.position = static_cast<int64_t>(commits.size());
  delta.files.push_back(
      {.file = std::move(file), .schema_id = edition.newest().id, .rewritten = true});
  return std::vector<Delta>{std::move(delta)};
}

Result<std::vector<Delta>> DatabaseImpl::ListDeltas(const Caller& caller, const TablePtr& table,
                                                    const DeltaOptions& options) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *table));
  if (!table->current.has_value()) return std::vector<Delta>();
  const EditionInfo& edition = *table->current;
  const CommitId as_of = std::min(options.as_of, log_->LastCommit());
  if (!edition.spec.key.empty() || IsCollection(edition)) return CurrentDelta(table, as_of);
  ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog_->ListPartitions(edition.id));
  std::map<CommitId, Delta> by_commit;
  std::map<CommitId, int64_t> positions;
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      const LogId log = partition.LogOf(b);
      ARROW_ASSIGN_OR_RAISE(const auto entries, log_->List(log, CommitId(0), as_of));
      for (size_t i = 0; i < entries.size(); ++i) {
        const log::EntryFacts& facts = entries[i];
        positions[facts.commit] = 0;
        if (facts.offsets == 0) continue;
        if (facts.kind == log::EntryKind::kFile) {
          Delta& delta = by_commit[facts.commit];
          delta.commit_time_ns = facts.commit_time_ns;
          ARROW_ASSIGN_OR_RAISE(delta.files.emplace_back(),
                                FileDelta(edition, log, facts, options, &delta.ordered));
          continue;
        }
        // A run of rows, up to the next file.
        size_t last = i;
        while (last + 1 < entries.size() && entries[last + 1].kind == log::EntryKind::kRows) {
          positions[entries[++last].commit] = 0;
        }
        Delta& delta = by_commit[entries[last].commit];
        delta.commit_time_ns = entries[last].commit_time_ns;
        ARROW_ASSIGN_OR_RAISE(auto files,
                              RowDelta(caller, table, {.partition = partition.id, .bucket = b}, log,
                                       facts.base_offset, entries[last].end_offset()));
        delta.files.insert(delta.files.end(), files.begin(), files.end());
        i = last;
      }
    }
  }
  int64_t position = 0;
  for (auto& [commit, at] : positions) at = ++position;
  std::vector<Delta> deltas;
  for (auto& [commit, delta] : by_commit) {
    delta.commit = commit;
    delta.position = positions[commit];
    deltas.push_back(std::move(delta));
  }
  return deltas;
}

Result<DeltaTotals> DatabaseImpl::CountDeltas(const Caller& caller, const TablePtr& table,
                                              CommitId as_of) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kSee, *table));
  DeltaTotals totals;
  if (!table->current.has_value()) return totals;
  ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog_->ListPartitions(table->current->id));
  std::set<CommitId> commits;
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      const LogId log = partition.LogOf(b);
      ARROW_ASSIGN_OR_RAISE(const auto entries, log_->List(log, CommitId(0), as_of));
      for (const log::EntryFacts& facts : entries) {
        if (facts.rows == 0) continue;
        commits.insert(facts.commit);
        totals.rows += facts.rows;
        ++totals.files;
        if (facts.kind != log::EntryKind::kFile) {
          totals.bytes += facts.body_bytes;
          continue;
        }
        bool ordered = false;
        ARROW_ASSIGN_OR_RAISE(const DeltaFile file,
                              FileDelta(*table->current, log, facts, {}, &ordered));
        totals.bytes += file.file.bytes;
      }
    }
  }
  totals.deltas = static_cast<int64_t>(commits.size());
  return totals;
}

}  // namespace firth::table
