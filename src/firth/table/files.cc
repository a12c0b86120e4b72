#include "firth/table/files.h"

#include <arrow/array/util.h>
#include <arrow/io/compressed.h>
#include <arrow/table.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/compression.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <utility>

#include "firth/common/logging.h"
#include "firth/format/parquet_footer.h"
#include "firth/schema/schema.h"
#include "firth/table/column_statistics.h"
#include "firth/table/database_impl.h"
#include "firth/table/file_input.h"

namespace firth::table {
namespace {

constexpr char kFolder[] = "files";
constexpr char kOwnFolder[] = "files/own";
constexpr int64_t kIdsTaken = 100;
/// A batch of an entry ends at whichever comes first.
constexpr int64_t kBatchRows = 64 * 1024;
constexpr int64_t kBatchBytes = int64_t{8} << 20;
constexpr size_t kCursorsKept = 16;
/// The rows of smaller Parquet files are all read when they are taken; of larger ones the footer
/// counts, and whoever reads damaged pages is told of them.
constexpr uint64_t kFooterTrustedBytes = uint64_t{1} << 20;
constexpr size_t kRecordsKept = 4096;

Result<format::FileFormat> FormatOf(const std::string& format) {
  static constexpr std::array<std::pair<std::string_view, format::FileFormat>, 8> kFormats = {{
      {"parquet", format::FileFormat::kParquet},
      {"csv", format::FileFormat::kCsv},
      {"tsv", format::FileFormat::kTsv},
      {"psv", format::FileFormat::kPsv},
      {"json", format::FileFormat::kJsonLines},
      {"feather", format::FileFormat::kArrowFile},
      {"orc", format::FileFormat::kOrc},
      {"avro", format::FileFormat::kAvro},
  }};
  for (const auto& [name, known] : kFormats) {
    if (name == format) return known;
  }
  return Error(Code::kUnimplemented, Reason::kNone,
               "files of the format '" + format.substr(0, 64) + "' cannot be read here");
}

bool IsDelimited(const std::string& format) {
  return format == "csv" || format == "tsv" || format == "psv";
}

bool IsText(const std::string& format) {
  return IsDelimited(format) || format == "json";
}

/// How often text was packed: a writer that packs by a file's name and again by itself packs twice.
constexpr int kPackingsMax = 2;

bool BeginsAsGzip(arrow::io::InputStream* stream) {
  const auto front = stream->Read(2);
  return front.ok() && (*front)->size() == 2 && (*front)->data()[0] == 0x1f &&
         (*front)->data()[1] == 0x8b;
}

Result<int> CountPackings(const std::shared_ptr<arrow::io::RandomAccessFile>& input) {
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, input->GetSize());
  ARROW_ASSIGN_OR_RAISE(const auto codec, arrow::util::Codec::Create(arrow::Compression::GZIP));
  for (int packings = 0; packings < kPackingsMax; ++packings) {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::io::InputStream> stream,
                          arrow::io::RandomAccessFile::GetStream(input, 0, bytes));
    for (int i = 0; i < packings; ++i) {
      ARROW_ASSIGN_OR_RAISE(stream, arrow::io::CompressedInputStream::Make(codec.get(), stream));
    }
    if (!BeginsAsGzip(stream.get())) return packings;
  }
  return kPackingsMax;
}

/// A name that tells the format's reader how the bytes are packed, and that stands in its errors.
std::string ReaderName(const FileInfo& file, int packings) {
  std::string name = file.locations.empty() ? "file" : file.locations.front().path;
  name = name.substr(name.find_last_of('/') + 1);
  // Whatever the name says, the bytes say how they are packed.
  while (name.ends_with(".gz") || name.ends_with(".zst") || name.ends_with(".zip")) {
    name.resize(name.find_last_of('.'));
  }
  for (int i = 0; i < packings; ++i) name += ".gz";
  return name;
}

