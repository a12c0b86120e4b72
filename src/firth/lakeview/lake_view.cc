#include "firth/lakeview/lake_view.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include "firth/common/checksum.h"
#include "firth/common/logging.h"
#include "firth/lakeview/cut.h"
#include "firth/lakeview/file_reader.h"
#include "firth/lakeview/merge.h"

namespace firth::lakeview {
namespace {

using nlohmann::json;

constexpr char kNames[] = "lake/";
constexpr char kNamesEnd[] = "lake0";
constexpr char kHeadName[] = "/head";
constexpr char kPastNames[] = "/at/";
constexpr char kPastNamesEnd[] = "/at0";
constexpr int64_t kEditionsMax = int64_t{1} << 40;
/// What is only done if it is cheap takes at most one part in so many of the time.
constexpr int64_t kRestAfterWork = 10;
constexpr uint64_t kManifestBytesMax = uint64_t{256} << 20;

std::string NameOf(EditionId edition) {
  return kNames + Hex16(edition.value);
}

/// What is known of one edition. `cutting` is held while files are made and published, also over
/// I/O: nobody waits for it but who wants to do the same.
struct State {
  std::mutex cutting;
  std::mutex mutex;
  SnapshotPtr newest;     // guarded by mutex
  std::string head_text;  // guarded by cutting; as the catalog has it, empty: it has none
  int64_t last_id = 0;    // guarded by cutting
  bool dropped = false;   // guarded by cutting

  std::mutex publishing;           // held while other engines' metadata are written
  int64_t published_id = 0;        // guarded by mutex; the snapshot that they know
  int64_t published_ns = 0;        // guarded by mutex; when that was written
  int64_t publishing_took_ns = 0;  // guarded by publishing
  std::string refused;             // guarded by publishing; why they know none
};
using StatePtr = std::shared_ptr<State>;

/// Errors after which it is known that nothing was changed.
bool ChangedNothing(const Status& status) {
  return ReasonOf(status) == Reason::kConflict || ReasonOf(status) == Reason::kDiskFull;
}

class View : public LakeView {
 public:
  explicit View(const LakeViewOptions& options) : options_(options) {}

  Status Open() {
    ARROW_RETURN_NOT_OK(store::MakeFolderDurably(options_.files, options_.folder));
    ARROW_ASSIGN_OR_RAISE(const auto values,
                          options_.catalog->ScanValues(kNames, kNamesEnd, kEditionsMax));
    for (const auto& [name, text] : values) {
      if (name.ends_with(kHeadName)) ARROW_RETURN_NOT_OK(LoadEdition(name, text));
    }
    return RemoveUnnamed();
  }

  SnapshotPtr Newest(EditionId edition) override {
    const StatePtr state = StateOf(edition);
    std::lock_guard lock(state->mutex);
    return state->newest;
  }

  Result<SnapshotPtr> NewestVerified(const catalog::EditionInfo& edition,
                                     const OpenLog& open) override {
    const SnapshotPtr newest = Newest(edition.id);
    if (newest == nullptr) return newest;
    for (const auto& file : newest->files) {
      const Status status = file->Verify();
      if (status.ok()) continue;
      if (CodeOf(status) != Code::kDataLoss) return status;
      return Repair(edition, open);
    }
    return newest;
  }

