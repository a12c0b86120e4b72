// Reading everything that a database holds.
#include <arrow/array.h>

#include <algorithm>

#include "firth/schema/row.h"
#include "firth/table/lake.h"
#include "firth/table/series.h"
#include "firth/timeview/snapshot.h"
#include "sim/workload.h"
#include "sim/world.h"

namespace firth::sim {
namespace {

using table::TablePtr;

constexpr const char* kChanges[] = {"+A", "+I", "-U", "+U", "-D"};

Status Contradiction(const TablePtr& table, const std::string& what) {
  return Status::UnknownError(table->path.ToString(), ": ", what);
}

/// The pairs of a batch of rows; all other columns are null.
Result<std::vector<Row>> PairsOf(const TablePtr& table, const arrow::RecordBatch& rows) {
  std::vector<Row> pairs;
  const auto& k = static_cast<const arrow::Int32Array&>(*rows.GetColumnByName("k"));
  const auto& v = static_cast<const arrow::StringArray&>(*rows.GetColumnByName("v"));
  for (int64_t i = 0; i < rows.num_rows(); ++i) pairs.emplace_back(k.Value(i), v.GetString(i));
  for (int c = 2; c < rows.num_columns(); ++c) {
    if (rows.column(c)->null_count() != rows.num_rows()) {
      return Contradiction(table, "a column that nobody wrote holds something");
    }
  }
  return pairs;
}

class TableObserver {
 public:
  TableObserver(World* world, TablePtr table) : world_(world), table_(std::move(table)) {}

  Result<TableModel> Run() {
    const auto& edition = *table_->current;
    model_.keyed = !edition.spec.key.empty();
    model_.trims = edition.spec.log_lifetime.bytes.has_value();
    model_.columns = edition.newest().schema->num_fields();
    ARROW_ASSIGN_OR_RAISE(const auto partitions,
                          world_->db->ListPartitions(world_->caller, *table_));
    for (const auto& partition : partitions) {
      for (int32_t bucket = 0; bucket < partition.bucket_count; ++bucket) {
        ARROW_RETURN_NOT_OK(ReadBucket(partition, bucket));
      }
    }
    return std::move(model_);
  }

 private:
  Status ReadBucket(const catalog::PartitionInfo& partition, int32_t bucket) {
    std::string values;
    for (const auto& value : partition.values) values += (values.empty() ? "" : "/") + value;
    const table::BucketRef where{.partition = partition.id, .bucket = bucket};
    ARROW_ASSIGN_OR_RAISE(const auto range, world_->db->GetRange(world_->caller, *table_, where));
    if (range.end.value == 0) return Status::OK();
    auto& log = model_.logs[{values, bucket}];
    ARROW_RETURN_NOT_OK(ReadLog(where, range, &log));
    if (model_.keyed) ARROW_RETURN_NOT_OK(CheckKeys(where, range.start == Offset(0)));
    return Status::OK();
  }

  Status ReadLog(table::BucketRef where, table::BucketRange range, std::vector<std::string>* log) {
    log->assign(static_cast<size_t>(range.end.value), "-");
    std::fill_n(log->begin(), range.start.value, kTrimmed);
    ARROW_ASSIGN_OR_RAISE(const auto scanner,
                          world_->db->Scan(world_->caller, {.table = table_,
                                                            .partition = where.partition,
                                                            .bucket = where.bucket,
                                                            .from = range.start,
                                                            .to = range.end}));
    int64_t next = range.start.value;
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const auto batch, scanner->Next());
      if (!batch.has_value()) return Status::OK();
      ARROW_ASSIGN_OR_RAISE(const auto pairs, PairsOf(table_, *batch->rows));
      if (batch->base_offset.value < next) return Contradiction(table_, "offsets go back");
      if (!model_.keyed && batch->base_offset.value != next) return Contradiction(table_, "a gap");
      next = batch->base_offset.value;
      for (size_t i = 0; i < pairs.size(); ++i, ++next) {
        if (next >= range.end.value) return Contradiction(table_, "rows behind the end");
        const auto change = batch->changes.empty() ? log::Change::kAppend : batch->changes[i];
        (*log)[static_cast<size_t>(next)] = std::string(kChanges[static_cast<int>(change)]) + " " +
                                            std::to_string(pairs[i].first) + " " + pairs[i].second;
        if (model_.keyed && range.start.value == 0) ARROW_RETURN_NOT_OK(Fold(change, pairs[i]));
      }
    }
  }