/// The fields of `written` that a file has, in the file's order; text columns that `written` lacks
/// are read as text, and not used.
std::shared_ptr<arrow::Schema> SchemaInFile(const FileInfo& file, const arrow::Schema& written) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const std::string& column : file.columns) {
    const auto field = written.GetFieldByName(column);
    if (field != nullptr) {
      fields.push_back(field->RemoveMetadata());
    } else if (IsDelimited(file.format)) {
      fields.push_back(arrow::field(column, arrow::utf8()));
    }
  }
  return arrow::schema(std::move(fields));
}

/// What a FileReader gives, cut into batches of stated sizes and shown under stated columns.
class CutRows : public FileRowReader {
 public:
  CutRows(const FileInfo& file, std::unique_ptr<format::FileReader> reader,
          std::shared_ptr<arrow::Schema> wanted, std::vector<uint32_t> batches, size_t first)
      : name_("file " + std::to_string(file.id.value)),
        reader_(std::move(reader)),
        wanted_(std::move(wanted)),
        batches_(std::move(batches)),
        next_(first) {
    for (size_t i = 0; i < first; ++i) skip_ += batches_[i];
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (next_ == batches_.size()) return nullptr;
    while (skip_ > 0) {
      ARROW_RETURN_NOT_OK(Fill());
      const int64_t count = std::min(skip_, rest_->num_rows());
      rest_ = rest_->Slice(count);
      skip_ -= count;
    }
    const int64_t rows = batches_[next_++];
    std::vector<std::shared_ptr<arrow::RecordBatch>> parts;
    for (int64_t have = 0; have < rows;) {
      ARROW_RETURN_NOT_OK(Fill());
      parts.push_back(rest_->Slice(0, rows - have));
      have += parts.back()->num_rows();
      rest_ = rest_->Slice(parts.back()->num_rows());
    }
    std::shared_ptr<arrow::RecordBatch> whole = parts.front();
    if (parts.size() > 1) {
      ARROW_ASSIGN_OR_RAISE(const auto table, arrow::Table::FromRecordBatches(parts));
      ARROW_ASSIGN_OR_RAISE(whole, table->CombineChunksToBatch());
    }
    return Show(whole);
  }

 private:
  Status Fill() {
    while (rest_ == nullptr || rest_->num_rows() == 0) {
      ARROW_ASSIGN_OR_RAISE(rest_, reader_->Next());
      if (rest_ == nullptr) {
        return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                     name_ + " has fewer rows than its record says");
      }
    }
    return Status::OK();
  }

  /// By name: the file has no field ids.
  Result<std::shared_ptr<arrow::RecordBatch>> Show(
      const std::shared_ptr<arrow::RecordBatch>& rows) {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (const auto& field : wanted_->fields()) {
      auto column = rows->GetColumnByName(field->name());
      if (column == nullptr) {
        ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayOfNull(field->type(), rows->num_rows()));
      }
      columns.push_back(std::move(column));
    }
    return arrow::RecordBatch::Make(wanted_, rows->num_rows(), std::move(columns));
  }

  const std::string name_;
  const std::unique_ptr<format::FileReader> reader_;
  const std::shared_ptr<arrow::Schema> wanted_;
  const std::vector<uint32_t> batches_;
  size_t next_;
  int64_t skip_ = 0;
  std::shared_ptr<arrow::RecordBatch> rest_;
};

/// Bytes to a file of the store.
class StoreSink : public arrow::io::OutputStream {
 public:
  explicit StoreSink(std::unique_ptr<store::File> file) : file_(std::move(file)) {}
  Status Close() override {
    if (closed_) return Status::OK();
    closed_ = true;
    return file_->Sync();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return static_cast<int64_t>(position_); }
  Status Write(const void* data, int64_t bytes) override {
    const Bytes part(static_cast<const std::byte*>(data), static_cast<size_t>(bytes));
    ARROW_RETURN_NOT_OK(file_->Write(position_, {part}));
    position_ += part.size();
    return Status::OK();
  }
  using arrow::io::OutputStream::Write;