  Result<SnapshotPtr> Cut(const catalog::EditionInfo& edition, CommitId commit,
                          const std::vector<LogEnd>& logs, const OpenLog& open) override {
    const StatePtr state = StateOf(edition.id);
    std::lock_guard cutting(state->cutting);
    if (state->dropped) {
      return Error(Code::kNotFound, Reason::kEditionNotFound,
                   fmt::format("edition {} was dropped", edition.id.value));
    }
    const SnapshotPtr before = Newest(edition.id);
    if (before != nullptr && before->commit >= commit) return before;
    ARROW_ASSIGN_OR_RAISE(const FilePlace place, PlaceFor(edition.id, *state));
    ARROW_ASSIGN_OR_RAISE(const auto run, RunWriter::Make(edition, place));
    Snapshot next = After(before.get(), edition.id, commit);
    bool grown = before == nullptr;
    std::set<LogId> listed;
    for (const LogEnd& log : logs) {
      listed.insert(log.log);
      const auto had = next.ends.find(log.log);
      const Offset from = had == next.ends.end() ? log.start : std::max(log.start, had->second);
      if (from >= log.end) continue;
      grown = true;
      ARROW_RETURN_NOT_OK(CutRange(log.log, from, log.end, open, run.get(), &next.files));
      next.ends[log.log] = log.end;
    }
    grown = DropOthers(listed, &next) || grown;
    if (!grown) return before;
    return Publish(state.get(), std::move(next), before);
  }

  Result<bool> MergeOnce(const catalog::EditionInfo& edition) override {
    const StatePtr state = StateOf(edition.id);
    std::lock_guard cutting(state->cutting);
    const SnapshotPtr before = Newest(edition.id);
    if (before == nullptr) return false;
    const auto due = FilesToMerge(before->files, {.files = options_.merge_files,
                                                  .rows_max = options_.file_rows_max,
                                                  .bytes_max = options_.file_bytes_max});
    if (due.empty()) return false;
    for (const auto& file : due) ARROW_RETURN_NOT_OK(file->Verify());
    ARROW_ASSIGN_OR_RAISE(const FilePlace place, PlaceFor(edition.id, *state));
    ARROW_ASSIGN_OR_RAISE(const LakeFilePtr merged, MergeFiles(edition, place, due));
    Snapshot next = After(before.get(), edition.id, before->commit);
    Replace(due, {merged}, &next);
    ARROW_RETURN_NOT_OK(Publish(state.get(), std::move(next), before).status());
    return true;
  }

  Status PublishTables(const catalog::EditionInfo& edition, bool if_cheap) override {
    if (options_.local_folder.empty()) return Status::OK();
    const StatePtr state = StateOf(edition.id);
    std::lock_guard publishing(state->publishing);
    const SnapshotPtr newest = Newest(edition.id);
    const int64_t now_ns = options_.clock->NowNs();
    {
      std::lock_guard lock(state->mutex);
      if (newest == nullptr || state->published_id == newest->id) return Status::OK();
      if (if_cheap && now_ns - state->published_ns < kRestAfterWork * state->publishing_took_ns) {
        return Status::OK();
      }
    }
    const int64_t began_ns = options_.clock->MonotonicNs();
    const IcebergPlace place{.files = options_.files,
                             .folder = FolderOf(edition.id),
                             .root = options_.local_folder,
                             .keep_ns = options_.keep_ns,
                             .now_ns = now_ns};
    Status refused;
    for (const Reading reading : {Reading::kHistory, Reading::kCurrent}) {
      const Status status = PublishIceberg(place, edition, *newest, reading);
      if (CodeOf(status) == Code::kUnimplemented) {
        refused = status;
      } else {
        ARROW_RETURN_NOT_OK(status);
      }
    }
    const bool known = refused.ok();
    if (!known) {
      // What they were told before would name files that go.
      ARROW_RETURN_NOT_OK(RemoveTables(edition.id));
      if (std::exchange(state->refused, MessageOf(refused)) != MessageOf(refused)) {
        logging::Warning("lakeview", "other engines are not told of edition {}: {}",
                         edition.id.value, MessageOf(refused));
      }
    }
    state->publishing_took_ns = options_.clock->MonotonicNs() - began_ns;
    std::lock_guard lock(state->mutex);
    state->published_id = known ? newest->id : 0;
    state->published_ns = now_ns;
    return Status::OK();
  }

  std::string PublishedMetadata(EditionId edition, Reading reading) override {
    const StatePtr state = StateOf(edition);
    std::lock_guard lock(state->mutex);
    if (state->published_id == 0) return "";
    return options_.local_folder + '/' +
           IcebergMetadataPath(FolderOf(edition), reading, state->published_id);
  }

