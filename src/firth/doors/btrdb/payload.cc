#include "firth/doors/btrdb/payload.h"

#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/memory_pool.h>

#include <utility>

#include "firth/common/text.h"
#include "firth/log/ipc_message.h"

namespace firth::doors::btrdb {
namespace {

Status Wrong(std::string what) {
  return Error(Code::kInvalidArgument, Reason::kNone, std::move(what));
}

/// Two columns of eight bytes, their validity, and as much again.
constexpr int64_t kUnpackedPointBytesMax = 36;

Status TooLarge(int64_t points_max) {
  return Error(Code::kInvalidArgument, Reason::kBatchTooLarge,
               "an insert has at most " + std::to_string(points_max) + " points");
}

template <typename T>
std::shared_ptr<arrow::Array> Wrap(const std::shared_ptr<arrow::DataType>& type,
                                   const std::vector<T>& values) {
  static_assert(sizeof(T) == 8);
  const auto count = static_cast<int64_t>(values.size());
  auto buffer =
      std::make_shared<arrow::Buffer>(reinterpret_cast<const uint8_t*>(values.data()), count * 8);
  return arrow::MakeArray(arrow::ArrayData::Make(type, count, {nullptr, std::move(buffer)}, 0));
}

Result<std::string> EncodeStream(const arrow::RecordBatch& rows) {
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, rows.schema()));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(rows));
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, sink->Finish());
  return buffer->ToString();
}

/// Columns under `schema`, each cast where its type is another.
Result<std::string> EncodeAs(arrow::ArrayVector columns,
                             const std::shared_ptr<arrow::Schema>& schema) {
  const int64_t rows = columns[0]->length();
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto& type = schema->field(static_cast<int>(i))->type();
    if (columns[i]->type()->Equals(*type)) continue;
    auto cast = arrow::compute::Cast(columns[i], type, arrow::compute::CastOptions::Unsafe());
    if (!cast.ok()) {
      return Wrong("column " + std::to_string(i) + " cannot be given as " + type->ToString() +
                   ": " + cast.status().message());
    }
    columns[i] = cast->make_array();
  }
  return EncodeStream(*arrow::RecordBatch::Make(schema, rows, std::move(columns)));
}

/// The column that stores times: as nanoseconds since the epoch, in whichever way it says so.
bool IsTimes(const arrow::DataType& type) {
  return type.id() == arrow::Type::INT64 ||
         (type.id() == arrow::Type::TIMESTAMP &&
          static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::NANO);
}

/// Bytes that a string holds.
class StringBuffer : public arrow::MutableBuffer {
 public:
  explicit StringBuffer(std::string bytes) : MutableBuffer(nullptr, 0), bytes_(std::move(bytes)) {
    data_ = reinterpret_cast<const uint8_t*>(bytes_.data());
    size_ = capacity_ = static_cast<int64_t>(bytes_.size());
  }

 private:
  std::string bytes_;
};

constexpr uint32_t kContinuation = 0xffffffff;
/// What precedes the metadata of a message: that, and their length.
constexpr size_t kMessagePrefixBytes = 8;
/// Of a longer schema nothing is expected.
constexpr size_t kPlainSchemaBytesMax = 4096;

/// The message without a body at the begin of some bytes; empty: there is none.
Bytes MessageAt(Bytes bytes) {
  if (bytes.size() < kMessagePrefixBytes || LoadLe<uint32_t>(bytes.data()) != kContinuation) {
    return {};
  }
  const size_t length = LoadLe<uint32_t>(bytes.data() + sizeof(uint32_t));
  if (length > bytes.size() - kMessagePrefixBytes) return {};
  return bytes.first(kMessagePrefixBytes + length);
}

/// `pool` must outlive what is read.
Result<std::shared_ptr<arrow::RecordBatchReader>> OpenStream(
    const std::shared_ptr<arrow::Buffer>& bytes,
    arrow::MemoryPool* pool = arrow::default_memory_pool()) {
  auto input = std::make_shared<arrow::io::BufferReader>(bytes);
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  options.memory_pool = pool;
  // A client may put numbers to any place of its message; they are read as numbers.
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(input, options);
  if (!reader.ok()) return Wrong("not an Arrow IPC stream: " + reader.status().message());
  return std::shared_ptr<arrow::RecordBatchReader>(*reader);
}

}  // namespace

const std::shared_ptr<arrow::Schema>& ValueSchema() {
  static const auto schema =
      arrow::schema({arrow::field("time", arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), false),
                     arrow::field("value", arrow::float64(), false)});
  return schema;
}

