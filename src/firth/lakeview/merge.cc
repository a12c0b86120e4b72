#include "firth/lakeview/merge.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firth/lakeview/file_reader.h"
#include "firth/lakeview/sorted_merge.h"
#include "firth/lakeview/stored_types.h"
#include "firth/schema/schema.h"

namespace firth::lakeview {
namespace {

constexpr int64_t kBatchRows = 8192;

/// Tell the writer the keys of rows that it is about to get.
Status NoteKeys(const arrow::RecordBatch& rows, const RowOrder& order, LakeFileWriter* writer) {
  const int64_t past = writer->rows() % kRowGroupRows;
  std::vector<std::string> keys;
  for (int64_t at = past == 0 ? 0 : kRowGroupRows - past; at < rows.num_rows();
       at += kRowGroupRows) {
    keys.clear();
    ARROW_RETURN_NOT_OK(order.Keys(*rows.Slice(at, 1), &keys));
    writer->AddKey(keys.front(), /*begins_group=*/true);
  }
  keys.clear();
  ARROW_RETURN_NOT_OK(order.Keys(*rows.Slice(rows.num_rows() - 1, 1), &keys));
  writer->AddKey(keys.front(), /*begins_group=*/false);
  return Status::OK();
}

}  // namespace

std::shared_ptr<arrow::Schema> WithHidden(const arrow::Schema& newest) {
  auto fields = newest.fields();
  fields.push_back(arrow::field(kOffsetColumn, arrow::int64(), false));
  fields.push_back(arrow::field(kCommitColumn, arrow::int64(), false));
  fields.push_back(
      arrow::field(kTimeColumn, arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), false));
  fields.push_back(arrow::field(kChangeColumn, arrow::int32(), false));
  return arrow::schema(std::move(fields));
}

std::vector<LakeFilePtr> FilesToMerge(const std::vector<LakeFilePtr>& all,
                                      const MergeLimits& limits) {
  std::vector<LakeFilePtr> run;
  int64_t rows = 0;
  uint64_t bytes = 0;
  for (const auto& file : all) {
    const LakeFileInfo& info = file->info;
    const bool goes_on =
        !run.empty() && run.back()->info.log == info.log && run.back()->info.level == info.level &&
        rows + info.rows <= limits.rows_max && bytes + info.bytes <= limits.bytes_max;
    if (!goes_on) {
      run.clear();
      rows = 0;
      bytes = 0;
    }
    run.push_back(file);
    rows += info.rows;
    bytes += info.bytes;
    if (static_cast<int>(run.size()) == limits.files) return run;
  }
  return {};
}

Result<LakeFilePtr> MergeFiles(const catalog::EditionInfo& edition, const FilePlace& place,
                               const std::vector<LakeFilePtr>& files) {
  const auto wanted = WithHidden(*edition.newest().schema);
  FieldIds far_times;
  for (const auto& file : files) {
    for (const auto& field : edition.newest().schema->fields()) {
      const int32_t id = schema::FieldId(*field);
      if (file->info.far_times.contains(id)) far_times.insert(id);
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto stored, StoredSchema(*edition.newest().schema, far_times));
  ARROW_ASSIGN_OR_RAISE(const RowOrder order, RowOrder::Make(edition));
  std::vector<std::shared_ptr<arrow::RecordBatchReader>> readers;
  int level = 0;
  for (const auto& file : files) {
    const catalog::SchemaInfo* written = edition.FindSchema(file->info.schema_id);
    if (written == nullptr) {
      return Error(Code::kDataLoss, Reason::kSchemaNotFound,
                   "the schema of the lake file " + file->path + " is missing");
    }
    ARROW_ASSIGN_OR_RAISE(
        readers.emplace_back(),
        OpenLakeFile(place.files, file,
                     {.written = written->schema, .wanted = wanted, .batch_rows = kBatchRows}));
    level = std::max(level, file->info.level + 1);
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t number, place.next_number());
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        LakeFileWriter::Make(place.files, place.folder + '/' + LakeFileName(number),
                                             stored, LookedUpColumns(edition.spec)));
  std::shared_ptr<arrow::RecordBatchReader> merged = Chain(wanted, readers);
  if (order.sorts()) {
    ARROW_ASSIGN_OR_RAISE(merged, MergeSorted(std::move(readers), order, kBatchRows));
  }
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> rows;
    ARROW_RETURN_NOT_OK(merged->ReadNext(&rows));
    if (rows == nullptr) break;
    if (rows->num_rows() == 0) continue;
    if (order.sorts()) {
      ARROW_RETURN_NOT_OK(NoteKeys(*rows, order, writer.get()));
    }
    ARROW_ASSIGN_OR_RAISE(const auto out, ToStored(*rows, stored));
    ARROW_RETURN_NOT_OK(writer->Write(*out));
  }
  return FinishFile(place, writer.get(),
                    {.number = number,
                     .log = files.front()->info.log,
                     .schema_id = edition.newest().id,
                     .level = level,
                     .far_times = std::move(far_times)});
}

}  // namespace firth::lakeview