  Result<std::vector<SnapshotRecord>> Snapshots(EditionId edition) override {
    ARROW_ASSIGN_OR_RAISE(
        const auto values,
        options_.catalog->ScanValues(NameOf(edition) + kPastNames, NameOf(edition) + kPastNamesEnd,
                                     options_.snapshots_max + 1));
    std::vector<SnapshotRecord> records;
    for (const auto& [name, text] : values) {
      ARROW_ASSIGN_OR_RAISE(const Head head, Head::Parse(text));
      records.push_back(
          {.id = head.id, .commit = head.commit, .time_ns = head.time_ns, .rows = head.rows});
    }
    return records;
  }

  Status Drop(EditionId edition) override {
    const StatePtr state = StateOf(edition);
    std::lock_guard cutting(state->cutting);
    std::lock_guard publishing(state->publishing);
    state->dropped = true;  // who is about to cut it comes too late
    std::vector<catalog::ValueChange> changes;
    ARROW_ASSIGN_OR_RAISE(
        const auto values,
        options_.catalog->ScanValues(NameOf(edition) + "/", NameOf(edition) + "0", kEditionsMax));
    for (const auto& [name, text] : values) changes.push_back({.name = name});
    if (!changes.empty()) ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(changes));
    state->head_text.clear();
    SnapshotPtr newest;
    {
      std::lock_guard lock(state->mutex);
      newest = std::exchange(state->newest, nullptr);
    }
    if (newest == nullptr) return Status::OK();
    for (const auto& file : newest->files) file->SetDoomed(true);
    for (const auto& old : newest->superseded) old.file->SetDoomed(true);
    ARROW_RETURN_NOT_OK(RemoveTables(edition));
    return Retire(newest);
  }

  std::shared_ptr<void> Hold() override {
    {
      std::lock_guard lock(holds_mutex_);
      ++holds_;
    }
    std::vector<StatePtr> states;
    {
      std::lock_guard lock(mutex_);
      for (const auto& [edition, state] : states_) states.push_back(state);
    }
    // What is named after this is kept by Retire.
    for (const StatePtr& state : states) {
      std::lock_guard lock(state->mutex);
      std::lock_guard holds(holds_mutex_);
      if (state->newest != nullptr) held_.push_back(state->newest);
    }
    return {nullptr, [this](void*) { Release(); }};
  }

  store::FileSystem* files() const override { return options_.files; }

 private:
  std::string FolderOf(EditionId edition) const {
    return options_.folder + '/' + Hex16(edition.value);
  }

  StatePtr StateOf(EditionId edition) {
    std::lock_guard lock(mutex_);
    StatePtr& state = states_[edition];
    if (state == nullptr) state = std::make_shared<State>();
    return state;
  }

  Result<FilePlace> PlaceFor(EditionId edition, const State& state) {
    const std::string folder = FolderOf(edition);
    ARROW_RETURN_NOT_OK(store::MakeFolderDurably(options_.files, folder));
    return FilePlace{.files = options_.files,
                     .folder = folder,
                     .snapshot = state.last_id + 1,
                     .next_number = [this] { return options_.catalog->TakeIds("lake.file", 1); }};
  }

  Status LoadEdition(const std::string& name, const std::string& text) {
    const size_t begin = sizeof kNames - 1;
    const EditionId edition(static_cast<int64_t>(std::stoull(
        name.substr(begin, name.size() - begin - (sizeof kHeadName - 1)), nullptr, 16)));
    if (ReasonOf(options_.catalog->GetEdition(edition).status()) == Reason::kEditionNotFound) {
      return Drop(edition);  // its files are among those that nothing names
    }
    const StatePtr state = StateOf(edition);
    ARROW_ASSIGN_OR_RAISE(const Head head, Head::Parse(text));
    state->head_text = text;
    state->last_id = head.id;
    auto snapshot = LoadManifest(edition, head);
    if (snapshot.ok()) {
      state->newest = std::make_shared<const Snapshot>(std::move(*snapshot));
    } else if (CodeOf(snapshot.status()) == Code::kDataLoss) {
      logging::Warning("lakeview", "the lake of edition {} is cut anew: {}", edition.value,
                       MessageOf(snapshot.status()));
    } else {
      return snapshot.status();
    }
    return Status::OK();
  }