const std::shared_ptr<arrow::Schema>& WindowSchema() {
  static const auto schema = arrow::schema(
      {arrow::field("time", arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), false),
       arrow::field("min", arrow::float64(), false), arrow::field("mean", arrow::float64(), false),
       arrow::field("max", arrow::float64(), false), arrow::field("count", arrow::uint64(), false),
       arrow::field("stddev", arrow::float64(), false)});
  return schema;
}

std::shared_ptr<arrow::Schema> JoinedSchema(const std::vector<table::SeriesId>& streams) {
  arrow::FieldVector fields = {ValueSchema()->field(0)};
  for (const auto& stream : streams) {
    fields.push_back(arrow::field(UuidToText(stream.view()), arrow::float64(), false));
  }
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<arrow::Schema>> ParseTemplate(const std::string& bytes,
                                                     const std::shared_ptr<arrow::Schema>& plain) {
  if (bytes.empty()) return plain;
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        OpenStream(std::make_shared<arrow::Buffer>(std::string_view(bytes))));
  const auto schema = reader->schema()->RemoveMetadata();
  if (schema->num_fields() != plain->num_fields()) {
    return Wrong("the template has " + std::to_string(schema->num_fields()) +
                 " columns; the answer has " + std::to_string(plain->num_fields()));
  }
  // Found out before anything is sent whether there is such a cast.
  JoinedBatch nothing;
  nothing.columns.resize(static_cast<size_t>(plain->num_fields() - 1));
  ARROW_RETURN_NOT_OK(EncodeJoined(nothing, schema).status());
  return schema;
}

Result<std::string> EncodePoints(const timeview::PointBatch& points,
                                 const std::shared_ptr<arrow::Schema>& schema) {
  return EncodeAs(
      {Wrap(ValueSchema()->field(0)->type(), points.times), Wrap(arrow::float64(), points.values)},
      schema);
}

Result<std::string> EncodeJoined(const JoinedBatch& rows,
                                 const std::shared_ptr<arrow::Schema>& schema) {
  arrow::ArrayVector columns = {Wrap(ValueSchema()->field(0)->type(), rows.times)};
  for (const auto& column : rows.columns) columns.push_back(Wrap(arrow::float64(), column));
  return EncodeAs(std::move(columns), schema);
}

Result<std::string> EncodeWindows(const timeview::WindowBatch& windows) {
  const auto& schema = WindowSchema();
  return EncodeStream(*arrow::RecordBatch::Make(
      schema, static_cast<int64_t>(windows.size()),
      {Wrap(schema->field(0)->type(), windows.starts), Wrap(arrow::float64(), windows.min),
       Wrap(arrow::float64(), windows.mean), Wrap(arrow::float64(), windows.max),
       Wrap(arrow::uint64(), windows.count), Wrap(arrow::float64(), windows.stddev)}));
}

struct ArrivedPoints::Memory {
  explicit Memory(int64_t bytes_max) : pool(&counted, bytes_max) {}

  arrow::ProxyMemoryPool counted{arrow::default_memory_pool()};
  arrow::CappedMemoryPool pool;
};

std::span<double> ArrivedPoints::OwnValues() {
  if (own_.values.data() != values_.data()) own_.values.assign(values_.begin(), values_.end());
  values_ = own_.values;
  return own_.values;
}

std::shared_ptr<arrow::Buffer> BufferOf(std::string bytes) {
  return std::make_shared<StringBuffer>(std::move(bytes));
}

bool PointDecoder::IsPlainSchema(Bytes message) {
  const std::string_view text(reinterpret_cast<const char*>(message.data()), message.size());
  {
    std::lock_guard lock(mutex_);
    if (text == plain_schema_) return true;
  }
  const auto reader = OpenStream(std::make_shared<arrow::Buffer>(text));
  if (!reader.ok()) return false;
  const arrow::Schema& schema = *(*reader)->schema();
  if (schema.num_fields() != 2 || !schema.is_native_endian() ||
      !IsTimes(*schema.field(0)->type()) || schema.field(1)->type()->id() != arrow::Type::DOUBLE) {
    return false;
  }
  std::lock_guard lock(mutex_);
  plain_schema_ = text;
  return true;
}

