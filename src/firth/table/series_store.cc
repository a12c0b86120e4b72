// The facts of series: making, finding, changing, obliterating.
#include "firth/table/series_store.h"

#include <algorithm>

#include "firth/common/text.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

std::shared_ptr<arrow::Schema> CollectionSchema() {
  return arrow::schema(
      {arrow::field("time", arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), /*nullable=*/false),
       arrow::field("value", arrow::float64(), /*nullable=*/false)});
}

bool IsCollection(const TableInfo& table) {
  return table.current.has_value() && (table.current->spec.views & catalog::kTimeView) != 0;
}

Status NotFound(const SeriesId& id) {
  return Error(Code::kNotFound, Reason::kSeriesNotFound,
               "there is no series " + UuidToText(id.view()));
}

}  // namespace

Status SeriesStoreImpl::Open(store::FileSystem* files) {
  ARROW_RETURN_NOT_OK(facts_.Load(database_->catalog()));
  const timeview::TimeViewOptions options{.files = files};
  auto view = timeview::TimeView::Open(options);
  if (CodeOf(view.status()) == Code::kDataLoss) {
    ARROW_RETURN_NOT_OK(timeview::TimeView::Destroy(options));
    view = timeview::TimeView::Open(options);
  }
  ARROW_ASSIGN_OR_RAISE(view_, std::move(view));
  return Replay();
}

Result<SeriesPtr> SeriesStoreImpl::Check(const access::Caller& caller, uint32_t rights,
                                         const SeriesId& id) {
  SeriesPtr series;
  {
    std::lock_guard lock(mutex_);
    series = facts_.Find(id);
  }
  if (series == nullptr) return NotFound(id);
  ARROW_RETURN_NOT_OK(database_->access()->Check(caller, rights, series->collection));
  return series;
}

Status SeriesStoreImpl::MakeCollection(const access::Caller& caller, const Path& collection) {
  const auto present = database_->catalog()->GetTable(collection);
  if (present.ok()) {
    if (IsCollection(**present)) return Status::OK();
    return Error(Code::kAlreadyExists, Reason::kTableExists,
                 "'" + collection.ToString() + "' is a table of another shape");
  }
  if (ReasonOf(present.status()) != Reason::kTableNotFound) return present.status();
  TableSpec spec{.schema = CollectionSchema()};
  spec.edition.time_column = "time";
  spec.edition.values = {"value"};
  spec.edition.views = catalog::kTimeView;
  const Status made = database_->CreateTable(caller, collection, spec).status();
  return ReasonOf(made) == Reason::kTableExists ? MakeCollection(caller, collection) : made;
}

Status SeriesStoreImpl::Create(const access::Caller& caller, const SeriesInfo& series) {
  ARROW_RETURN_NOT_OK(
      database_->access()->Check(caller, access::kCreate, series.collection.Parent()));
  std::lock_guard changing(change_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (facts_.Find(series.id) != nullptr) {
      return Error(Code::kAlreadyExists, Reason::kSeriesExists,
                   "series " + UuidToText(series.id.view()) + " exists");
    }
    if (facts_.Burnt(series.id)) {
      return Error(Code::kAlreadyExists, Reason::kSeriesBurnt,
                   "the id " + UuidToText(series.id.view()) + " was used by an obliterated series");
    }
    if (facts_.Twin(series) != nullptr) {
      return Error(Code::kAlreadyExists, Reason::kTagsTaken,
                   "another series of '" + series.collection.ToString() + "' has these tags");
    }
  }
  ARROW_RETURN_NOT_OK(MakeCollection(caller, series.collection));
  auto made = std::make_shared<SeriesInfo>(series);
  made->property_version = 1;
  ARROW_RETURN_NOT_OK(
      database_->catalog()->PutValue(SeriesFacts::ValueName(made->id), SeriesFacts::Encode(*made)));
  std::lock_guard lock(mutex_);
  facts_.Put(made);
  return Status::OK();
}

