#include "firth/format/arrow_ipc.h"

#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/util/compression.h>

#include <atomic>
#include <string_view>
#include <utility>

#include "firth/format/streams.h"

namespace firth::format {
namespace {

constexpr char kMagic[] = "ARROW1";
constexpr char kFeather1Magic[] = "FEA1";
/// The magic, padded, behind which a file goes on as a stream does.
constexpr int64_t kMagicBytes = 8;

arrow::ipc::IpcReadOptions Options() {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  return options;
}

/// The batches of a file, one by one.
class FileBatches : public arrow::RecordBatchReader {
 public:
  explicit FileBatches(std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader)
      : reader_(std::move(reader)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return reader_->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    *batch = nullptr;
    if (next_ == reader_->num_record_batches()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(*batch, reader_->ReadRecordBatch(next_++));
    return Status::OK();
  }
  double Progress() const {
    const int count = reader_->num_record_batches();
    return count == 0 ? 1.0 : static_cast<double>(next_.load()) / count;
  }

 private:
  const std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader_;
  std::atomic<int> next_ = 0;
};

Status CheckMagic(std::string_view front) {
  if (front.starts_with(kMagic)) return Status::OK();
  return Error(Code::kInvalidArgument, Reason::kNone,
               front.starts_with(kFeather1Magic) ? "this is Feather of version 1, which is not read"
                                                 : "this is not an Arrow file");
}

Result<std::shared_ptr<arrow::RecordBatchReader>> OpenStream(Source* source) {
  ARROW_ASSIGN_OR_RAISE(auto stream, source->AsStream());
  if (source->format == FileFormat::kArrowFile) {
    char magic[kMagicBytes] = {};
    ARROW_RETURN_NOT_OK(ReadFully(stream.get(), kMagicBytes, magic));
    ARROW_RETURN_NOT_OK(CheckMagic(std::string_view(magic, kMagicBytes)));
  }
  return arrow::ipc::RecordBatchStreamReader::Open(std::move(stream), Options());
}

class ArrowWriter : public FileWriter {
 public:
  explicit ArrowWriter(std::shared_ptr<arrow::ipc::RecordBatchWriter> writer)
      : writer_(std::move(writer)) {}
  Status Write(const arrow::RecordBatch& batch) override {
    return writer_->WriteRecordBatch(batch);
  }
  Status Close() override { return writer_->Close(); }

 private:
  const std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<FileReader>> OpenArrow(Source source, const ReadOptions& options) {
  ConformedInput input{
      .name = source.name, .batch_rows = options.batch_rows, .validate = true, .all_columns = true};
  if (source.format == FileFormat::kArrowFile && source.file != nullptr) {
    char magic[kMagicBytes] = {};
    ARROW_RETURN_NOT_OK(source.file->ReadAt(0, kMagicBytes, magic));
    ARROW_RETURN_NOT_OK(CheckMagic(std::string_view(magic, kMagicBytes)));
    ARROW_ASSIGN_OR_RAISE(auto reader,
                          arrow::ipc::RecordBatchFileReader::Open(source.file, Options()));
    auto batches = std::make_shared<FileBatches>(std::move(reader));
    input.progress = [batches] { return batches->Progress(); };
    input.batches = std::move(batches);
  } else {
    ARROW_ASSIGN_OR_RAISE(input.batches, OpenStream(&source));
    input.progress = source.progress;
  }
  ARROW_ASSIGN_OR_RAISE(input.wanted, Choose(*input.batches->schema(), options));
  return Conform(std::move(input));
}

Result<std::unique_ptr<FileWriter>> MakeArrowWriter(FileFormat format,
                                                    std::shared_ptr<arrow::io::OutputStream> sink,
                                                    const std::shared_ptr<arrow::Schema>& schema) {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.use_threads = false;
  ARROW_ASSIGN_OR_RAISE(options.codec, arrow::util::Codec::Create(arrow::Compression::ZSTD));
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
  if (format == FileFormat::kArrowFile) {
    ARROW_ASSIGN_OR_RAISE(writer, arrow::ipc::MakeFileWriter(std::move(sink), schema, options));
  } else {
    ARROW_ASSIGN_OR_RAISE(writer, arrow::ipc::MakeStreamWriter(std::move(sink), schema, options));
  }
  return std::make_unique<ArrowWriter>(std::move(writer));
}

}  // namespace firth::format
