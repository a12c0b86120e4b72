// Steps as one commit: what they do to the catalog, the entries that they write, and whether they
// meet what others did since a snapshot.
#include <arrow/util/byte_size.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/keyed_write.h"
#include "firth/table/row_routing.h"
#include "firth/table/series_rows.h"
#include "firth/table/steps.h"

namespace firth::table {

using log::WriteClass;

namespace {

constexpr int kAttemptsMax = 16;
constexpr uint64_t kEntryBytes = uint64_t{1} << 20;
/// Rows that are looked up one by one are held in memory meanwhile.
constexpr int64_t kKeyedBytesMax = int64_t{512} << 20;

Status Conflict(const Path& path, const std::string& what) {
  return Error(Code::kAborted, Reason::kConflict,
               "table '" + path.ToString() + "' was changed meanwhile: " + what);
}

}  // namespace

/// One attempt to make a commit of steps.
class StepCommit {
 public:
  StepCommit(DatabaseImpl* database, const Caller& caller, const std::vector<Step>& steps,
             const ApplyOptions& options)
      : database_(database),
        caller_(caller),
        steps_(steps),
        options_(options),
        overlay_(database->catalog(), catalog::kNow) {}

  Status Prepare() {
    for (const Step& step : steps_) ARROW_RETURN_NOT_OK(AddStep(step));
    for (const auto& table : overlay_.tables_) {
      if (!table->added.empty() || table->emptied) ARROW_RETURN_NOT_OK(AddEntries(*table));
    }
    return Status::OK();
  }

  /// Make it durable, and wait for that.
  Result<log::CommitResult> Commit() {
    auto part =
        std::make_shared<CatalogChange>([this](catalog::Changes* changes) { return Run(changes); });
    if (keyed_ != nullptr && !keyed_->parts.empty()) {
      keyed_->appends = std::move(entries_);
      keyed_->catalog = std::move(part);
      return database_->CommitKeyed(std::move(keyed_));
    }
    log::CommitDraft draft;
    draft.entries = std::move(entries_);
    draft.catalog = std::move(part);
    return database_->CommitAndWait(std::move(draft));
  }

 private:
  using Op = std::function<Status(catalog::Changes*)>;

  /// What this commit made for a table.
  struct Made {
    TableId table{0};
    EditionId edition{0};
    LogId first_log{0};
  };

  Status AddStep(const Step& step) {
    ARROW_ASSIGN_OR_RAISE(const OverlaidTable* before, overlay_.Find(step.path));
    std::optional<EditionInfo> edition;
    if (before != nullptr) edition = before->edition;
    ARROW_RETURN_NOT_OK(overlay_.Apply(step));
    const OverlaidTable* table = before;
    if (step.kind == Step::Kind::kCreateTable) {
      ARROW_ASSIGN_OR_RAISE(table, overlay_.Find(step.path));
    }
    switch (step.kind) {
      case Step::Kind::kCreateNamespace:
        ops_.push_back([&step](catalog::Changes* changes) {
          return changes->CreateNamespace(step.path, step.attributes.value_or(Attributes{}))
              .status();
        });
        return Status::OK();
      case Step::Kind::kAlterNamespace:
        ops_.push_back([&step](catalog::Changes* changes) {
          return changes->AlterNamespace(step.path, step.attributes.value_or(Attributes{}));
        });
        return Status::OK();
      case Step::Kind::kDropNamespace:
        ops_.push_back(
            [&step](catalog::Changes* changes) { return changes->DropNamespace(step.path); });
        return Status::OK();
      case Step::Kind::kCreateTable:
        ops_.push_back([this, &step, table](catalog::Changes* changes) -> Status {
          ARROW_ASSIGN_OR_RAISE(
              made_[table].table,
              changes->CreateTable(step.path, step.attributes.value_or(Attributes{})));
          return Status::OK();
        });
        return table->edition.has_value() ? AddEdition(table, std::nullopt) : Status::OK();
      case Step::Kind::kAlterTable:
        return AddAlter(step, table, edition);
      case Step::Kind::kRenameTable:
        ops_.push_back([this, &step, table](catalog::Changes* changes) {
          return changes->RenameTable(IdOf(table), step.to);
        });
        return Status::OK();
      case Step::Kind::kDropTable:
        return AddDrop(step, table);
      case Step::Kind::kMakeEdition:
        ARROW_RETURN_NOT_OK(AddEdition(table, std::nullopt));
        return AddAttributes(step, table);
      case Step::Kind::kReplace:
        if (table->emptied) return AddAttributes(step, table);
        ARROW_RETURN_NOT_OK(AddEdition(table, edition));
        return AddAttributes(step, table);
      case Step::Kind::kAddFiles:
        return Status::OK();
    }
    return Status::OK();
  }

