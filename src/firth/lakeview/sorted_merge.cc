#include "firth/lakeview/sorted_merge.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>

#include <algorithm>
#include <string>
#include <utility>

namespace firth::lakeview {
namespace {

using ReaderPtr = std::shared_ptr<arrow::RecordBatchReader>;

/// Where one reader stands.
struct Source {
  ReaderPtr reader;
  std::shared_ptr<arrow::RecordBatch> batch;
  std::vector<std::string> keys;  // of the batch
  size_t at = 0;
  size_t begin = 0;  // of the rows that the output in work has taken
  size_t slot = 0;   // of those, among the output's slices

  const std::string& key() const { return keys[at]; }
};

class Merge : public arrow::RecordBatchReader {
 public:
  Merge(std::shared_ptr<arrow::Schema> schema, RowOrder order, int64_t batch_rows)
      : schema_(std::move(schema)), order_(std::move(order)), batch_rows_(batch_rows) {}

  Status Open(std::vector<ReaderPtr> readers) {
    for (auto& reader : readers) {
      sources_.push_back({.reader = std::move(reader)});
    }
    for (size_t i = 0; i < sources_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(const bool more, Load(&sources_[i]));
      if (more) heap_.push_back(i);
    }
    const auto later = [this](size_t a, size_t b) { return IsLater(a, b); };
    std::make_heap(heap_.begin(), heap_.end(), later);
    return Status::OK();
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    rows->reset();
    if (heap_.empty()) return Status::OK();
    if (heap_.size() == 1) return ReadLast(rows);
    slices_.clear();
    bases_.clear();
    taken_ = 0;
    std::vector<std::pair<size_t, size_t>> picks;  // slot, row within the slice
    const auto later = [this](size_t a, size_t b) { return IsLater(a, b); };
    for (const size_t i : heap_) Begin(&sources_[i]);
    while (!heap_.empty() && static_cast<int64_t>(picks.size()) < batch_rows_) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      Source& source = sources_[heap_.back()];
      picks.emplace_back(source.slot, source.at - source.begin);
      ++source.at;
      bool more = true;
      if (source.at == source.keys.size()) {
        End(&source);
        ARROW_ASSIGN_OR_RAISE(more, Load(&source));
        if (more) Begin(&source);
      }
      if (more) {
        std::push_heap(heap_.begin(), heap_.end(), later);
      } else {
        heap_.pop_back();
      }
    }
    for (const size_t i : heap_) End(&sources_[i]);
    return Gather(picks).Value(rows);
  }

 private:
  /// Orders a heap whose top is the source with the least key.
  bool IsLater(size_t a, size_t b) const {
    const int compared = sources_[a].key().compare(sources_[b].key());
    return compared != 0 ? compared > 0 : a > b;
  }

  Result<bool> Load(Source* source) {
    do {
      ARROW_RETURN_NOT_OK(source->reader->ReadNext(&source->batch));
      if (source->batch == nullptr) return false;
    } while (source->batch->num_rows() == 0);
    source->at = 0;
    source->keys.clear();
    source->keys.reserve(static_cast<size_t>(source->batch->num_rows()));
    ARROW_RETURN_NOT_OK(order_.Keys(*source->batch, &source->keys));
    return true;
  }

  void Begin(Source* source) {
    source->begin = source->at;
    source->slot = slices_.size();
    slices_.emplace_back();
  }

  void End(Source* source) {
    slices_[source->slot] = source->batch->Slice(static_cast<int64_t>(source->begin),
                                                 static_cast<int64_t>(source->at - source->begin));
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Gather(
      const std::vector<std::pair<size_t, size_t>>& picks) {
    for (const auto& slice : slices_) {
      bases_.push_back(taken_);
      taken_ += slice->num_rows();
    }
    arrow::Int64Builder builder;
    ARROW_RETURN_NOT_OK(builder.Reserve(static_cast<int64_t>(picks.size())));
    for (const auto& [slot, row] : picks) {
      builder.UnsafeAppend(bases_[slot] + static_cast<int64_t>(row));
    }
    ARROW_ASSIGN_OR_RAISE(const auto indices, builder.Finish());
    ARROW_ASSIGN_OR_RAISE(const auto all, arrow::ConcatenateRecordBatches(slices_));
    ARROW_ASSIGN_OR_RAISE(
        const arrow::Datum taken,
        arrow::compute::Take(all, indices, arrow::compute::TakeOptions::NoBoundsCheck()));
    return taken.record_batch();
  }

  Status ReadLast(std::shared_ptr<arrow::RecordBatch>* rows) {
    Source& source = sources_[heap_.front()];
    *rows = source.batch->Slice(static_cast<int64_t>(source.at));
    ARROW_ASSIGN_OR_RAISE(const bool more, Load(&source));
    if (!more) heap_.clear();
    return Status::OK();
  }

  const std::shared_ptr<arrow::Schema> schema_;
  const RowOrder order_;
  const int64_t batch_rows_;
  std::vector<Source> sources_;
  std::vector<size_t> heap_;                                 // sources that have rows
  std::vector<std::shared_ptr<arrow::RecordBatch>> slices_;  // of the output in work
  std::vector<int64_t> bases_;
  int64_t taken_ = 0;
};

class Chained : public arrow::RecordBatchReader {
 public:
  Chained(std::shared_ptr<arrow::Schema> schema, std::vector<ReaderPtr> readers)
      : schema_(std::move(schema)), readers_(std::move(readers)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    for (; next_ < readers_.size(); ++next_) {
      ARROW_RETURN_NOT_OK(readers_[next_]->ReadNext(rows));
      if (*rows != nullptr) return Status::OK();
      readers_[next_].reset();
    }
    rows->reset();
    return Status::OK();
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  std::vector<ReaderPtr> readers_;
  size_t next_ = 0;
};

}  // namespace

Result<ReaderPtr> MergeSorted(std::vector<ReaderPtr> readers, RowOrder order, int64_t batch_rows) {
  if (readers.empty()) return Status::Invalid("nothing to merge");
  auto merge = std::make_shared<Merge>(readers.front()->schema(), std::move(order), batch_rows);
  ARROW_RETURN_NOT_OK(merge->Open(std::move(readers)));
  return merge;
}

ReaderPtr Chain(std::shared_ptr<arrow::Schema> schema, std::vector<ReaderPtr> readers) {
  return std::make_shared<Chained>(std::move(schema), std::move(readers));
}

}  // namespace firth::lakeview
