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
  ARROW_ASSIGN_OR_RAISE(auto stored, StoredSchema(*edition.newest().schema));
  ARROW_ASSIGN_OR_RAISE(RowOrder order, RowOrder::Make(edition));
  return std::unique_ptr<RunWriter>(new RunWriter(place, edition.newest().id, std::move(stored),
                                                  std::move(order), LookedUpColumns(edition.spec)));
}

Status RunWriter::Add(std::shared_ptr<arrow::RecordBatch> rows) {
  rows_ += rows->num_rows();
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, arrow::util::ReferencedBufferSize(*rows));
  bytes_ += static_cast<uint64_t>(bytes);
  batches_.push_back(std::move(rows));
  return Status::OK();
}

Status RunWriter::WriteSorted(LakeFileWriter* writer) {
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
    ARROW_ASSIGN_OR_RAISE(const auto stored, ToStored(*slice.record_batch(), stored_));
    ARROW_RETURN_NOT_OK(writer->Write(*stored));
  }
  return Status::OK();
}

Result<LakeFilePtr> RunWriter::WriteFile(LogId log, int level) {
  ARROW_ASSIGN_OR_RAISE(const int64_t number, place_.next_number());
  ARROW_ASSIGN_OR_RAISE(
      const auto writer,
      LakeFileWriter::Make(place_.files, place_.folder + '/' + LakeFileName(number), stored_,
                           looked_up_));
  if (order_.sorts()) {
    ARROW_RETURN_NOT_OK(WriteSorted(writer.get()));
  } else {
    for (const auto& batch : batches_) {
      ARROW_ASSIGN_OR_RAISE(const auto stored, ToStored(*batch, stored_));
      ARROW_RETURN_NOT_OK(writer->Write(*stored));
    }
  }
  batches_.clear();
  rows_ = 0;
  bytes_ = 0;
  return FinishFile(place_, writer.get(), number, log, schema_id_, level);
}

Result<LakeFilePtr> FinishFile(const FilePlace& place, LakeFileWriter* writer, int64_t number,
                               LogId log, SchemaId schema_id, int level) {
  ARROW_ASSIGN_OR_RAISE(LakeFileInfo info, writer->Finish());
  info.number = number;
  info.log = log;
  info.schema_id = schema_id;
  info.level = level;
  info.added = place.snapshot;
  auto file = std::make_shared<const LakeFile>(
      place.files, place.folder + '/' + LakeFileName(number), std::move(info));
  file->SetVerified();
  file->SetDoomed(true);
  return file;
}

}  // namespace firth::lakeview
