// The facts of series: making, finding, changing, obliterating.
#include "firth/table/series_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/series_place.h"
#include "firth/table/series_rows.h"
#include "firth/timeview/helpers.h"

namespace firth::table {
namespace {

/// A file of the time view is at most so large: that much is rewritten at once to take back space.
constexpr uint64_t kFileBytesMax = uint64_t{64} << 20;
constexpr char kBaseName[] = "timeview/base";

Status NotFound(const SeriesId& id) {
  return Error(Code::kNotFound, Reason::kSeriesNotFound,
               "there is no series " + UuidToText(id.view()));
}

}  // namespace

bool HoldsSeries(const EditionInfo& edition) {
  return IsCollection(edition) ||
         ((edition.spec.views & catalog::kTimeView) != 0 && edition.spec.series_by.empty() &&
          edition.newest().schema->Equals(*CollectionStoredSchema()));
}

Status SeriesStoreImpl::Open(const DatabaseOptions& options) {
  ARROW_RETURN_NOT_OK(facts_.Open());
  view_options_ = {.files = options.files, .file_bytes_max = kFileBytesMax};
  ARROW_RETURN_NOT_OK(OpenView());
  // What was obliterated just before the last end may still be in the base.
  Status replayed;
  ARROW_ASSIGN_OR_RAISE(const auto burnt, facts_.BurntAfter(view_->base_watermark()));
  for (const SeriesId& id : burnt) {
    if (replayed.ok()) replayed = view_->Obliterate(id, view_->watermark());
  }
  uint64_t bytes = 0;
  if (replayed.ok()) replayed = Replay(&bytes);
  if (CodeOf(replayed) == Code::kDataLoss && view_->base_watermark() > CommitId(0)) {
    ARROW_RETURN_NOT_OK(BeginAnew(replayed));
    replayed = Replay(&bytes);
  }
  ARROW_RETURN_NOT_OK(replayed);
  if (options.readers != nullptr) timeview::SetHelpers(view_.get(), options.readers);
  bases_ =
      std::make_unique<SeriesBases>(options, database_->catalog(), view_.get(), &apply_mutex_,
                                    SeriesBases::Names{.base = kBaseName, .view = "time view"});
  // Only now: a base has all edits up to its commit.
  if (bytes > 0) bases_->Applied(bytes);
  ARROW_RETURN_NOT_OK(column_feed_.Open(options));
  database_->log()->OnDurable([this](CommitId) { column_feed_.Committed(); });
  return Status::OK();
}

Status SeriesStoreImpl::OpenView() {
  ARROW_ASSIGN_OR_RAISE(const CommitId named, SeriesBases::Named(database_->catalog(), kBaseName));
  const CommitId last = database_->log()->LastCommit();
  auto view = timeview::TimeView::Open(view_options_);
  if (!view.ok()) {
    return CodeOf(view.status()) == Code::kDataLoss ? BeginAnew(view.status()) : view.status();
  }
  view_ = *std::move(view);
  const CommitId base = view_->base_watermark();
  if (base >= named && base <= last) return Status::OK();
  return BeginAnew(
      Error(Code::kDataLoss, Reason::kFileMissing,
            "the folder " + view_options_.folder + " holds a base of commit " +
                std::to_string(base.value) +
                (base > last ? ", but the last commit is " + std::to_string(last.value)
                             : ", but the catalog names one of " + std::to_string(named.value))));
}

Status SeriesStoreImpl::BeginAnew(const Status& wrong) {
  ARROW_ASSIGN_OR_RAISE(const bool trimmed, Trimmed());
  if (trimmed) {
    return Error(
        Code::kDataLoss, ReasonOf(wrong),
        "the time view cannot be made again, for logs have been trimmed: " + MessageOf(wrong));
  }
  logging::Warning("table", "the time view is made again from the logs: {}", MessageOf(wrong));
  view_.reset();
  ARROW_RETURN_NOT_OK(timeview::TimeView::Destroy(view_options_));
  ARROW_ASSIGN_OR_RAISE(view_, timeview::TimeView::Open(view_options_));
  return Status::OK();
}

Result<bool> SeriesStoreImpl::Trimmed() {
  catalog::Catalog* const catalog = database_->catalog();
  ARROW_ASSIGN_OR_RAISE(const auto tables, catalog->ListTables(Path{}));
  for (const TablePtr& table : tables) {
    ARROW_ASSIGN_OR_RAISE(const auto editions, catalog->ListEditions(table->id));
    for (const EditionInfo& edition : editions) {
      if (!HoldsSeries(edition)) continue;
      ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog->ListPartitions(edition.id));
      for (const PartitionInfo& partition : partitions) {
        for (int32_t b = 0; b < partition.bucket_count; ++b) {
          ARROW_ASSIGN_OR_RAISE(const log::LogRange range,
                                database_->log()->Range(partition.LogOf(b)));
          if (range.start != Offset(0)) return true;
        }
      }
    }
  }
  return false;
}

