// Bringing the key view up to the log after a start: what it has not absorbed is read from the log,
// which holds effects, so that nothing is decided again.
#include "firth/common/logging.h"
#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

constexpr uint64_t kReplayBytes = uint64_t{8} << 20;
/// A base is made so often, and sooner when so much was applied since the last: what must be read
/// again after a loss takes seconds.
constexpr int64_t kBaseIntervalNs = int64_t{60} * 1'000'000'000;
constexpr uint64_t kBaseBytesMax = uint64_t{256} << 20;

}  // namespace

Status DatabaseImpl::ReplayEntry(const EditionInfo& edition, const log::StoredEntry& entry) {
  if (entry.kind != log::EntryKind::kRows || entry.rows == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto codecs, codecs_.Get(edition, entry.schema_id));
  ARROW_ASSIGN_OR_RAISE(const auto rows, log::DecodeBatch(entry.body, codecs->schema));
  const Bytes body(reinterpret_cast<const std::byte*>(entry.body->data()),
                   static_cast<size_t>(entry.body->size()));
  ARROW_ASSIGN_OR_RAISE(const log::BatchHeader header, log::ParseTrustedBatch(body));
  std::vector<std::shared_ptr<arrow::Array>> key_columns;
  for (const int column : codecs->key_columns) key_columns.push_back(rows->column(column));
  std::vector<std::string> keys;
  ARROW_RETURN_NOT_OK(codecs->key->Encode(key_columns, &keys));
  std::vector<std::string> values;
  ARROW_RETURN_NOT_OK(codecs->row->Encode(*rows, &values));
  std::vector<keyview::Change> changes;  // in their order: the last of a key counts
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto change =
        header.changes.empty() ? log::Change::kInsert : static_cast<log::Change>(header.changes[i]);
    if (change == log::Change::kUpdateBefore || change == log::Change::kAppend) continue;
    keyview::Change made{.key = std::move(keys[i])};
    if (change != log::Change::kDelete) {
      made.row = keyview::Row{.value = ValueOf(entry.schema_id, values[i]),
                              .commit = entry.commit,
                              .record_time_ns = entry.commit_time_ns};
    }
    changes.push_back(std::move(made));
  }
  key_base_rounds_->Applied(static_cast<uint64_t>(entry.body->size()));
  // The watermark moves only when all logs have been read: until then a crash begins here again.
  return key_view_->Apply(entry.log, changes, key_view_->watermark());
}

Status DatabaseImpl::OpenKeyView() {
  ARROW_ASSIGN_OR_RAISE(key_bases_, keyview::KeyBases::Open({.files = options_.files,
                                                             .catalog = catalog_.get(),
                                                             .os_root = options_.local_folder}));
  keyview::KeyViewOptions view{.folder = options_.key_view_folder,
                               .bases = key_bases_.get(),
                               .commit_max = log_->LastCommit()};
  view.SetMemory(options_.key_memory_bytes);
  ARROW_ASSIGN_OR_RAISE(key_view_, keyview::KeyView::Open(view));
  lookups_ = std::make_unique<LookupQueue>(
      key_view_.get(), options_.lookups != nullptr ? options_.lookups : options_.readers,
      options_.clock, &in_work_);
  key_base_rounds_ = std::make_unique<BaseRounds>(BaseRounds::Options{
      .executor = options_.background != nullptr ? options_.background : options_.readers,
      .clock = options_.clock,
      // Where nothing is done in the background, bases are made by CutBases only.
      .interval_ns =
          options_.lake_interval_ns > 0 || options_.retention_interval_ns > 0 ? kBaseIntervalNs : 0,
      .bytes_max = kBaseBytesMax,
      .view = "key view",
      .cut = [this] { return CutKeyBase(); }});
  return ReplayKeyView();
}

Status DatabaseImpl::CheckReplayable(LogId log) const {
  // A log is trimmed only behind the base. A view that begins before it, because the base is
  // damaged, needs what is gone.
  ARROW_ASSIGN_OR_RAISE(const log::LogRange range, log_->Range(log));
  if (range.start == Offset(0) || key_view_->watermark() >= key_bases_->named_commit()) {
    return Status::OK();
  }
  const Status cause = key_bases_->Verify();
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the key view cannot be made again, for its log has been trimmed: " +
                   (cause.ok() ? std::string("its base is of another history") : MessageOf(cause)));
}

Status DatabaseImpl::ReplayKeyView() {
  uint64_t entries = 0;
  ARROW_ASSIGN_OR_RAISE(const auto logs, log_->LogsAfter(key_view_->watermark()));
  for (const LogId log : logs) {
    auto partition = catalog_->PartitionOfLog(log);
    if (!partition.ok()) {
      if (ReasonOf(partition.status()) == Reason::kBucketNotFound) continue;  // dropped
      return partition.status();
    }
    ARROW_ASSIGN_OR_RAISE(const EditionInfo edition, catalog_->GetEdition(partition->edition));
    if (edition.spec.key.empty()) continue;
    ARROW_RETURN_NOT_OK(CheckReplayable(log));
    ARROW_ASSIGN_OR_RAISE(Offset next, log_->OffsetAfterCommit(log, key_view_->watermark()));
    ARROW_ASSIGN_OR_RAISE(const log::LogRange range, log_->Range(log));
    const Offset end = range.end;
    while (next < end) {
      ARROW_ASSIGN_OR_RAISE(auto read, log_->Read(log, next, {.bytes_max = kReplayBytes}));
      ARROW_ASSIGN_OR_RAISE(read, AsBatches(edition, std::move(read), next, kReplayBytes));
      if (read.empty()) break;
      for (const auto& entry : read) {
        ARROW_RETURN_NOT_OK(ReplayEntry(edition, entry));
        ++entries;
      }
      next = read.back().end_offset();
    }
  }
  if (entries > 0) logging::Info("table", "the key view replayed {} log entries", entries);
  return key_view_->Apply(LogId(0), {}, log_->LastCommit());
}

}  // namespace firth::table
