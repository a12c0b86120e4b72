// Looking at every byte of a store.
#include <string>

#include "firth/common/checksum.h"
#include "firth/table/backup.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

constexpr uint64_t kPageBytes = 4096;

/// Every page of the catalog's file ends with its checksum (docs/formats/catalog.md).
Result<uint64_t> CheckCatalogPages(store::FileSystem* files) {
  ARROW_ASSIGN_OR_RAISE(const auto file, files->Open("catalog.db"));
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, file->Size());
  std::string page(kPageBytes, '\0');
  for (uint64_t number = 1; number <= bytes / kPageBytes; ++number) {
    ARROW_RETURN_NOT_OK(file->Read((number - 1) * kPageBytes,
                                   std::as_writable_bytes(std::span(page.data(), page.size()))));
    const uint64_t sum = Hash64(AsBytes(page).first(kPageBytes - 8), number);
    if (LoadLe<uint64_t>(page.data() + kPageBytes - 8) != sum) {
      return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                   "catalog.db is damaged in page " + std::to_string(number));
    }
  }
  return bytes / kPageBytes;
}

Status Hole(LogId log, const log::EntryFacts& facts, Offset expected) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "log " + std::to_string(log.value) + " has an entry of commit " +
                   std::to_string(facts.commit.value) + " at offset " +
                   std::to_string(facts.base_offset.value) + ", where " +
                   std::to_string(expected.value) + " is next");
}

class Check {
 public:
  explicit Check(DatabaseImpl* database) : database_(database) {}

  Result<CheckReport> Run() {
    report_.last_commit = database_->LastCommit();
    ARROW_RETURN_NOT_OK(CheckCatalog());
    ARROW_ASSIGN_OR_RAISE(const log::LogStore::Verified verified, database_->log()->Verify());
    report_.log_files = verified.files;
    report_.commits = verified.commits;
    report_.entries = verified.entries;
    report_.bytes = verified.bytes;
    ARROW_ASSIGN_OR_RAISE(const auto tables, database_->catalog()->ListTables(Path{}));
    for (const TablePtr& table : tables) {
      ++report_.tables;
      ARROW_ASSIGN_OR_RAISE(const auto editions, database_->catalog()->ListEditions(table->id));
      for (const EditionInfo& edition : editions) ARROW_RETURN_NOT_OK(CheckEdition(edition));
    }
    return report_;
  }

 private:
  /// From within a change that is not made: nobody writes to the catalog's files meanwhile.
  Status CheckCatalog() {
    Result<uint64_t> pages = Status::UnknownError("not looked at");
    std::vector<catalog::Change> group(1);
    group[0].id = CommitId(report_.last_commit.value + 1);
    group[0].run = [&](catalog::Changes*) {
      pages = CheckCatalogPages(database_->files());
      return Error(Code::kAborted, Reason::kNone, "only looking");
    };
    ARROW_RETURN_NOT_OK(database_->catalog()->ApplyGroup(&group));
    ARROW_RETURN_NOT_OK(pages.status());
    report_.catalog_pages = *pages;
    return Status::OK();
  }

  Status CheckEdition(const EditionInfo& edition) {
    ARROW_ASSIGN_OR_RAISE(const auto partitions, database_->catalog()->ListPartitions(edition.id));
    for (const PartitionInfo& partition : partitions) {
      for (int32_t b = 0; b < partition.bucket_count; ++b) {
        ARROW_RETURN_NOT_OK(CheckLog(edition, partition.LogOf(b)));
      }
    }
    ARROW_ASSIGN_OR_RAISE(const uint64_t lake_files,
                          database_->lake_store()->CheckFiles(edition.id));
    report_.lake_files += lake_files;
    return Status::OK();
  }

  Status CheckLog(const EditionInfo& edition, LogId log) {
    ++report_.logs;
    ARROW_ASSIGN_OR_RAISE(const log::LogRange range, database_->log()->Range(log));
    ARROW_ASSIGN_OR_RAISE(const auto entries,
                          database_->log()->List(log, CommitId(0), catalog::kNow));
    Offset next = range.start;
    for (const log::EntryFacts& facts : entries) {
      if (facts.base_offset != next) return Hole(log, facts, next);
      next = facts.end_offset();
      if (facts.kind == log::EntryKind::kFile) {
        ARROW_RETURN_NOT_OK(CheckFile(edition, log, facts.base_offset));
      }
    }
    if (next != range.end) {
      return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                   "log " + std::to_string(log.value) + " ends at offset " +
                       std::to_string(next.value) + ", not at " + std::to_string(range.end.value));
    }
    return Status::OK();
  }

  /// Read all rows of a registered file, which verifies its blocks and its counts.
  Status CheckFile(const EditionInfo& edition, LogId log, Offset at) {
    ARROW_ASSIGN_OR_RAISE(const auto read, database_->log()->Read(log, at, {.bytes_max = 1}));
    for (const log::StoredEntry& entry : read) {
      if (entry.kind != log::EntryKind::kFile || entry.base_offset != at) continue;
      const Bytes body(reinterpret_cast<const std::byte*>(entry.body->data()),
                       static_cast<size_t>(entry.body->size()));
      ARROW_ASSIGN_OR_RAISE(const FileEntry file, ParseFileEntry(body));
      const catalog::SchemaInfo* schema = edition.FindSchema(entry.schema_id);
      if (schema == nullptr) continue;
      for (size_t i = 0; i < file.batches.size(); ++i) {
        ARROW_RETURN_NOT_OK(
            database_->file_store()->ReadBatch(file, entry.schema_id, schema->schema, i).status());
      }
      ++report_.files;
    }
    return Status::OK();
  }

  DatabaseImpl* const database_;
  CheckReport report_;
};

}  // namespace

Result<CheckReport> CheckStore(Database* database) {
  return Check(static_cast<DatabaseImpl*>(database)).Run();
}

}  // namespace firth::table
