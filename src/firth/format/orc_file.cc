#include "firth/format/orc_file.h"

#include <arrow/adapters/orc/adapter.h>
#include <arrow/memory_pool.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "firth/format/conform.h"
#include "firth/format/thrown.h"

namespace firth::format {
namespace {

using arrow::adapters::orc::ORCFileReader;

/// The rows of a file, stripe by stripe.
class OrcBatches : public arrow::RecordBatchReader {
 public:
  OrcBatches(std::unique_ptr<ORCFileReader> file, std::shared_ptr<arrow::Schema> schema,
             int64_t batch_rows)
      : file_(std::move(file)),
        schema_(std::move(schema)),
        batch_rows_(batch_rows),
        rows_(file_->NumberOfRows()) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    return Catch([&]() -> Status {
      batch->reset();
      while (true) {
        if (stripe_ == nullptr) {
          ARROW_ASSIGN_OR_RAISE(stripe_, file_->NextStripeReader(batch_rows_));
          if (stripe_ == nullptr) return Status::OK();
        }
        ARROW_RETURN_NOT_OK(stripe_->ReadNext(batch));
        if (*batch != nullptr) {
          rows_read_ += (*batch)->num_rows();
          return Status::OK();
        }
        stripe_ = nullptr;
      }
    });
  }
  double Progress() const {
    return rows_ == 0 ? 1.0 : static_cast<double>(rows_read_.load()) / static_cast<double>(rows_);
  }

 private:
  const std::unique_ptr<ORCFileReader> file_;
  const std::shared_ptr<arrow::Schema> schema_;
  const int64_t batch_rows_;
  const int64_t rows_;
  std::shared_ptr<arrow::RecordBatchReader> stripe_;  // destroyed first
  std::atomic<int64_t> rows_read_ = 0;
};

}  // namespace

Result<std::unique_ptr<FileReader>> OpenOrc(Source source, const ReadOptions& options) {
  return Catch([&]() -> Result<std::unique_ptr<FileReader>> {
    ARROW_ASSIGN_OR_RAISE(auto input, source.AsFile());
    ARROW_ASSIGN_OR_RAISE(auto file,
                          ORCFileReader::Open(std::move(input), arrow::default_memory_pool()));
    ARROW_ASSIGN_OR_RAISE(const auto found, file->ReadSchema());
    ConformedInput conformed{.name = source.name,
                             .batch_rows = options.batch_rows,
                             .validate = true,
                             .all_columns = true};
    ARROW_ASSIGN_OR_RAISE(conformed.wanted, Choose(*found, options));
    auto batches = std::make_shared<OrcBatches>(std::move(file), found,
                                                std::max<int64_t>(1, options.batch_rows));
    conformed.progress = [batches] { return batches->Progress(); };
    conformed.batches = std::move(batches);
    return Conform(std::move(conformed));
  });
}

}  // namespace firth::format
