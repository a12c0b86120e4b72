#include "firth/lakeview/cut.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/util/byte_size.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "firth/lakeview/stored_types.h"

namespace firth::lakeview {
namespace {

constexpr int64_t kSliceRows = 16 * 1024;

/// The places of rows in the order of their keys; equal ones stay as they are.
std::vector<int64_t> Sorted(const std::vector<std::string>& keys) {
  std::vector<int64_t> places(keys.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](int64_t a, int64_t b) {
    return keys[static_cast<size_t>(a)] < keys[static_cast<size_t>(b)];
  });
  return places;
}

}  // namespace

Result<std::unique_ptr<RunWriter>> RunWriter::Make(const catalog::EditionInfo& edition,
                                                   const FilePlace& place) {
  ARROW_RETURN_NOT_OK(StoredSchema(*edition.newest().schema).status());
  ARROW_ASSIGN_OR_RAISE(RowOrder order, RowOrder::Make(edition));
  return std::unique_ptr<RunWriter>(new RunWriter(place, edition.newest().id,
                                                  edition.newest().schema, std::move(order),
                                                  LookedUpColumns(edition.spec)));
}

Status RunWriter::Add(std::shared_ptr<arrow::RecordBatch> rows) {
  rows_ += rows->num_rows();
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, arrow::util::ReferencedBufferSize(*rows));
  bytes_ += static_cast<uint64_t>(bytes);
  NoteFarTimes(*rows, &far_times_);
  batches_.push_back(std::move(rows));
  return Status::OK();
}

Status RunWriter::WriteSorted(const std::shared_ptr<arrow::Schema>& stored,
                              LakeFileWriter* writer) {
  ARROW_ASSIGN_OR_RAISE(const auto run, arrow::ConcatenateRecordBatches(batches_));
  batches_.clear();
  std::vector<std::string> keys;
  keys.reserve(static_cast<size_t>(run->num_rows()));
  ARROW_RETURN_NOT_OK(order_.Keys(*run, &keys));
  const std::vector<int64_t> places = Sorted(keys);
  for (size_t at = 0; at < places.size(); at += kRowGroupRows) {
    writer->AddKey(keys[static_cast<size_t>(places[at])], /*begins_group=*/true);
  }
  writer->AddKey(keys[static_cast<size_t>(places.back())], /*begins_group=*/false);
  for (size_t at = 0; at < places.size(); at += kSliceRows) {
    const size_t count = std::min<size_t>(kSliceRows, places.size() - at);
    arrow::Int64Builder builder;
    ARROW_RETURN_NOT_OK(builder.AppendValues(places.data() + at, static_cast<int64_t>(count)));
    ARROW_ASSIGN_OR_RAISE(const auto indices, builder.Finish());
    ARROW_ASSIGN_OR_RAISE(
        const arrow::Datum slice,
        arrow::compute::Take(run, indices, arrow::compute::TakeOptions::NoBoundsCheck()));
    ARROW_ASSIGN_OR_RAISE(const auto rows, ToStored(*slice.record_batch(), stored));
    ARROW_RETURN_NOT_OK(writer->Write(*rows));
  }
  return Status::OK();
}

Result<LakeFilePtr> RunWriter::WriteFile(LogId log, int level) {
  ARROW_ASSIGN_OR_RAISE(const int64_t number, place_.next_number());
  ARROW_ASSIGN_OR_RAISE(const auto stored, StoredSchema(*schema_, far_times_));
  ARROW_ASSIGN_OR_RAISE(
      const auto writer,
      LakeFileWriter::Make(place_.files, place_.folder + '/' + LakeFileName(number), stored,
                           looked_up_));
  if (order_.sorts()) {
    ARROW_RETURN_NOT_OK(WriteSorted(stored, writer.get()));
  } else {
    for (const auto& batch : batches_) {
      ARROW_ASSIGN_OR_RAISE(const auto rows, ToStored(*batch, stored));
      ARROW_RETURN_NOT_OK(writer->Write(*rows));
    }
  }
  batches_.clear();
  rows_ = 0;
  bytes_ = 0;
  return FinishFile(place_, writer.get(),
                    {.number = number,
                     .log = log,
                     .schema_id = schema_id_,
                     .level = level,
                     .far_times = std::exchange(far_times_, {})});
}

Result<LakeFilePtr> FinishFile(const FilePlace& place, LakeFileWriter* writer, FinishedFile made) {
  ARROW_ASSIGN_OR_RAISE(LakeFileInfo info, writer->Finish());
  info.number = made.number;
  info.log = made.log;
  info.schema_id = made.schema_id;
  info.level = made.level;
  info.far_times = std::move(made.far_times);
  info.added = place.snapshot;
  auto file = std::make_shared<const LakeFile>(
      place.files, place.folder + '/' + LakeFileName(made.number), std::move(info));
  file->SetVerified();
  file->SetDoomed(true);
  return file;
}

}  // namespace firth::lakeview