  Status AddAttributes(const Step& step, const OverlaidTable* table) {
    if (!step.attributes.has_value()) return Status::OK();
    ops_.push_back([this, &step, table](catalog::Changes* changes) {
      return changes->AlterTable(IdOf(table), *step.attributes);
    });
    return Status::OK();
  }

  Status AddAlter(const Step& step, const OverlaidTable* table,
                  const std::optional<EditionInfo>& before) {
    if (step.schema != nullptr && before.has_value() &&
        table->edition->newest().id != before->newest().id) {
      const catalog::SchemaInfo schema = table->edition->newest();
      const int32_t next_field_id = table->edition->next_field_id;
      ops_.push_back([this, table, schema, next_field_id](catalog::Changes* changes) -> Status {
        ARROW_ASSIGN_OR_RAISE(const SchemaId id,
                              changes->AddSchema(EditionOf(table), schema.schema, next_field_id));
        return id == schema.id ? Status::OK() : Conflict(table->path, "it has another schema");
      });
    }
    return AddAttributes(step, table);
  }

  /// A new current edition, in the place of `replaced`, which takes no more writes.
  Status AddEdition(const OverlaidTable* table, const std::optional<EditionInfo>& replaced) {
    const EditionInfo edition = *table->edition;
    if (!edition.spec.partition_by.empty()) {
      return Error(Code::kUnimplemented, Reason::kNone,
                   "a partitioned table cannot be replaced as a whole");
    }
    ARROW_ASSIGN_OR_RAISE(made_[table].first_log.value,
                          database_->catalog()->TakeIds("log", edition.spec.bucket_count));
    const LogId first_log = made_[table].first_log;
    ops_.push_back([this, table, edition, replaced,
                    first_log](catalog::Changes* changes) -> Status {
      if (replaced.has_value()) ARROW_RETURN_NOT_OK(changes->SealEdition(EditionOf(table)));
      ARROW_ASSIGN_OR_RAISE(made_[table].edition,
                            changes->CreateEdition(IdOf(table), edition.number, edition.spec,
                                                   edition.newest().schema, edition.next_field_id,
                                                   /*make_current=*/true));
      return changes
          ->CreatePartition(made_[table].edition, {}, edition.spec.bucket_count, first_log)
          .status();
    });
    return Status::OK();
  }

  Status AddDrop(const Step& step, const OverlaidTable* table) {
    if (table->base != nullptr) {
      ARROW_ASSIGN_OR_RAISE(const auto logs, database_->LogsOf(*table->base));
      if (step.release_files) {
        ARROW_ASSIGN_OR_RAISE(const auto files, database_->FilesOf(logs));
        for (const FileId id : files) {
          values_.push_back(FileStore::LetGo(id, database_->clock().NowNs()));
        }
      }
    }
    ops_.push_back(
        [this, table](catalog::Changes* changes) { return changes->DropTable(IdOf(table)); });
    return Status::OK();
  }

  // What ops know only when they run.
  TableId IdOf(const OverlaidTable* table) {
    return table->base != nullptr ? table->base->id : made_[table].table;
  }
  EditionId EditionOf(const OverlaidTable* table) {
    const EditionId made = made_[table].edition;
    return made.value != 0 ? made : table->base->current->id;
  }

  Status AddEntries(const OverlaidTable& table) {
    const EditionInfo& edition = *table.edition;
    if (IsCollection(edition)) return CheckWritable(edition);
    if (!edition.spec.key.empty()) return AddKeyed(table);
    const bool one_log = edition.spec.partition_by.empty() && edition.spec.bucket_count == 1;
    for (const OverlaidTable::Added& added : table.added) {
      std::vector<FileInfo> named;
      for (const TakenFile& file : added.set.files) {
        if (file.info.rows == 0) continue;
        if (one_log && file.exact) {
          ARROW_RETURN_NOT_OK(AddFile(table, added, file));
          named.push_back(file.info);
        } else {
          ARROW_RETURN_NOT_OK(AddRows(table, added, file));
        }
      }
      for (const std::string& upload : added.set.uploads) {
        values_.push_back(FileStore::KeepUpload(upload, database_->clock().NowNs(), named));
      }
    }
    return Status::OK();
  }