  Status Fold(log::Change change, const Row& row) {
    auto& current = model_.current;
    const auto held = current.find(row.first);
    const bool same = held != current.end() && held->second == row.second;
    switch (change) {
      case log::Change::kInsert:
        if (held != current.end()) return Contradiction(table_, "+I of a key that is held");
        current.insert(row);
        break;
      case log::Change::kUpdateBefore:
        if (!same) return Contradiction(table_, "-U of what is not held");
        break;
      case log::Change::kUpdateAfter:
        if (held == current.end()) return Contradiction(table_, "+U of a key that is not held");
        held->second = row.second;
        break;
      case log::Change::kDelete:
        if (!same) return Contradiction(table_, "-D of what is not held");
        current.erase(held);
        break;
      case log::Change::kAppend:
        return Contradiction(table_, "+A in a keyed log");
    }
    return Status::OK();
  }

  /// The key view holds what the log folds to; where its begin is gone, only the model can tell.
  Status CheckKeys(table::BucketRef where, bool whole) {
    ARROW_ASSIGN_OR_RAISE(const auto rows,
                          world_->db->ScanKeys(world_->caller, {.table = table_, .where = where}));
    std::map<int32_t, std::string> held;
    for (const auto& row : rows) {
      const auto* schema = table_->current->FindSchema(row.row.schema_id());
      if (schema == nullptr) return Contradiction(table_, "a row of a schema that is not there");
      ARROW_ASSIGN_OR_RAISE(const auto codec, schema::RowCodec::Make(schema->schema));
      ARROW_ASSIGN_OR_RAISE(const auto decoded, codec->Decode({row.row.row()}));
      ARROW_ASSIGN_OR_RAISE(const auto pairs, PairsOf(table_, *decoded));
      held.insert(pairs.front());
    }
    if (!whole) model_.current = held;
    return held == model_.current
               ? Status::OK()
               : Contradiction(table_, "the key view is not the fold of the log");
  }

  World* const world_;
  const TablePtr table_;
  TableModel model_;
};

Result<SeriesModel> ReadSeries(World* world, const timeview::SeriesId& id) {
  SeriesModel model;
  ARROW_ASSIGN_OR_RAISE(model.revision, world->db->series()->LatestRevision(world->caller, id));
  ARROW_ASSIGN_OR_RAISE(const auto pinned, world->db->series()->Pin(world->caller, id, 0));
  if (pinned.revision() != model.revision) return Status::UnknownError("a series' revision");
  ARROW_ASSIGN_OR_RAISE(const auto cursor, pinned.Points(timeview::kTimeMin, timeview::kTimeTop));
  timeview::PointBatch batch;
  do {
    ARROW_RETURN_NOT_OK(cursor->Next(1000, &batch));
    for (size_t i = 0; i < batch.size(); ++i) {
      if (!model.points.emplace(batch.times[i], batch.values[i]).second) {
        return Status::UnknownError("a point is there twice");
      }
    }
  } while (batch.size() > 0);
  ARROW_ASSIGN_OR_RAISE(const auto statistics,
                        pinned.Summarise(timeview::kTimeMin, timeview::kTimeTop));
  if (statistics.count != model.points.size()) return Status::UnknownError("a series' count");
  return model;
}

}  // namespace

Result<Model> Observe(World* world) {
  Model model;
  ARROW_ASSIGN_OR_RAISE(const auto tables, world->db->ListTables(world->caller, Path{}));
  for (const auto& table : tables) {
    if (table->path.segments.front() != kTablesName) continue;
    ARROW_ASSIGN_OR_RAISE(model.tables[table->path.ToString()], TableObserver(world, table).Run());
  }
  // Columns of tables are series as well; those that the workload made are in collections of its
  // own.
  ARROW_ASSIGN_OR_RAISE(const auto series,
                        world->db->series()->Find(world->caller, {.collection_prefix = "s/"}));
  for (const auto& info : series) {
    ARROW_ASSIGN_OR_RAISE(model.series[static_cast<unsigned char>(info->id.bytes[15])],
                          ReadSeries(world, info->id));
  }
  ARROW_ASSIGN_OR_RAISE(const auto values, world->db->catalog()->ListValues(kValuesPrefix));
  for (const auto& [name, value] : values) model.values[name] = value;
  return model;
}

}  // namespace firth::sim