Result<SeriesPtr> SeriesStoreImpl::Get(const access::Caller& caller, const SeriesId& id) {
  return Check(caller, access::kSee, id);
}

Result<std::vector<SeriesPtr>> SeriesStoreImpl::Find(const access::Caller& caller,
                                                     const SeriesQuery& query) {
  std::vector<SeriesPtr> found;
  {
    std::lock_guard lock(mutex_);
    found = facts_.All();
  }
  std::erase_if(found, [&](const SeriesPtr& series) {
    if (query.collection.has_value() && series->collection != *query.collection) return true;
    if (!series->collection.ToString().starts_with(query.collection_prefix)) return true;
    return (database_->access()->RightsOn(caller, series->collection) & access::kSee) == 0;
  });
  return found;
}

Status SeriesStoreImpl::Alter(const access::Caller& caller, const SeriesId& id,
                              const SeriesChange& change) {
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
  {
    std::lock_guard lock(mutex_);
    const SeriesPtr twin = facts_.Twin(*made);
    if (twin != nullptr && twin->id != id) {
      return Error(Code::kAlreadyExists, Reason::kTagsTaken,
                   "another series of '" + made->collection.ToString() + "' has these tags");
    }
  }
  if (made->collection != old->collection) {
    ARROW_RETURN_NOT_OK(
        database_->access()->Check(caller, access::kCreate, made->collection.Parent()));
    ARROW_RETURN_NOT_OK(MakeCollection(caller, made->collection));
  }
  ARROW_RETURN_NOT_OK(
      database_->catalog()->PutValue(SeriesFacts::ValueName(id), SeriesFacts::Encode(*made)));
  std::lock_guard lock(mutex_);
  facts_.Put(made);
  return Status::OK();
}

Status SeriesStoreImpl::Obliterate(const access::Caller& caller, const SeriesId& id) {
  ARROW_RETURN_NOT_OK(Check(caller, access::kWrite, id).status());
  const auto writer = WriterOf(id);
  std::lock_guard writing(*writer);  // an insert that is on its way ends first
  std::lock_guard changing(change_mutex_);
  ARROW_RETURN_NOT_OK(Check(caller, access::kWrite, id).status());
  ARROW_RETURN_NOT_OK(
      database_->catalog()->PutValue(SeriesFacts::ValueName(id), R"({"version":1,"burnt":true})"));
  {
    std::lock_guard lock(mutex_);
    facts_.Burn(id);
  }
  std::lock_guard applying(apply_mutex_);
  return view_->Obliterate(id, view_->watermark());
}

std::shared_ptr<std::mutex> SeriesStoreImpl::WriterOf(const SeriesId& id) {
  std::lock_guard lock(mutex_);
  auto& kept = writers_[id];
  auto writer = kept.lock();
  if (writer == nullptr) {
    writer = std::make_shared<std::mutex>();
    kept = writer;
  }
  // Those whose last user is gone are swept when they are many.
  if (writers_.size() > 10'000) {
    std::erase_if(writers_, [](const auto& item) { return item.second.expired(); });
  }
  return writer;
}

Result<int64_t> SeriesStoreImpl::LatestRevision(const access::Caller& caller, const SeriesId& id) {
  ARROW_RETURN_NOT_OK(Check(caller, access::kRead, id).status());
  return view_->LatestRevision(id);
}

Result<Snapshot> SeriesStoreImpl::Pin(const access::Caller& caller, const SeriesId& id,
                                      int64_t revision) {
  ARROW_RETURN_NOT_OK(Check(caller, access::kRead, id).status());
  return view_->Pin(id, revision);
}

Result<std::unique_ptr<timeview::RangeCursor>> SeriesStoreImpl::Changes(
    const access::Caller& caller, const SeriesId& id, int64_t from, int64_t to, int resolution) {
  ARROW_RETURN_NOT_OK(Check(caller, access::kRead, id).status());
  return view_->Changes(id, from, to, resolution);
}

}  // namespace firth::table