  /// Rows of a table with a key: its files' rows become upserts and deletions, in their order.
  Status AddKeyed(const OverlaidTable& table) {
    std::vector<KeyedRows> runs;
    ARROW_ASSIGN_OR_RAISE(const KeyedTarget target, TargetOf(table));
    if (table.emptied && !target.first_log.has_value()) {
      emptied_[&table] = database_->LastCommit();
      ARROW_ASSIGN_OR_RAISE(
          const auto held,
          database_->OpenRowsAt(table.base, table.edition->spec.key, emptied_[&table]));
      KeyedRows& all = runs.emplace_back(KeyedRows{.remove = true});
      ARROW_RETURN_NOT_OK(ReadInto(held.get(), &all.rows));
    }
    for (const OverlaidTable::Added& added : table.added) {
      // What files lack that came before a column is null in their rows.
      const auto& schema = table.edition->newest().schema;
      std::vector<std::string> names = schema->field_names();
      if (added.set.remove) names = table.edition->spec.key;
      ARROW_ASSIGN_OR_RAISE(const auto columns, schema::ColumnIndices(*schema, names));
      KeyedRows& run = runs.emplace_back(KeyedRows{.remove = added.set.remove});
      for (const TakenFile& file : added.set.files) {
        ARROW_ASSIGN_OR_RAISE(const auto rows, database_->file_store()->Read(
                                                   file.info, schema, columns, file.batches));
        ARROW_RETURN_NOT_OK(ReadInto(rows.get(), &run.rows));
      }
      for (const std::string& upload : added.set.uploads) {
        values_.push_back(FileStore::KeepUpload(upload, database_->clock().NowNs()));
      }
    }
    if (keyed_ == nullptr) keyed_ = std::make_shared<KeyedWrite>();
    return database_->AddUpserts(caller_, target, runs, {}, keyed_.get());
  }

  /// A table with a key as these steps leave it.
  Result<KeyedTarget> TargetOf(const OverlaidTable& table) {
    const bool made = table.edition->id.value == 0;
    if (!made && table.base->current->newest().id == table.edition->newest().id) {
      return KeyedTarget{.table = table.base};
    }
    auto after = table.base == nullptr ? std::make_shared<TableInfo>()
                                       : std::make_shared<TableInfo>(*table.base);
    after->path = table.path;
    after->current = table.edition;
    static std::atomic<int64_t> last_id{0};
    after->current->id = EditionId(--last_id);
    KeyedTarget target{.table = std::move(after), .stands = table.base};
    if (made) target.first_log = made_[&table].first_log;
    return target;
  }

  template <typename Rows>
  Status ReadInto(Rows* rows, std::vector<std::shared_ptr<arrow::RecordBatch>>* out) {
    while (true) {
      ARROW_ASSIGN_OR_RAISE(auto batch, rows->Next());
      if (batch == nullptr) return Status::OK();
      keyed_bytes_ += arrow::util::TotalBufferSize(*batch);
      if (keyed_bytes_ > kKeyedBytesMax) {
        return Error(Code::kResourceExhausted, Reason::kOverBudget,
                     "one commit to tables with keys may hold " +
                         std::to_string(kKeyedBytesMax >> 20) + " MiB of rows: write it in parts");
      }
      out->push_back(std::move(batch));
    }
  }

  Result<LogId> LogOf(const OverlaidTable& table, const std::vector<std::string>& partition,
                      int32_t bucket) {
    const EditionInfo& edition = *table.edition;
    if (edition.id.value == 0) return LogId(made_[&table].first_log.value + bucket);
    ARROW_ASSIGN_OR_RAISE(const PartitionInfo found,
                          database_->PartitionFor(caller_, *table.base, edition, partition,
                                                  /*create=*/true));
    return found.LogOf(bucket);
  }

  Status AddFile(const OverlaidTable& table, const OverlaidTable::Added& added,
                 const TakenFile& file) {
    log::EntryDraft entry;
    ARROW_ASSIGN_OR_RAISE(entry.log, LogOf(table, {}, 0));
    entry.kind = log::EntryKind::kFile;
    entry.write_class = added.set.ordered ? WriteClass::kOrdered : WriteClass::kFree;
    entry.schema_id = added.schema_id;
    entry.rows = static_cast<uint32_t>(file.info.rows);
    entry.offsets = entry.rows;
    entry.record_time_min_ns = file.record_time_min_ns;
    entry.record_time_max_ns = file.record_time_max_ns;
    entry.body = arrow::Buffer::FromString(EncodeFileEntry(
        {.file = file.info.id, .ordered = added.set.ordered, .batches = file.batches}));
    entries_.push_back(std::move(entry));
    values_.push_back(added.set.known ? FileStore::Hold(file.info.id)
                                      : FileStore::Enter(file.info));
    return Status::OK();
  }