 private:
  const std::unique_ptr<store::File> file_;
  uint64_t position_ = 0;
  bool closed_ = false;
};

/// Divides a file's rows into batches.
void AddBatches(const arrow::RecordBatch& rows, std::vector<uint32_t>* batches) {
  const int64_t bytes = std::max<int64_t>(1, arrow::util::TotalBufferSize(rows));
  const int64_t parts = std::clamp<int64_t>(bytes / kBatchBytes, 1, rows.num_rows());
  const int64_t each = (rows.num_rows() + parts - 1) / parts;
  for (int64_t at = 0; at < rows.num_rows(); at += each) {
    batches->push_back(static_cast<uint32_t>(std::min(each, rows.num_rows() - at)));
  }
}

/// The folder of a path.
std::string FolderOf(const std::string& path) {
  return path.substr(0, path.find_last_of('/'));
}

/// The cells of the first line of delimited text; nothing where it is longer than anybody's names.
std::vector<std::string> FirstLine(arrow::io::InputStream* stream, char delimiter) {
  constexpr int64_t kLineBytesMax = 64 << 10;
  std::vector<std::string> cells(1);
  const auto front = stream->Read(kLineBytesMax);
  if (!front.ok()) return {};
  const std::string_view text(reinterpret_cast<const char*>((*front)->data()),
                              static_cast<size_t>((*front)->size()));
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == delimiter) {
      cells.emplace_back();
    } else if (!quoted && (c == '\n' || c == '\r')) {
      return cells;
    } else {
      cells.back() += c;
    }
  }
  return text.size() < static_cast<size_t>(kLineBytesMax) ? cells : std::vector<std::string>();
}

/// Does delimited text begin with the names of its columns? Writers of such files differ.
Result<bool> HasNames(const FileInfo& file,
                      const std::shared_ptr<arrow::io::RandomAccessFile>& input, int packings) {
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, input->GetSize());
  ARROW_ASSIGN_OR_RAISE(const auto codec, arrow::util::Codec::Create(arrow::Compression::GZIP));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::io::InputStream> stream,
                        arrow::io::RandomAccessFile::GetStream(input, 0, bytes));
  for (int i = 0; i < packings; ++i) {
    ARROW_ASSIGN_OR_RAISE(stream, arrow::io::CompressedInputStream::Make(codec.get(), stream));
  }
  const char delimiter = file.format == "csv" ? ',' : file.format == "tsv" ? '\t' : '|';
  return FirstLine(stream.get(), delimiter) == file.columns;
}

Result<std::unique_ptr<format::FileReader>> OpenFormat(
    const FileInfo& file, const std::shared_ptr<arrow::io::RandomAccessFile>& input,
    format::ReadOptions options) {
  ARROW_ASSIGN_OR_RAISE(options.format, FormatOf(file.format));
  options.batch_rows = kBatchRows;
  options.header = false;
  options.null_values = {""};
  int packings = 0;
  if (IsText(file.format)) {
    ARROW_ASSIGN_OR_RAISE(packings, CountPackings(input));
  }
  if (IsDelimited(file.format) && !file.columns.empty()) {
    ARROW_ASSIGN_OR_RAISE(options.header, HasNames(file, input, packings));
  }
  return format::OpenInput(input, ReaderName(file, packings), options);
}

/// A scalar of a time column as ns; nothing beyond what those can say.
std::optional<int64_t> NsOf(const arrow::Scalar& scalar) {
  int64_t unit_ns = 1;
  int64_t value = 0;
  if (scalar.type->id() == arrow::Type::TIMESTAMP) {
    static constexpr int64_t kNs[] = {1'000'000'000, 1'000'000, 1'000, 1};
    const auto& type = static_cast<const arrow::TimestampType&>(*scalar.type);
    unit_ns = kNs[static_cast<int>(type.unit())];
    value = static_cast<const arrow::TimestampScalar&>(scalar).value;
  } else if (scalar.type->id() == arrow::Type::INT64) {
    value = static_cast<const arrow::Int64Scalar&>(scalar).value;
  } else {
    return std::nullopt;
  }
  int64_t ns = 0;
  if (__builtin_mul_overflow(value, unit_ns, &ns)) return std::nullopt;
  return ns;
}