bool PointDecoder::FindPlain(int64_t points_max, ArrivedPoints* arrived) {
  const Bytes all(reinterpret_cast<const std::byte*>(arrived->bytes_->data()),
                  static_cast<size_t>(arrived->bytes_->size()));
  const Bytes schema = MessageAt(all);
  if (static_cast<int64_t>(schema.size()) < table::PointMessage::kRoomBefore ||
      schema.size() > kPlainSchemaBytesMax) {
    return false;
  }
  const auto found = log::FindIpcNumbers(all.subspan(schema.size()), 2);
  if (!found || found->rows > points_max || !IsPlainSchema(schema)) return false;
  const size_t end = schema.size() + found->message_bytes;
  // Behind it is the end of the stream, a message of nothing, or not even that.
  const Bytes rest = all.subspan(end);
  if (MessageAt(rest).size() != rest.size() || rest.size() > kMessagePrefixBytes) return false;
  const auto points = static_cast<size_t>(found->rows);
  arrived->times_ = {reinterpret_cast<const int64_t*>(found->columns[0]), points};
  arrived->values_ = {reinterpret_cast<const double*>(found->columns[1]), points};
  arrived->message_ = {.memory = arrived->bytes_,
                       .begin = static_cast<int64_t>(schema.size()),
                       .end = static_cast<int64_t>(end)};
  return true;
}

Result<ArrivedPoints> PointDecoder::Decode(std::shared_ptr<arrow::Buffer> bytes,
                                           int64_t points_max) {
  ArrivedPoints arrived;
  arrived.bytes_ = std::move(bytes);
  if (FindPlain(points_max, &arrived)) return arrived;
  // A few compressed bytes may stand for very many points: those of one batch are unpacked at once.
  arrived.memory_ = std::make_shared<ArrivedPoints::Memory>(points_max * kUnpackedPointBytesMax);
  ARROW_ASSIGN_OR_RAISE(const auto reader, OpenStream(arrived.bytes_, &arrived.memory_->pool));
  const auto& schema = *reader->schema();
  if (schema.num_fields() != 2) {
    return Wrong("an insert has 2 columns, not " + std::to_string(schema.num_fields()));
  }
  const auto& time = *schema.field(0)->type();
  if (!IsTimes(time)) {
    return Wrong("the time column must be timestamp[ns] or int64, not " + time.ToString());
  }
  const auto value = schema.field(1)->type()->id();
  if (value != arrow::Type::DOUBLE && value != arrow::Type::FLOAT) {
    return Wrong("the value column must be float64 or float32");
  }
  timeview::PointBatch& points = arrived.own_;
  const auto take = [&](const arrow::RecordBatch& rows) {
    const auto* times = rows.column_data(0)->GetValues<int64_t>(1);
    points.times.insert(points.times.end(), times, times + rows.num_rows());
    if (value == arrow::Type::DOUBLE) {
      const auto* values = rows.column_data(1)->GetValues<double>(1);
      points.values.insert(points.values.end(), values, values + rows.num_rows());
    } else {
      const auto* values = rows.column_data(1)->GetValues<float>(1);
      points.values.insert(points.values.end(), values, values + rows.num_rows());
    }
  };
  int64_t count = 0;
  while (true) {
    auto next = reader->Next();
    if (next.status().IsOutOfMemory()) return TooLarge(points_max);
    if (!next.ok()) return Wrong("the Arrow stream is damaged: " + next.status().message());
    if (*next == nullptr) break;
    const auto& rows = **next;
    if (const Status valid = rows.ValidateFull(); !valid.ok()) {
      return Wrong("the Arrow stream is damaged: " + valid.message());
    }
    if (rows.column(0)->null_count() > 0 || rows.column(1)->null_count() > 0) {
      return Error(Code::kInvalidArgument, Reason::kBadValue, "a point is null");
    }
    if (count + rows.num_rows() > points_max) return TooLarge(points_max);
    if (count == 0 && value == arrow::Type::DOUBLE) {
      arrived.rows_ = *next;
    } else {
      if (arrived.rows_ != nullptr) take(*std::exchange(arrived.rows_, nullptr));
      take(rows);
    }
    count += rows.num_rows();
  }
  if (arrived.rows_ != nullptr) {
    const auto points_here = static_cast<size_t>(count);
    arrived.times_ = {arrived.rows_->column_data(0)->GetValues<int64_t>(1), points_here};
    arrived.values_ = {arrived.rows_->column_data(1)->GetValues<double>(1), points_here};
  } else {
    arrived.times_ = points.times;
    arrived.values_ = points.values;
  }
  return arrived;
}

}  // namespace firth::doors::btrdb