  /// The rows themselves, where the file cannot stand for them.
  Status AddRows(const OverlaidTable& table, const OverlaidTable::Added& added,
                 const TakenFile& file) {
    const EditionInfo& edition = *table.edition;
    const auto& schema = edition.FindSchema(added.schema_id)->schema;
    std::vector<int> all;
    for (int i = 0; i < schema->num_fields(); ++i) all.push_back(i);
    ARROW_ASSIGN_OR_RAISE(const auto rows,
                          database_->file_store()->Read(file.info, schema, all, file.batches));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const auto batch, rows->Next());
      if (batch == nullptr) return Status::OK();
      ARROW_ASSIGN_OR_RAISE(const auto places, RouteRows(edition.spec, batch, 0));
      for (const RoutedRows& routed : places) {
        log::EntryDraft entry;
        ARROW_ASSIGN_OR_RAISE(entry.log, LogOf(table, routed.partition, routed.bucket));
        entry.write_class = added.set.ordered ? WriteClass::kOrdered : WriteClass::kFree;
        entry.schema_id = added.schema_id;
        entry.rows = static_cast<uint32_t>(routed.rows->num_rows());
        entry.offsets = entry.rows;
        ARROW_ASSIGN_OR_RAISE(const TimeRange range, RecordTimes(edition, *routed.rows));
        entry.record_time_min_ns = range.min_ns;
        entry.record_time_max_ns = range.max_ns;
        ARROW_ASSIGN_OR_RAISE(entry.body,
                              log::EncodeBatch(*routed.rows, {},
                                               {.schema_id = added.schema_id,
                                                .compression = CompressionOf(edition.spec)}));
        entries_.push_back(std::move(entry));
      }
    }
  }

  // --- In the committer.
  Status Run(catalog::Changes* changes) {
    for (const OverlaidTable* table : overlay_.Touched()) {
      if (table->base != nullptr) ARROW_RETURN_NOT_OK(CheckBase(*table));
    }
    for (const Op& op : ops_) ARROW_RETURN_NOT_OK(op(changes));
    std::vector<catalog::ValueChange> values = values_;
    values.insert(values.end(), options_.values.begin(), options_.values.end());
    return values.empty() ? Status::OK() : changes->ChangeValues(values);
  }

  Status CheckBase(const OverlaidTable& table) {
    const auto current = database_->catalog()->GetTable(table.base->id);
    if (!current.ok()) return Conflict(table.path, "it was dropped");
    const TableInfo& now = **current;
    // What this was prepared on must still be what is there.
    const auto id_of = [](const TableInfo& info) {
      return info.current.has_value() ? info.current->id : EditionId{0};
    };
    if (id_of(now) != id_of(*table.base)) return Conflict(table.path, "it was replaced");
    if (now.current.has_value() && now.current->sealed) {
      return Conflict(table.path, "it takes no more writes");
    }
    if (options_.snapshot.has_value()) return CheckSince(table, now, *options_.snapshot);
    // What was read to be deleted must be all that is there.
    const auto read = emptied_.find(&table);
    return read == emptied_.end() ? Status::OK() : CheckLogs(table, now, read->second, true);
  }

  Status CheckSince(const OverlaidTable& table, const TableInfo& now, CommitId snapshot) {
    const auto found = database_->catalog()->GetTable(now.id, snapshot);
    if (!found.ok()) return Conflict(table.path, "it was made");
    const TableInfo& then = **found;
    const bool had = then.current.has_value();
    if (had != now.current.has_value() ||
        (had && (then.current->id != now.current->id ||
                 then.current->newest().id != now.current->newest().id ||
                 !(then.current->spec == now.current->spec)))) {
      return Conflict(table.path, "its definition or whole content was replaced");
    }
    if (table.touched == WriteClass::kFree) return Status::OK();
    if (then.attributes != now.attributes || then.path != now.path) {
      return Conflict(table.path, "its name or properties were changed");
    }
    if (!had) return Status::OK();
    return CheckLogs(table, now, snapshot,
                     table.touched == WriteClass::kExclusive || !now.current->spec.key.empty());
  }

  Status CheckLogs(const OverlaidTable& table, const TableInfo& now, CommitId since, bool any) {
    ARROW_ASSIGN_OR_RAISE(const auto partitions,
                          database_->catalog()->ListPartitions(now.current->id));
    for (const PartitionInfo& partition : partitions) {
      for (int32_t b = 0; b < partition.bucket_count; ++b) {
        ARROW_ASSIGN_OR_RAISE(const bool meets, Meets(partition.LogOf(b), since, any));
        if (meets) return Conflict(table.path, "rows were written to it");
      }
    }
    return Status::OK();
  }

  /// Has the log entries after `snapshot`, or ordered ones if not `any`?
  Result<bool> Meets(LogId log, CommitId snapshot, bool any) {
    ARROW_ASSIGN_OR_RAISE(const log::LogRange range, database_->log()->Range(log));
    if (any) return range.last_commit > snapshot;
    ARROW_ASSIGN_OR_RAISE(Offset next, database_->log()->OffsetAfterCommit(log, snapshot));
    const Offset end = range.end;
    while (next < end) {
      ARROW_ASSIGN_OR_RAISE(const auto read,
                            database_->log()->Read(log, next, {.bytes_max = kEntryBytes}));
      if (read.empty()) break;
      for (const log::StoredEntry& entry : read) {
        if (entry.kind != log::EntryKind::kFile) continue;
        const Bytes body(reinterpret_cast<const std::byte*>(entry.body->data()),
                         static_cast<size_t>(entry.body->size()));
        ARROW_ASSIGN_OR_RAISE(const FileEntry file, ParseFileEntry(body));
        if (file.ordered) return true;
      }
      next = read.back().end_offset();
    }
    return false;
  }

  DatabaseImpl* const database_;
  const Caller caller_;
  const std::vector<Step>& steps_;
  const ApplyOptions& options_;
  Overlay overlay_;
  std::map<const OverlaidTable*, Made> made_;
  std::vector<Op> ops_;
  std::vector<log::EntryDraft> entries_;
  std::vector<catalog::ValueChange> values_;
  std::shared_ptr<KeyedWrite> keyed_;  // null where no table has a key
  int64_t keyed_bytes_ = 0;
  /// As of when the keys of tables were read, all of which go.
  std::map<const OverlaidTable*, CommitId> emptied_;
};