void SeriesStoreImpl::Stop() {
  column_feed_.Stop();
  if (bases_ != nullptr) bases_->Stop();
}

Result<SeriesPtr> SeriesStoreImpl::Check(const access::Caller& caller, uint32_t rights,
                                         const SeriesId& id) {
  ARROW_ASSIGN_OR_RAISE(SeriesPtr series, facts_.Find(id));
  if (series == nullptr) return NotFound(id);
  ARROW_RETURN_NOT_OK(database_->access()->Check(caller, rights, series->collection));
  return series;
}

Status SeriesStoreImpl::MakeCollection(const access::Caller& caller, const Path& collection) {
  const auto present = database_->catalog()->GetTable(collection);
  if (present.ok()) {
    if ((*present)->current.has_value() && HoldsSeries(*(*present)->current)) return Status::OK();
    return Error(Code::kAlreadyExists, Reason::kTableExists,
                 "'" + collection.ToString() + "' is a table of another shape");
  }
  if (ReasonOf(present.status()) != Reason::kTableNotFound) return present.status();
  ARROW_RETURN_NOT_OK(database_->access()->Check(caller, access::kCreate, collection.Parent()));
  // Two schemas in one commit: what is stored, and what is seen.
  Step create{.kind = Step::Kind::kCreateTable, .path = collection};
  int32_t next_field_id = 0;
  create.schema = schema::AssignFieldIds(CollectionStoredSchema(), &next_field_id);
  create.spec.time_column = "time";
  create.spec.values = {"value"};
  create.spec.series_by = {"uuid"};
  create.spec.views = catalog::kTimeView;
  create.number = 0;
  Step widen{.kind = Step::Kind::kAlterTable, .path = collection};
  widen.schema = CollectionShownSchema(*create.schema);
  const Status made = database_->ApplySteps(access::Internal(), {create, widen}, {}).status();
  return ReasonOf(made) == Reason::kTableExists ? MakeCollection(caller, collection) : made;
}

Status SeriesStoreImpl::Create(const access::Caller& caller, const SeriesInfo& series) {
  ARROW_RETURN_NOT_OK(
      database_->access()->Check(caller, access::kCreate, series.collection.Parent()));
  Creation creation{.caller = caller, .series = series};
  {
    std::lock_guard lock(mutex_);
    creations_.push_back(&creation);
  }
  // Whoever comes first makes all that wait; the others find theirs made.
  std::lock_guard changing(change_mutex_);
  if (!creation.done) {
    std::vector<Creation*> all;
    {
      std::lock_guard lock(mutex_);
      all.swap(creations_);
    }
    MakeAll(all);
  }
  return creation.made;
}