  Result<Snapshot> LoadManifest(EditionId edition, const Head& head) {
    const std::string folder = FolderOf(edition);
    const std::string path = folder + '/' + head.manifest;
    auto read = store::ReadFile(options_.files, path, kManifestBytesMax);
    if (ReasonOf(read.status()) == Reason::kFileMissing) {
      return Error(Code::kDataLoss, Reason::kFileMissing, path + " is missing");
    }
    ARROW_RETURN_NOT_OK(read.status());
    const std::string text = (*read)->ToString();
    if (text.size() != head.bytes || Hash64(std::as_bytes(std::span(text))) != head.hash) {
      return Error(Code::kDataLoss, Reason::kChecksumMismatch, path + " is damaged");
    }
    ARROW_ASSIGN_OR_RAISE(Snapshot snapshot, ParseManifest(text, options_.files, folder));
    snapshot.manifest = path;
    return snapshot;
  }

  Status RemoveUnnamed() {
    std::set<std::string> named;
    for (const auto& [edition, state] : states_) {
      if (state->newest == nullptr) continue;
      named.insert(state->newest->manifest);
      for (const auto& file : state->newest->files) named.insert(file->path);
      for (const auto& old : state->newest->superseded) named.insert(old.file->path);
    }
    ARROW_ASSIGN_OR_RAISE(const auto folders, options_.files->List(options_.folder));
    for (const auto& folder : folders) {
      if (!folder.is_folder) continue;
      const std::string path = options_.folder + '/' + folder.name;
      ARROW_RETURN_NOT_OK(RemoveOthers(path, named));
      const bool used = std::any_of(named.begin(), named.end(), [&](const std::string& one) {
        return one.starts_with(path + '/');
      });
      if (used) continue;
      for (const char* reading : {"/history/metadata", "/current/metadata"}) {
        ARROW_RETURN_NOT_OK(RemoveOthers(path + reading, {}));
      }
    }
    return Status::OK();
  }

  /// Remove what other engines were told of an edition.
  Status RemoveTables(EditionId edition) {
    for (const char* reading : {"/history/metadata", "/current/metadata"}) {
      ARROW_RETURN_NOT_OK(RemoveOthers(FolderOf(edition) + reading, {}));
    }
    return Status::OK();
  }

  /// Remove the files of a folder, which may be absent, but those that are named.
  Status RemoveOthers(const std::string& folder, const std::set<std::string>& named) {
    ARROW_ASSIGN_OR_RAISE(const bool exists, options_.files->Exists(folder));
    if (!exists) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto files, options_.files->List(folder));
    bool removed = false;
    for (const auto& file : files) {
      const std::string path = folder + '/' + file.name;
      if (file.is_folder || named.contains(path)) continue;
      ARROW_RETURN_NOT_OK(options_.files->Remove(path));
      removed = true;
    }
    return removed ? options_.files->SyncFolder(folder) : Status::OK();
  }

  /// The next snapshot, as yet with the files of the one before.
  Snapshot After(const Snapshot* before, EditionId edition, CommitId commit) {
    Snapshot next;
    if (before != nullptr) next = *before;
    next.edition = edition;
    next.commit = commit;
    next.time_ns = options_.clock->NowNs();
    return next;
  }