/// Take a Parquet file by what its footer says: its rows are not read. False where that is too
/// little: a column of another type, one that must not be null and may be, a time column whose ends
/// are not told.
Result<bool> TakeByFooter(const format::ParquetFooter& footer, const arrow::Schema& schema,
                          const std::string& time_column, TakenFile* taken) {
  for (const auto& field : schema.fields()) {
    const int at = footer.schema->GetFieldIndex(field->name());
    if (at >= 0 && !footer.schema->field(at)->type()->Equals(*field->type())) return false;
    if (field->nullable()) continue;
    if (at < 0) return false;
    for (const auto& group : footer.groups) {
      if (group.columns[static_cast<size_t>(at)].nulls != 0) return false;
    }
  }
  const int time_at = time_column.empty() ? -1 : footer.schema->GetFieldIndex(time_column);
  ColumnStatistics statistics;
  for (const auto& group : footer.groups) {
    if (group.rows == 0) continue;
    if (time_at >= 0) {
      const auto& times = group.columns[static_cast<size_t>(time_at)];
      const auto least = times.least == nullptr ? std::nullopt : NsOf(*times.least);
      const auto greatest = times.greatest == nullptr ? std::nullopt : NsOf(*times.greatest);
      if (!least.has_value() || !greatest.has_value()) return false;
      taken->record_time_min_ns = std::min(taken->record_time_min_ns, *least);
      taken->record_time_max_ns = std::max(taken->record_time_max_ns, *greatest);
    }
    for (int i = 0; i < footer.schema->num_fields(); ++i) {
      const auto& column = group.columns[static_cast<size_t>(i)];
      const auto& field = *footer.schema->field(i);
      if (!column.nulls.has_value() && field.type()->num_fields() == 0) return false;
      statistics.AddSummary(field.name(), *field.type(), group.rows, column.nulls.value_or(0),
                            column.least.get(), column.greatest.get());
    }
    const int64_t parts = std::clamp<int64_t>(
        std::max(group.bytes / kBatchBytes, (group.rows + kBatchRows - 1) / kBatchRows), 1,
        group.rows);
    const int64_t each = (group.rows + parts - 1) / parts;
    for (int64_t at = 0; at < group.rows; at += each) {
      taken->batches.push_back(static_cast<uint32_t>(std::min(each, group.rows - at)));
    }
  }
  taken->info.rows = footer.rows;
  taken->info.columns = footer.schema->field_names();
  taken->info.statistics = statistics.ToJson();
  return true;
}

/// Every column that must hold values does so in these rows.
Status CheckNulls(const arrow::Schema& schema, const arrow::RecordBatch& rows) {
  for (const auto& field : schema.fields()) {
    if (field->nullable()) continue;
    const auto column = rows.GetColumnByName(field->name());
    if (column != nullptr && column->null_count() == 0) continue;
    return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                 "the column '" + field->name().substr(0, 64) +
                     (column == nullptr ? "', which must not be null, is not in the file"
                                        : "' has nulls, which its schema forbids"));
  }
  return Status::OK();
}

Status TooManyRows() {
  return Error(Code::kInvalidArgument, Reason::kOverBudget,
               "a file may have " + std::to_string(UINT32_MAX) + " rows at most");
}

}  // namespace

Status FileStore::Open() {
  opened_ns_ = clock_->NowNs();
  ARROW_RETURN_NOT_OK(store::MakeFolderDurably(files_, kOwnFolder));
  return RemoveStrays();
}

