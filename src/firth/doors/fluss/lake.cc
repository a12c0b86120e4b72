// What clients ask of a table's files in the lake.
#include "firth/table/lake.h"
#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/table_json.h"

namespace firth::doors::fluss {
namespace {

Status AnswerLakeSnapshot(const Request& asked, const pb::LakeSnapshotRequest& in,
                          pb::LakeSnapshotAnswer* out) {
  const TableNames names{in.table().database(), in.table().table()};
  ARROW_ASSIGN_OR_RAISE(const table::TablePtr table, FindTable(asked, names));
  table::LakeEnds ends;
  if (ShowsLake(PropertiesOf(*table))) {
    ARROW_ASSIGN_OR_RAISE(ends, asked.database().lake()->Ends(asked.caller(), table));
  }
  if (ends.snapshot.id == 0 || (in.has_snapshot_id() && in.snapshot_id() != ends.snapshot.id)) {
    return Refusal(Wire::kLakeSnapshotNotFound,
                   "Table '" + names.ToString() + "' has no such lake snapshot.");
  }
  out->set_table_id(table->id.value);
  out->set_snapshot_id(ends.snapshot.id);
  const bool partitioned = !table->current->spec.partition_by.empty();
  for (const table::LakeEnd& log : ends.logs) {
    pb::LakeBucket* bucket = out->add_buckets();
    if (partitioned) bucket->set_partition_id(log.where.partition.value);
    bucket->set_bucket(log.where.bucket);
    bucket->set_end(log.end.value);
  }
  return Status::OK();
}

}  // namespace

void ServeSecurityToken(const RequestPtr& request) {
  // Every scanner asks for it when it is made; no file is ever read with it.
  pb::SecurityTokenAnswer out;
  out.set_scheme("file");
  out.set_token("");
  request->Answer(out);
}

void ServeLakeSnapshot(const RequestPtr& request) {
  Unary<pb::LakeSnapshotRequest, pb::LakeSnapshotAnswer>(request, &AnswerLakeSnapshot);
}

}  // namespace firth::doors::fluss