  Status CutRange(LogId log, Offset from, Offset to, const OpenLog& open, RunWriter* run,
                  std::vector<LakeFilePtr>* files) {
    ARROW_ASSIGN_OR_RAISE(const auto reader, open(log, from, to));
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> rows;
      ARROW_RETURN_NOT_OK(reader->ReadNext(&rows));
      const bool full =
          run->bytes() >= options_.buffer_bytes_max || run->rows() >= options_.buffer_rows_max;
      if (run->rows() > 0 && (rows == nullptr || full)) {
        ARROW_ASSIGN_OR_RAISE(files->emplace_back(), run->WriteFile(log, /*level=*/0));
      }
      if (rows == nullptr) return Status::OK();
      if (rows->num_rows() > 0) ARROW_RETURN_NOT_OK(run->Add(std::move(rows)));
    }
  }

  /// Leave out the files of logs that are not listed.
  bool DropOthers(const std::set<LogId>& listed, Snapshot* next) {
    std::vector<LakeFilePtr> others;
    for (const auto& file : next->files) {
      if (!listed.contains(file->info.log)) others.push_back(file);
    }
    std::erase_if(next->ends, [&](const auto& end) { return !listed.contains(end.first); });
    Replace(others, {}, next);
    return !others.empty();
  }

  void Replace(const std::vector<LakeFilePtr>& old, const std::vector<LakeFilePtr>& made,
               Snapshot* next) {
    const std::set<LakeFilePtr> gone(old.begin(), old.end());
    std::erase_if(next->files, [&](const LakeFilePtr& file) { return gone.contains(file); });
    for (const auto& file : old) next->superseded.push_back({file, next->time_ns});
    next->files.insert(next->files.end(), made.begin(), made.end());
  }

  /// Make a snapshot durable and the newest. `cutting` is held.
  Result<SnapshotPtr> Publish(State* state, Snapshot next, const SnapshotPtr& before) {
    next.id = state->last_id + 1;
    std::stable_sort(next.files.begin(), next.files.end(), [](const auto& a, const auto& b) {
      return std::pair(a->info.log, a->info.begin) < std::pair(b->info.log, b->info.begin);
    });
    std::vector<LakeFilePtr> expired;
    // Other engines find names in metadata that lists what was the newest a while before it was
    // written.
    int64_t listed_ns = next.time_ns;
    if (!options_.local_folder.empty()) {
      std::lock_guard lock(state->mutex);
      listed_ns = state->published_ns;
    }
    std::erase_if(next.superseded, [&](const Superseded& old) {
      if (listed_ns - old.since_ns < options_.keep_ns) return false;
      expired.push_back(old.file);
      return true;
    });
    const std::string folder = FolderOf(next.edition);
    ARROW_RETURN_NOT_OK(options_.files->SyncFolder(folder));
    ARROW_ASSIGN_OR_RAISE(const int64_t number, options_.catalog->TakeIds("lake.file", 1));
    const std::string name = Hex16(number) + ".manifest";
    next.manifest = folder + '/' + name;
    const std::string text = ManifestText(next);
    ARROW_RETURN_NOT_OK(
        store::WriteFileAtomically(options_.files, next.manifest, std::as_bytes(std::span(text))));
    const Head head{.id = next.id,
                    .commit = next.commit,
                    .time_ns = next.time_ns,
                    .rows = next.rows(),
                    .manifest = name,
                    .bytes = text.size(),
                    .hash = Hash64(std::as_bytes(std::span(text)))};
    for (const auto& file : next.files) file->SetDoomed(false);
    const Status named = NameHead(*state, next.edition, head);
    if (!named.ok()) {
      if (ChangedNothing(named)) {
        DoomNew(next, before);
        static_cast<void>(options_.files->Remove(next.manifest));
      }
      return named;
    }
    state->head_text = head.ToText();
    state->last_id = next.id;
    auto published = std::make_shared<const Snapshot>(std::move(next));
    {
      std::lock_guard lock(state->mutex);
      state->newest = published;
    }
    for (const auto& file : expired) file->SetDoomed(true);
    // What stays behind is removed at the next start.
    if (before != nullptr) static_cast<void>(Retire(before));
    return published;
  }

  Status NameHead(const State& state, EditionId edition, const Head& head) {
    const std::string name = NameOf(edition);
    std::optional<std::string> expected;
    if (!state.head_text.empty()) expected = state.head_text;
    std::vector<catalog::ValueChange> changes = {
        {.name = name + kHeadName, .value = head.ToText(), .compare = true, .expected = expected},
        {.name = name + kPastNames + Hex16(head.id), .value = head.ToText()}};
    if (head.id > options_.snapshots_max) {
      changes.push_back({.name = name + kPastNames + Hex16(head.id - options_.snapshots_max)});
    }
    return options_.catalog->ChangeValues(changes);
  }

  /// A snapshot is the newest no more: its manifest goes, and what it alone has, unless held.
  Status Retire(const SnapshotPtr& snapshot) {
    {
      std::lock_guard lock(holds_mutex_);
      if (holds_ > 0) {
        held_.push_back(snapshot);
        held_manifests_.push_back(snapshot->manifest);
        return Status::OK();
      }
    }
    return options_.files->Remove(snapshot->manifest);
  }

  void Release() {
    std::vector<SnapshotPtr> snapshots;  // files go with them
    std::vector<std::string> manifests;
    {
      std::lock_guard lock(holds_mutex_);
      if (--holds_ > 0) return;
      snapshots.swap(held_);
      manifests.swap(held_manifests_);
    }
    // What stays behind is removed at the next start.
    for (const auto& manifest : manifests) static_cast<void>(options_.files->Remove(manifest));
  }

  static void DoomNew(const Snapshot& next, const SnapshotPtr& before) {
    std::set<LakeFilePtr> had;
    if (before != nullptr) had.insert(before->files.begin(), before->files.end());
    for (const auto& file : next.files) {
      if (!had.contains(file)) file->SetDoomed(true);
    }
  }

  /// Cut the ranges of damaged files anew.
  Result<SnapshotPtr> Repair(const catalog::EditionInfo& edition, const OpenLog& open) {
    const StatePtr state = StateOf(edition.id);
    std::lock_guard cutting(state->cutting);
    const SnapshotPtr before = Newest(edition.id);
    if (before == nullptr) return before;
    ARROW_ASSIGN_OR_RAISE(const FilePlace place, PlaceFor(edition.id, *state));
    ARROW_ASSIGN_OR_RAISE(const auto run, RunWriter::Make(edition, place));
    Snapshot next = After(before.get(), edition.id, before->commit);
    std::vector<LakeFilePtr> damaged;
    std::vector<LakeFilePtr> made;
    for (const auto& file : before->files) {
      const Status status = file->Verify();
      if (status.ok()) continue;
      if (CodeOf(status) != Code::kDataLoss) return status;
      logging::Warning("lakeview", "{}; it is cut anew from its log", MessageOf(status));
      const Status cut =
          CutRange(file->info.log, file->info.begin, file->info.end, open, run.get(), &made);
      if (!cut.ok()) {
        return Error(Code::kDataLoss, ReasonOf(status),
                     MessageOf(status) + "; its log cannot give its rows: " + MessageOf(cut));
      }
      damaged.push_back(file);
    }
    if (damaged.empty()) return before;
    Replace(damaged, made, &next);
    // Nobody is to find them by an earlier name either.
    std::erase_if(next.superseded, [&](const Superseded& old) {
      return std::find(damaged.begin(), damaged.end(), old.file) != damaged.end();
    });
    ARROW_ASSIGN_OR_RAISE(auto repaired, Publish(state.get(), std::move(next), before));
    for (const auto& file : damaged) file->SetDoomed(true);
    return repaired;
  }

  const LakeViewOptions options_;
  std::mutex mutex_;
  std::map<EditionId, StatePtr> states_;  // guarded by mutex_
  std::mutex holds_mutex_;
  int holds_ = 0;                            // guarded by holds_mutex_
  std::vector<SnapshotPtr> held_;            // guarded by holds_mutex_
  std::vector<std::string> held_manifests_;  // guarded by holds_mutex_
};

}  // namespace

Result<std::unique_ptr<LakeView>> LakeView::Open(const LakeViewOptions& options) {
  auto view = std::make_unique<View>(options);
  ARROW_RETURN_NOT_OK(view->Open());
  return view;
}

}  // namespace firth::lakeview