Status FileStore::SyncSource(const FileSource& source, FileBytes* bytes) {
  ARROW_RETURN_NOT_OK(bytes->Sync());
  if (!source.where.root.empty()) return Status::OK();
  // Its own name, and those of the folders that it lies in.
  std::string at = source.where.path;
  std::string name;  // in the folder of all uploads
  while (at.find('/') != std::string::npos) {
    name = at.substr(at.rfind('/') + 1);
    at = FolderOf(at);
    if (at != kFolder) ARROW_RETURN_NOT_OK(files_->SyncFolder(at));
  }
  uint64_t covered = 0;
  {
    std::lock_guard lock(mutex_);
    const auto made = uploads_made_.find(name);
    // Somebody else's sync may have come after it.
    if (made != uploads_made_.end() && made->second <= uploads_synced_) return Status::OK();
    covered = uploads_count_;
  }
  ARROW_RETURN_NOT_OK(files_->SyncFolder(at));
  std::lock_guard lock(mutex_);
  uploads_synced_ = std::max(uploads_synced_, covered);
  return Status::OK();
}

Result<FileId> FileStore::NewId() {
  std::lock_guard lock(mutex_);
  if (next_id_ == ids_end_) {
    ARROW_ASSIGN_OR_RAISE(next_id_, catalog_->TakeIds("file", kIdsTaken));
    ids_end_ = next_id_ + kIdsTaken;
  }
  return FileId(next_id_++);
}

Result<std::unique_ptr<format::FileReader>> FileStore::OpenReader(const FileInfo& file,
                                                                  format::ReadOptions options) {
  Status last = Error(Code::kNotFound, Reason::kFileMissing,
                      "file " + std::to_string(file.id.value) + " lies nowhere");
  for (const FileLocation& where : file.locations) {
    auto bytes = OpenBytes(files_, where);
    last = bytes.status();
    if (last.ok()) {
      return OpenFormat(file, VerifiedInput(std::move(*bytes), file), std::move(options));
    }
  }
  return last;
}

Result<std::shared_ptr<arrow::Schema>> FileStore::SchemaOf(const FileSource& source) {
  const FileInfo file{.format = source.format,
                      .encoding = source.encoding,
                      .columns = source.columns,
                      .locations = {source.where}};
  ARROW_ASSIGN_OR_RAISE(auto bytes, OpenBytes(files_, source.where, /*no_links=*/true));
  ARROW_ASSIGN_OR_RAISE(const auto reader, OpenFormat(file, PlainInput(std::move(bytes)), {}));
  return reader->schema();
}