void SeriesStoreImpl::MakeAll(const std::vector<Creation*>& all) {
  std::vector<Creation*> group;  // to be made in one step: nothing of one is another's
  std::set<SeriesId> ids;
  std::set<std::string> places;
  const auto make = [&] {
    std::vector<SeriesPtr> series;
    for (Creation* one : group) {
      auto made = std::make_shared<SeriesInfo>(one->series);
      made->property_version = 1;
      series.push_back(std::move(made));
    }
    const Status made = group.empty() ? Status::OK() : facts_.PutNew(series);
    for (Creation* one : group) one->made = made;
    group.clear();
    ids.clear();
    places.clear();
  };
  for (Creation* one : all) {
    one->done = true;
    const std::string place = PlaceOf(one->series);
    // The second of two that are alike is told of the first.
    if (ids.contains(one->series.id) || places.contains(place)) make();
    one->made = MayCreate(one->caller, one->series);
    if (!one->made.ok()) continue;
    group.push_back(one);
    ids.insert(one->series.id);
    places.insert(place);
  }
  make();
}

Status SeriesStoreImpl::MayCreate(const access::Caller& caller, const SeriesInfo& series) {
  ARROW_ASSIGN_OR_RAISE(const SeriesPtr present, facts_.Find(series.id));
  if (present != nullptr) {
    return Error(Code::kAlreadyExists, Reason::kSeriesExists,
                 "series " + UuidToText(series.id.view()) + " exists");
  }
  ARROW_ASSIGN_OR_RAISE(const bool burnt, facts_.Burnt(series.id));
  if (burnt) {
    return Error(Code::kAlreadyExists, Reason::kSeriesBurnt,
                 "the id " + UuidToText(series.id.view()) + " was used by an obliterated series");
  }
  ARROW_ASSIGN_OR_RAISE(const auto twin, facts_.Twin(series));
  if (twin.has_value()) {
    return Error(Code::kAlreadyExists, Reason::kTagsTaken,
                 "another series of '" + series.collection.ToString() + "' has these tags");
  }
  return MakeCollection(caller, series.collection);
}

Result<SeriesPtr> SeriesStoreImpl::Get(const access::Caller& caller, const SeriesId& id) {
  ARROW_ASSIGN_OR_RAISE(const ColumnSeriesPtr column, ColumnOf(caller, id));
  if (column != nullptr) return column->info;
  return Check(caller, access::kSee, id);
}

Result<ColumnSeriesPtr> SeriesStoreImpl::ColumnOf(const access::Caller& caller,
                                                  const SeriesId& id) {
  ARROW_ASSIGN_OR_RAISE(const SeriesPtr own, facts_.Find(id));
  if (own != nullptr) return nullptr;
  return columns_.Get(caller, id);
}

Status SeriesStoreImpl::PrepareToTell(const access::Caller& caller, const SeriesId& id) {
  ARROW_ASSIGN_OR_RAISE(const ColumnSeriesPtr column, ColumnOf(caller, id));
  if (column == nullptr) return Check(caller, access::kRead, id).status();
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kRead, *column->table));
  if (ColumnSeriesStore::IsFed(*column)) return column_feed_.CatchUp(column->table);
  return Error(Code::kInvalidArgument, Reason::kNone,
               "this series is a column of a table with a key whose log does not tell what was "
               "there before, or whose rows have no time: its inserts are not pushed");
}

Status SeriesStoreImpl::Alter(const access::Caller& caller, const SeriesId& id,
                              const SeriesChange& change) {
  ARROW_ASSIGN_OR_RAISE(const ColumnSeriesPtr column, ColumnOf(caller, id));
  if (column != nullptr) return NotOfAColumn("given other tags or annotations");
  ARROW_RETURN_NOT_OK(Check(caller, access::kWrite, id).status());
  std::lock_guard changing(change_mutex_);
  ARROW_ASSIGN_OR_RAISE(const SeriesPtr old, Check(caller, access::kWrite, id));
  if (change.expected_version != 0 && change.expected_version != old->property_version) {
    return Error(Code::kAborted, Reason::kVersionMismatch,
                 "the property version is " + std::to_string(old->property_version) + ", not " +
                     std::to_string(change.expected_version));
  }
  auto made = std::make_shared<SeriesInfo>(*old);
  if (change.collection.has_value()) made->collection = *change.collection;
  for (const auto& [key, value] : change.tags) made->tags[key] = value;
  for (const std::string& key : change.annotation_removals) made->annotations.erase(key);
  for (const auto& [key, value] : change.annotations) made->annotations[key] = value;
  ++made->property_version;
  ARROW_ASSIGN_OR_RAISE(const auto twin, facts_.Twin(*made));
  if (twin.has_value() && *twin != id) {
    return Error(Code::kAlreadyExists, Reason::kTagsTaken,
                 "another series of '" + made->collection.ToString() + "' has these tags");
  }
  if (made->collection != old->collection) {
    ARROW_RETURN_NOT_OK(
        database_->access()->Check(caller, access::kCreate, made->collection.Parent()));
    ARROW_RETURN_NOT_OK(MakeCollection(caller, made->collection));
  }
  return facts_.Put(made, old);
}

