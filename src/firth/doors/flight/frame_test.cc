// Goal: frames are FlightData messages, byte for byte, and hostile bytes are refused.
// Method: what we write is read by generated code and by us; every prefix of a message is read.
#include "firth/doors/flight/frame.h"

#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "firth/doors/flight/row_frames.h"
#include "flight.pb.h"

namespace firth::doors::flight {
namespace {

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const auto& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

grpc::ByteBuffer BufferOf(const std::string& bytes, size_t slice_bytes) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += slice_bytes) {
    slices.emplace_back(bytes.substr(at, slice_bytes));
  }
  return {slices.data(), slices.size()};
}

std::shared_ptr<arrow::RecordBatch> Rows(int64_t count) {
  std::string numbers;
  for (int64_t i = 0; i < count; ++i) numbers += (i == 0 ? "" : ",") + std::to_string(i);
  auto column = arrow::json::ArrayFromJSONString(arrow::int64(), "[" + numbers + "]").ValueOrDie();
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}), count,
                                  {std::move(column)});
}

Frame Sample() {
  Frame frame = RowFrames(Rows(3)).ValueOrDie().at(0);
  frame.descriptor = "descriptor";
  frame.app_metadata = "note";
  return frame;
}

TEST(Frame, IsAFlightDataMessage) {
  grpc::ByteBuffer buffer;
  ASSERT_TRUE(SerializeFrame(Sample(), &buffer).ok());
  arrow::flight::protocol::FlightData message;
  // The descriptor here is no message of its own; generated code is to see the other fields.
  Frame plain = Sample();
  plain.descriptor.clear();
  ASSERT_TRUE(SerializeFrame(plain, &buffer).ok());
  ASSERT_TRUE(message.ParseFromString(BytesOf(buffer)));
  EXPECT_EQ(message.app_metadata(), "note");
  EXPECT_EQ(message.data_header(), std::string_view(*plain.header));
  EXPECT_EQ(message.data_body().size(), 24u);
}

TEST(Frame, ReadsWhatItWrites) {
  grpc::ByteBuffer buffer;
  ASSERT_TRUE(SerializeFrame(Sample(), &buffer).ok());
  const std::string bytes = BytesOf(buffer);
  for (const size_t slice_bytes : {1, 7, 1000}) {
    grpc::ByteBuffer input = BufferOf(bytes, slice_bytes);
    Frame frame;
    ASSERT_TRUE(DeserializeFrame(&input, &frame).ok());
    EXPECT_EQ(frame.descriptor, "descriptor");
    EXPECT_EQ(frame.app_metadata, "note");
    EXPECT_TRUE(frame.header->Equals(*Sample().header));
    ASSERT_EQ(frame.body.size(), 1u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(frame.body[0]->data()) % 64, 0u);
  }
}

TEST(Frame, SurvivesEveryPrefixAndFlippedByte) {
  grpc::ByteBuffer buffer;
  ASSERT_TRUE(SerializeFrame(Sample(), &buffer).ok());
  const std::string bytes = BytesOf(buffer);
  for (size_t size = 0; size < bytes.size(); ++size) {
    grpc::ByteBuffer input = BufferOf(bytes.substr(0, size), 1000);
    Frame frame;
    DeserializeFrame(&input, &frame);  // an error or a shorter frame, but an end
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string wrong = bytes;
    wrong[at] = static_cast<char>(wrong[at] ^ 0xff);
    grpc::ByteBuffer input = BufferOf(wrong, 1000);
    Frame frame;
    DeserializeFrame(&input, &frame);
  }
}

TEST(Frame, RefusesALengthBeyondTheMessage) {
  std::string bytes;
  bytes += '\x12';  // data_header
  bytes += "\xff\xff\xff\x7f";
  grpc::ByteBuffer input = BufferOf(bytes, 1000);
  Frame frame;
  EXPECT_EQ(DeserializeFrame(&input, &frame).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(RowFrames, ComeBackAsRows) {
  const auto rows = Rows(1000);
  std::vector<Frame> frames;
  frames.push_back(SchemaFrame(*rows->schema()).ValueOrDie());
  for (const int64_t at : {0, 500}) {
    for (Frame& frame : RowFrames(rows->Slice(at, 500)).ValueOrDie()) {
      frames.push_back(std::move(frame));
    }
  }
  size_t next = 0;
  const auto reader = FrameReader::Open([&](Frame* frame) -> Result<bool> {
    if (next == frames.size()) return false;
    grpc::ByteBuffer buffer;
    EXPECT_TRUE(SerializeFrame(frames[next++], &buffer).ok());
    return DeserializeFrame(&buffer, frame).ok();
  });
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE((*reader)->schema()->Equals(*rows->schema()));
  int64_t at = 0;
  for (;;) {
    const auto batch = (*reader)->Next().ValueOrDie();
    if (batch == nullptr) break;
    EXPECT_TRUE(batch->Equals(*rows->Slice(at, batch->num_rows())));
    at += batch->num_rows();
  }
  EXPECT_EQ(at, 1000);
}

TEST(RowFrames, CutLargeRows) {
  const int64_t count = 3 * kFrameBytesMax / 8;
  const auto values = arrow::AllocateBuffer(count * 8).ValueOrDie();
  const auto column = std::make_shared<arrow::Int64Array>(
      count, std::shared_ptr<arrow::Buffer>(values.get(), [](arrow::Buffer*) {}));
  const auto rows =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}), count, {column});
  EXPECT_EQ(RowFrames(rows).ValueOrDie().size(), 3u);
}

}  // namespace
}  // namespace firth::doors::flight