Result<std::vector<FileId>> DatabaseImpl::FilesOf(const std::vector<LogId>& logs) {
  std::vector<FileId> files;
  for (const LogId log : logs) {
    ARROW_ASSIGN_OR_RAISE(const auto entries, log_->List(log, CommitId(0), catalog::kNow));
    for (const log::EntryFacts& facts : entries) {
      if (facts.kind != log::EntryKind::kFile) continue;
      ARROW_ASSIGN_OR_RAISE(const auto read, log_->Read(log, facts.base_offset, {.bytes_max = 1}));
      if (read.empty()) continue;
      const Bytes body(reinterpret_cast<const std::byte*>(read.front().body->data()),
                       static_cast<size_t>(read.front().body->size()));
      ARROW_ASSIGN_OR_RAISE(const FileEntry entry, ParseFileEntry(body));
      files.push_back(entry.file);
    }
  }
  return files;
}

Status CheckStepRights(access::Access* access, const Caller& caller,
                       const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    const bool creates =
        step.kind == Step::Kind::kCreateNamespace || step.kind == Step::Kind::kCreateTable;
    if (creates) {
      ARROW_RETURN_NOT_OK(access->Check(caller, access::kCreate, step.path.Parent()));
    } else {
      ARROW_RETURN_NOT_OK(access->Check(caller, access::kWrite, step.path));
    }
    if (step.kind == Step::Kind::kRenameTable) {
      ARROW_RETURN_NOT_OK(access->Check(caller, access::kCreate, step.to.Parent()));
    }
  }
  return Status::OK();
}

Result<CommitInfo> DatabaseImpl::ApplySteps(const Caller& caller, const std::vector<Step>& steps,
                                            const ApplyOptions& options) {
  ARROW_RETURN_NOT_OK(CheckStepRights(access_.get(), caller, steps));
  const bool defines = std::any_of(steps.begin(), steps.end(), [](const Step& step) {
    return step.kind != Step::Kind::kAddFiles;
  });
  std::unique_lock definitions(definition_mutex_, std::defer_lock);
  if (defines) definitions.lock();
  Status last;
  for (int i = 0; i < kAttemptsMax; ++i) {
    StepCommit commit(this, caller, steps, options);
    ARROW_RETURN_NOT_OK(commit.Prepare());
    const auto made = commit.Commit();
    if (made.ok()) {
      return CommitInfo{.id = made->id, .time_ns = made->time_ns};
    }
    last = made.status();
    // Outside a transaction, what lost a race is done again on what is there now, unless it was the
    // caller's own comparison that failed.
    if (ReasonOf(last) != Reason::kConflict || options.snapshot.has_value()) return last;
    for (const catalog::ValueChange& value : options.values) {
      if (!value.compare) continue;
      ARROW_ASSIGN_OR_RAISE(const auto held, catalog_->GetValue(value.name));
      if (held != value.expected) return last;
    }
  }
  return last;
}

}  // namespace firth::table