Status SeriesStoreImpl::Obliterate(const access::Caller& caller, const SeriesId& id) {
  ARROW_ASSIGN_OR_RAISE(const ColumnSeriesPtr column, ColumnOf(caller, id));
  if (column != nullptr) return NotOfAColumn("obliterated");
  ARROW_RETURN_NOT_OK(Check(caller, access::kWrite, id).status());
  const auto writer = WriterOf(id);
  const auto deciding = writer->Decide();
  writer->WaitUntilIdle();  // inserts that are on their way end first
  std::lock_guard changing(change_mutex_);
  ARROW_ASSIGN_OR_RAISE(const SeriesPtr series, Check(caller, access::kWrite, id));
  ARROW_RETURN_NOT_OK(facts_.Burn(series, database_->LastCommit()));
  bases_->Obliterated();
  std::lock_guard applying(apply_mutex_);
  return view_->Obliterate(id, view_->watermark());
}

std::shared_ptr<SeriesWriter> SeriesStoreImpl::WriterOf(const SeriesId& id) {
  std::lock_guard lock(mutex_);
  auto& kept = writers_[id];
  auto writer = kept.lock();
  if (writer == nullptr) {
    writer = std::make_shared<SeriesWriter>();
    kept = writer;
  }
  // Those whose last user is gone are swept when they are many.
  if (writers_.size() > 10'000) {
    std::erase_if(writers_, [](const auto& item) { return item.second.expired(); });
  }
  return writer;
}

template <typename Read>
auto SeriesStoreImpl::ReadPoints(const access::Caller& caller, const SeriesId& id, const Read& read)
    -> decltype(read()) {
  ARROW_RETURN_NOT_OK(Check(caller, access::kRead, id).status());
  auto found = read();
  // A series' facts go before its points. So it was whole when it was read if it is known now; of
  // one that is not, the view may have said that it is empty.
  ARROW_ASSIGN_OR_RAISE(const SeriesPtr still, facts_.Find(id));
  if (still == nullptr) return NotFound(id);
  return found;
}

Result<int64_t> SeriesStoreImpl::LatestRevision(const access::Caller& caller, const SeriesId& id) {
  ARROW_ASSIGN_OR_RAISE(const ColumnSeriesPtr column, ColumnOf(caller, id));
  if (column != nullptr) return columns_.LatestRevision(*column);
  return ReadPoints(caller, id, [&] { return view_->LatestRevision(id); });
}

Result<Snapshot> SeriesStoreImpl::Pin(const access::Caller& caller, const SeriesId& id,
                                      int64_t revision) {
  ARROW_ASSIGN_OR_RAISE(const ColumnSeriesPtr column, ColumnOf(caller, id));
  if (column != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const Snapshot empty, view_->Pin(id, timeview::kEmptyRevision));
    return columns_.Pin(caller, *column, empty, revision);
  }
  return ReadPoints(caller, id, [&] { return view_->Pin(id, revision); });
}

Result<std::unique_ptr<timeview::RangeCursor>> SeriesStoreImpl::Changes(
    const access::Caller& caller, const SeriesId& id, int64_t from, int64_t to, int resolution) {
  ARROW_ASSIGN_OR_RAISE(const ColumnSeriesPtr column, ColumnOf(caller, id));
  if (column != nullptr) return columns_.Changes(caller, *column, from, to, resolution);
  return ReadPoints(caller, id, [&] { return view_->Changes(id, from, to, resolution); });
}

}  // namespace firth::table
