#include "btrdb_points.h"

#include <arrow/array.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <cstring>
#include <memory>
#include <random>
#include <utility>

#include "measured.h"

namespace firth::bench {
namespace {

constexpr int kBatches = 16;

std::shared_ptr<arrow::Array> Column(const std::shared_ptr<arrow::DataType>& type,
                                     const void* values, int64_t count) {
  auto buffer = std::make_shared<arrow::Buffer>(static_cast<const uint8_t*>(values), count * 8);
  return arrow::MakeArray(arrow::ArrayData::Make(type, count, {nullptr, std::move(buffer)}, 0));
}

std::shared_ptr<arrow::Field> TimeField() {
  return arrow::field("time", arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), false);
}

std::string Stream(const arrow::RecordBatch& rows) {
  const auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  const auto writer = arrow::ipc::MakeStreamWriter(sink, rows.schema()).ValueOrDie();
  if (!writer->WriteRecordBatch(rows).ok() || !writer->Close().ok()) Fail("no memory for points");
  return sink->Finish().ValueOrDie()->ToString();
}

}  // namespace

PointBatches::PointBatches(int64_t points, uint64_t seed) : points_(points) {
  const auto schema = arrow::schema({TimeField(), arrow::field("value", arrow::float64(), false)});
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  double drift = 0;
  const auto count = static_cast<size_t>(points);
  std::vector<double> values(count);
  // Times by which their place in the stream is found.
  std::vector<int64_t> marks(count, 0x5ca1ab1e0ddba11);
  for (int i = 0; i < kBatches; ++i) {
    for (double& value : values) {
      drift += 0.02 * normal(random) - 0.0001 * drift;
      value = static_cast<float>(7200 + drift + 0.05 * normal(random));
    }
    streams_.push_back(Stream(
        *arrow::RecordBatch::Make(schema, points,
                                  {Column(schema->field(0)->type(), marks.data(), points),
                                   Column(schema->field(1)->type(), values.data(), points)})));
    const std::string_view mark(reinterpret_cast<const char*>(marks.data()), sizeof(int64_t));
    times_at_.push_back(streams_.back().find(mark));
  }
}

void PointBatches::Next(int64_t first, std::string* out) {
  const size_t at = next_++ % streams_.size();
  *out = streams_[at];
  char* to = out->data() + times_at_[at];
  for (int64_t i = first; i < first + points_; ++i, to += sizeof(int64_t)) {
    const int64_t time = PointTime(i);
    std::memcpy(to, &time, sizeof time);
  }
}

std::string WindowsStream(int64_t windows) {
  const auto number = arrow::float64();
  const auto schema = arrow::schema(
      {TimeField(), arrow::field("min", number, false), arrow::field("mean", number, false),
       arrow::field("max", number, false), arrow::field("count", arrow::uint64(), false),
       arrow::field("stddev", number, false)});
  const std::vector<int64_t> zeros(static_cast<size_t>(windows));
  arrow::ArrayVector columns;
  for (const auto& field : schema->fields()) {
    columns.push_back(Column(field->type(), zeros.data(), windows));
  }
  return Stream(*arrow::RecordBatch::Make(schema, windows, std::move(columns)));
}

}  // namespace firth::bench