Result<TakenFile> FileStore::Take(const FileSource& source,
                                  const std::shared_ptr<arrow::Schema>& schema,
                                  const std::string& time_column) {
  TakenFile taken;
  FileInfo& file = taken.info;
  file.format = source.format;
  file.encoding = source.encoding;
  file.columns = source.columns;
  file.locations = {source.where};
  file.made_ns = clock_->NowNs();
  ARROW_ASSIGN_OR_RAISE(const auto bytes, OpenBytes(files_, source.where, /*no_links=*/true));
  ARROW_RETURN_NOT_OK(HashBytes(*bytes, &file));
  if (file.format == "parquet" && file.bytes >= kFooterTrustedBytes) {
    // These very bytes were hashed just now.
    ARROW_ASSIGN_OR_RAISE(const auto footer, format::ReadParquetFooter(PlainInput(bytes)));
    for (const auto& field : footer.schema->fields()) {
      if (schema->GetFieldByName(field->name()) != nullptr) continue;
      return Error(Code::kInvalidArgument, Reason::kColumnNotFound,
                   "the table has no column '" + field->name().substr(0, 64) + "'");
    }
    TakenFile whole = taken;
    ARROW_ASSIGN_OR_RAISE(const bool enough, TakeByFooter(footer, *schema, time_column, &whole));
    if (enough) {
      if (whole.info.rows > UINT32_MAX) return TooManyRows();
      ARROW_RETURN_NOT_OK(SyncSource(source, bytes.get()));
      ARROW_ASSIGN_OR_RAISE(whole.info.id, NewId());
      return whole;
    }
  }
  format::ReadOptions options;
  std::unique_ptr<format::FileReader> reader;
  if (!IsText(file.format)) {
    // What the file itself says its columns are decides whether it can stand for the rows.
    ARROW_ASSIGN_OR_RAISE(reader, OpenFormat(file, VerifiedInput(bytes, file), {}));
    file.columns = reader->schema()->field_names();
    for (const auto& field : reader->schema()->fields()) {
      const auto column = schema->GetFieldByName(field->name());
      if (column == nullptr) {
        return Error(Code::kInvalidArgument, Reason::kColumnNotFound,
                     "the table has no column '" + field->name().substr(0, 64) + "'");
      }
      taken.exact = taken.exact && column->type()->Equals(*field->type());
    }
    std::vector<std::shared_ptr<arrow::Field>> fields;
    for (const auto& field : schema->fields()) fields.push_back(field->RemoveMetadata());
    options.schema = arrow::schema(std::move(fields));
  } else {
    if (file.columns.empty()) file.columns = schema->field_names();
    options.schema = SchemaInFile(file, *schema);
  }
  EditionInfo times_of;
  times_of.spec.time_column = time_column;
  ColumnStatistics statistics;
  if (file.bytes > 0 || !IsText(file.format)) {
    if (reader == nullptr || !taken.exact) {
      ARROW_ASSIGN_OR_RAISE(reader, OpenReader(file, options));
    }
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const auto rows, reader->Next());
      if (rows == nullptr) break;
      if (rows->num_rows() == 0) continue;
      ARROW_RETURN_NOT_OK(CheckNulls(*schema, *rows));
      file.rows += rows->num_rows();
      AddBatches(*rows, &taken.batches);
      ARROW_RETURN_NOT_OK(statistics.Add(*rows));
      ARROW_ASSIGN_OR_RAISE(const TimeRange range, RecordTimes(times_of, *rows));
      taken.record_time_min_ns = std::min(taken.record_time_min_ns, range.min_ns);
      taken.record_time_max_ns = std::max(taken.record_time_max_ns, range.max_ns);
    }
  }
  if (file.rows > UINT32_MAX) return TooManyRows();
  file.statistics = statistics.ToJson();
  ARROW_RETURN_NOT_OK(SyncSource(source, bytes.get()));
  ARROW_ASSIGN_OR_RAISE(file.id, NewId());
  return taken;
}

Result<FileInfo> FileStore::Get(FileId id) {
  {
    std::lock_guard lock(mutex_);
    const auto found = known_.find(id);
    if (found != known_.end()) return found->second;
  }
  ARROW_ASSIGN_OR_RAISE(const auto text, catalog_->GetValue(catalog::FileValueName(id)));
  if (!text.has_value()) {
    return Error(Code::kDataLoss, Reason::kFileMissing,
                 "file " + std::to_string(id.value) + " is not registered");
  }
  ARROW_ASSIGN_OR_RAISE(FileInfo file, catalog::DecodeFile(*text));
  std::lock_guard lock(mutex_);
  if (known_.size() >= kRecordsKept) known_.clear();
  return known_.insert_or_assign(id, std::move(file)).first->second;
}

catalog::ValueChange FileStore::Enter(const FileInfo& file) {
  return {.name = catalog::FileValueName(file.id), .value = catalog::EncodeFile(file)};
}

Result<std::unique_ptr<FileRowReader>> FileStore::Read(
    const FileInfo& file, const std::shared_ptr<arrow::Schema>& written,
    const std::vector<int>& columns, const std::vector<uint32_t>& batches, size_t first) {
  std::vector<std::shared_ptr<arrow::Field>> wanted;
  format::ReadOptions options;
  options.schema = SchemaInFile(file, *written);
  for (const int column : columns) {
    wanted.push_back(written->field(column));
    if (options.schema->GetFieldIndex(wanted.back()->name()) >= 0) {
      options.columns.push_back(wanted.back()->name());
    }
  }
  if (options.columns.empty() && options.schema->num_fields() > 0) {
    options.columns.push_back(options.schema->field(0)->name());  // only its length matters
  }
  ARROW_ASSIGN_OR_RAISE(auto reader, OpenReader(file, options));
  return std::make_unique<CutRows>(file, std::move(reader), arrow::schema(std::move(wanted)),
                                   batches, first);
}

Result<std::shared_ptr<arrow::RecordBatch>> FileStore::ReadBatch(
    const FileEntry& entry, SchemaId schema_id, const std::shared_ptr<arrow::Schema>& written,
    size_t number) {
  Cursor cursor{.file = entry.file, .schema = schema_id, .next = number};
  {
    std::lock_guard lock(mutex_);
    const auto found = std::find_if(cursors_.begin(), cursors_.end(), [&](const Cursor& open) {
      return open.file == cursor.file && open.schema == schema_id && open.next == number;
    });
    if (found != cursors_.end()) {
      cursor = std::move(*found);
      cursors_.erase(found);
    }
  }
  if (cursor.rows == nullptr) {
    ARROW_ASSIGN_OR_RAISE(const FileInfo file, Get(entry.file));
    std::vector<int> all;
    for (int i = 0; i < written->num_fields(); ++i) all.push_back(i);
    ARROW_ASSIGN_OR_RAISE(cursor.rows, Read(file, written, all, entry.batches, number));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, cursor.rows->Next());
  if (batch == nullptr) {
    return Error(Code::kInternal, Reason::kNone, "a file entry has no such batch");
  }
  if (++cursor.next < entry.batches.size()) {
    std::lock_guard lock(mutex_);
    if (cursors_.size() == kCursorsKept) cursors_.erase(cursors_.begin());
    cursors_.push_back(std::move(cursor));
  }
  return batch;
}

Result<FileInfo> FileStore::Write(arrow::RecordBatchReader* rows) {
  FileInfo file{.format = "parquet", .made_ns = clock_->NowNs()};
  ARROW_ASSIGN_OR_RAISE(file.id, NewId());
  std::array<char, 40> name{};
  static_cast<void>(std::snprintf(name.data(), name.size(), "%016" PRIx64 ".parquet",
                                  static_cast<uint64_t>(file.id.value)));
  file.locations = {{.path = std::string(kOwnFolder) + "/" + name.data()}};
  file.columns = rows->schema()->field_names();
  const auto write = [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(auto made, files_->Create(file.locations.front().path));
    const auto sink = std::make_shared<StoreSink>(std::move(made));
    ARROW_ASSIGN_OR_RAISE(const auto writer,
                          format::MakeWriter(format::FileFormat::kParquet, sink, rows->schema()));
    ColumnStatistics statistics;
    while (true) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(rows->ReadNext(&batch));
      if (batch == nullptr) break;
      file.rows += batch->num_rows();
      ARROW_RETURN_NOT_OK(statistics.Add(*batch));
      ARROW_RETURN_NOT_OK(writer->Write(*batch));
    }
    file.statistics = statistics.ToJson();
    ARROW_RETURN_NOT_OK(writer->Close());
    ARROW_RETURN_NOT_OK(sink->Close());
    ARROW_ASSIGN_OR_RAISE(const auto bytes, OpenBytes(files_, file.locations.front()));
    ARROW_RETURN_NOT_OK(HashBytes(*bytes, &file));
    return files_->SyncFolder(kOwnFolder);
  };
  if (const Status written = write(); !written.ok()) {
    static_cast<void>(files_->Remove(file.locations.front().path));
    return written;
  }
  return file;
}

}  // namespace firth::table
