// Goal: a batch is what the format says, to the byte; hostile bytes are refused; projection keeps
// what it keeps untouched. Method: golden batches of the protocol, round trips, and mutations.
#include "firth/log/batch.h"

#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>

#include <bit>
#include <cstring>

#include "firth/common/checksum.h"
#include "firth/common/random.h"
#include "firth/common/text.h"
#include "firth/log/batch_column.h"
#include "firth/log/ipc_message.h"
#include "firth/log/log_testing.h"

namespace firth::log {
namespace {

// A changelog batch as the protocol's contract gives it, up to the Arrow message's first bytes.
constexpr char kGoldenHeader[] =
    "0000000000000000410100000"
    "0f841fffba101000015334539010000040000005200000000000000000000000500000001020301"
    "04ffffffffc800000014000000";

TEST(BatchTest, HeaderFieldsStandWhereTheFormatSays) {
  const auto batch =
      TestBatch(0, 10, {.schema_id = SchemaId(3), .writer_id = WriterId(80), .sequence = 7});
  const Bytes bytes = BytesOf(batch);
  ASSERT_TRUE(ParseBatch(bytes).ok());
  const BatchHeader header = *ParseBatch(bytes);
  EXPECT_EQ(header.schema_id, SchemaId(3));
  EXPECT_EQ(header.writer_id, WriterId(80));
  EXPECT_EQ(header.sequence, 7);
  EXPECT_EQ(header.rows, 10);
  EXPECT_EQ(header.last_offset_delta, 9);
  EXPECT_TRUE(header.append_only);
  EXPECT_EQ(LoadLe<uint32_t>(bytes.data() + kBatchHeaderBytes), 0xffffffffu);
  EXPECT_EQ(LoadLe<int32_t>(bytes.data() + 8), static_cast<int32_t>(bytes.size() - 12));
  EXPECT_EQ(LoadLe<uint32_t>(bytes.data() + 21), Crc32c(bytes.subspan(25)));
}

TEST(BatchTest, Crc32cIsCastagnoli) {
  EXPECT_EQ(Crc32c(AsBytes("123456789")), 0xe3069283u);
}

TEST(BatchTest, RoundTripsWithEveryCompression) {
  for (const auto compression : {arrow::Compression::ZSTD, arrow::Compression::LZ4_FRAME,
                                 arrow::Compression::UNCOMPRESSED}) {
    const auto rows = TestRows(5, 1000);
    const auto batch = EncodeBatch(*rows, {}, {.compression = compression}).ValueOrDie();
    const auto decoded = DecodeBatch(batch, TestSchema());
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_TRUE((*decoded)->Equals(*rows));
  }
}

/// Rows of two columns of numbers.
std::shared_ptr<arrow::RecordBatch> Numbers(int64_t rows, bool with_null = false) {
  arrow::Int64Builder whole;
  arrow::DoubleBuilder real;
  for (int64_t i = 0; i < rows; ++i) {
    EXPECT_TRUE(whole.Append(i * i).ok());
    EXPECT_TRUE(
        (with_null && i == 1 ? real.AppendNull() : real.Append(0.5 * static_cast<double>(i))).ok());
  }
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::float64())}), rows,
      {whole.Finish().ValueOrDie(), real.Finish().ValueOrDie()});
}

TEST(BatchTest, AMessageBecomesABatchWhereItLies) {
  const EncodeOptions options{.schema_id = SchemaId(3),
                              .compression = arrow::Compression::UNCOMPRESSED};
  for (const int rows : {1, 2, 1000}) {
    const auto batch = EncodeBatch(*Numbers(rows), {}, options).ValueOrDie();
    // Something else lies before and behind it.
    constexpr int64_t kBefore = 16;
    std::string text(kBefore, 'x');
    text += AsText(BytesOf(batch));
    for (size_t i = 0; i < kBatchHeaderBytes; ++i) text[kBefore + i] = 'y';
    text += "behind";
    std::shared_ptr<arrow::Buffer> memory =
        arrow::AllocateBuffer(static_cast<int64_t>(text.size())).ValueOrDie();
    std::memcpy(memory->mutable_data(), text.data(), text.size());
    const MessagePlace place{.memory = memory,
                             .begin = kBefore + static_cast<int64_t>(kBatchHeaderBytes),
                             .end = kBefore + batch->size()};
    EXPECT_TRUE(WrapMessage(place, rows, options)->Equals(*batch));
    EXPECT_EQ(AsText(BytesOf(memory)).substr(0, kBefore), text.substr(0, kBefore));
    EXPECT_TRUE(AsText(BytesOf(memory)).ends_with("behind"));
  }
}

TEST(BatchTest, NumbersAreFoundInTheirMessage) {
  const auto message_of = [](const arrow::RecordBatch& rows, arrow::Compression::type compression) {
    const auto batch = EncodeBatch(rows, {}, {.compression = compression}).ValueOrDie();
    return std::string(AsText(BytesOf(batch).subspan(kBatchHeaderBytes)));
  };
  const std::string message = message_of(*Numbers(1000), arrow::Compression::UNCOMPRESSED);
  // At an address that suits numbers, and with something behind it.
  std::vector<uint64_t> aligned(message.size() / 8 + 2);
  std::memcpy(aligned.data(), message.data(), message.size());
  const Bytes bytes = std::as_bytes(std::span(aligned));
  const auto found = FindIpcNumbers(bytes, 2);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->message_bytes, message.size());
  EXPECT_EQ(found->rows, 1000);
  for (int64_t i = 0; i < found->rows; ++i) {
    ASSERT_EQ(LoadLe<int64_t>(found->columns[0] + 8 * i), i * i);
    ASSERT_EQ(std::bit_cast<double>(LoadLe<uint64_t>(found->columns[1] + 8 * i)),
              0.5 * static_cast<double>(i));
  }
  // What is not just that is not taken for it.
  EXPECT_FALSE(FindIpcNumbers(bytes, 1).has_value());
  EXPECT_FALSE(FindIpcNumbers(bytes, 3).has_value());
  EXPECT_FALSE(FindIpcNumbers(bytes.first(message.size() - 1), 2).has_value());
  std::memcpy(reinterpret_cast<char*>(aligned.data()) + 1, message.data(), message.size());
  EXPECT_FALSE(FindIpcNumbers(bytes.subspan(1), 2).has_value());
  for (const std::string& other :
       {message_of(*Numbers(1000, /*with_null=*/true), arrow::Compression::UNCOMPRESSED),
        message_of(*Numbers(1000), arrow::Compression::ZSTD),
        message_of(*TestRows(5, 1000), arrow::Compression::UNCOMPRESSED)}) {
    ASSERT_LE(other.size(), 8 * aligned.size() + 65536);
    aligned.resize(other.size() / 8 + 1);
    std::memcpy(aligned.data(), other.data(), other.size());
    EXPECT_FALSE(FindIpcNumbers(std::as_bytes(std::span(aligned)), 2).has_value());
  }
}

/// What is taken as it lies must be readable for ever: as a batch of the log it says the same.
void ExpectReadable(const std::string& message, const IpcNumbers& found) {
  std::shared_ptr<arrow::Buffer> memory =
      arrow::AllocateBuffer(static_cast<int64_t>(kBatchHeaderBytes + found.message_bytes))
          .ValueOrDie();
  std::memcpy(memory->mutable_data() + kBatchHeaderBytes, message.data(), found.message_bytes);
  const MessagePlace place{
      .memory = memory, .begin = static_cast<int64_t>(kBatchHeaderBytes), .end = memory->size()};
  const auto rows =
      DecodeBatch(WrapMessage(place, static_cast<int32_t>(found.rows), {}), Numbers(1)->schema());
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ((*rows)->num_rows(), found.rows);
  for (int column = 0; column < 2; ++column) {
    const auto* const read = (*rows)->column_data(column)->GetValues<std::byte>(1, 0);
    ASSERT_EQ(std::memcmp(read, found.columns[static_cast<size_t>(column)],
                          static_cast<size_t>(8 * found.rows)),
              0);
  }
}

TEST(BatchTest, NumbersThatSuitTheMemoryButNotTheMessageAreNotTaken) {
  // All of it lies four bytes off, and so do the numbers within it.
  const auto batch =
      EncodeBatch(*Numbers(40), {}, {.compression = arrow::Compression::UNCOMPRESSED}).ValueOrDie();
  const Bytes whole = BytesOf(batch).subspan(kBatchHeaderBytes);
  for (const int64_t off : {0, 4}) {
    IpcRecordBatch parsed = ParseIpcRecordBatch(whole).ValueOrDie();
    for (IpcBuffer& buffer : parsed.buffers) buffer.offset += off;
    const auto body_bytes = static_cast<int64_t>(parsed.body.size()) + off;
    const std::string message = WriteIpcMetadata(parsed, body_bytes) +
                                std::string(static_cast<size_t>(off), '\0') +
                                std::string(AsText(parsed.body));
    std::vector<uint64_t> aligned(message.size() / 8 + 2);
    auto* const text = reinterpret_cast<char*>(aligned.data()) + off;
    std::memcpy(text, message.data(), message.size());
    const auto found =
        FindIpcNumbers({reinterpret_cast<const std::byte*>(text), message.size()}, 2);
    EXPECT_EQ(found.has_value(), off == 0);
    if (found) ExpectReadable(message, *found);
  }
}

TEST(BatchTest, HostileMessagesHoldTheNumbersThatAreFoundInThem) {
  const auto batch =
      EncodeBatch(*Numbers(40), {}, {.compression = arrow::Compression::UNCOMPRESSED}).ValueOrDie();
  const std::string message(AsText(BytesOf(batch).subspan(kBatchHeaderBytes)));
  SeededRandom random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint64_t> aligned((message.size() + 7) / 8);
    std::memcpy(aligned.data(), message.data(), message.size());
    auto* const text = reinterpret_cast<unsigned char*>(aligned.data());
    for (uint64_t flips = 1 + random.Next64() % 3; flips > 0; --flips) {
      text[random.Next64() % 300 % message.size()] = static_cast<unsigned char>(random.Next64());
    }
    const Bytes bytes(reinterpret_cast<const std::byte*>(text), message.size());
    const auto found = FindIpcNumbers(bytes, 2);
    if (!found) continue;
    ASSERT_LE(found->message_bytes, bytes.size());
    for (const std::byte* column : found->columns) {
      ASSERT_GE(column, bytes.data());
      ASSERT_LE(column + 8 * found->rows, bytes.data() + found->message_bytes);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectReadable(std::string(AsText(bytes)), *found)) << i;
  }
}

TEST(BatchTest, OneColumnIsDecodedByItself) {
  for (const auto compression : {arrow::Compression::ZSTD, arrow::Compression::LZ4_FRAME,
                                 arrow::Compression::UNCOMPRESSED}) {
    const auto rows = TestRows(5, 1000);
    const auto batch = EncodeBatch(*rows, {}, {.compression = compression}).ValueOrDie();
    for (const int column : {0, 1}) {
      const auto decoded = DecodeColumn(batch, TestSchema(), column).ValueOrDie();
      EXPECT_TRUE(decoded->Equals(*rows->SelectColumns({column}).ValueOrDie()));
    }
    // What is wrong in another column is not found, and does not matter.
    std::string bytes(AsText(BytesOf(batch)));
    if (compression == arrow::Compression::ZSTD) bytes[bytes.size() - 40] ^= 0x55;
    const auto damaged = arrow::Buffer::FromString(bytes);
    EXPECT_TRUE(DecodeColumn(damaged, TestSchema(), 0).ok());
    EXPECT_EQ(DecodeBatch(damaged, TestSchema()).ok(), compression != arrow::Compression::ZSTD);
  }
  const auto none = TestBatch(0, 0);
  EXPECT_EQ(DecodeColumn(none, TestSchema(), 1).ValueOrDie()->schema()->field(0)->name(), "b");
}

TEST(BatchTest, ChangesAreKept) {
  const std::vector<Change> changes = {Change::kInsert, Change::kUpdateBefore, Change::kUpdateAfter,
                                       Change::kDelete};
  const auto batch = EncodeBatch(*TestRows(0, 4), changes, {}).ValueOrDie();
  const BatchHeader header = *ParseBatch(BytesOf(batch));
  EXPECT_FALSE(header.append_only);
  ASSERT_EQ(header.changes.size(), 4u);
  EXPECT_EQ(static_cast<uint8_t>(header.changes[3]), 4);
  EXPECT_TRUE(DecodeBatch(batch, TestSchema()).ok());
}

TEST(BatchTest, EmptyBatchTakesOneOffset) {
  const auto batch = EncodeBatch(*TestRows(0, 0), {}, {}).ValueOrDie();
  EXPECT_EQ(batch->size(), static_cast<int64_t>(kBatchHeaderBytes));
  const BatchHeader header = *ParseBatch(BytesOf(batch));
  EXPECT_EQ(header.rows, 0);
  EXPECT_EQ(header.last_offset_delta, 0);
  EXPECT_FALSE(header.append_only);
}

TEST(BatchTest, GoldenHeaderOfAnotherProducerIsRead) {
  std::string bytes = FromHex(kGoldenHeader).ValueOrDie();
  bytes.resize(12 + LoadLe<uint32_t>(bytes.data() + 8));
  const auto header = ParseTrustedBatch(AsBytes(bytes));
  ASSERT_TRUE(header.ok()) << header.status().ToString();
  EXPECT_EQ(header->schema_id, SchemaId(1));
  EXPECT_EQ(header->writer_id, WriterId(0x52));
  EXPECT_EQ(header->sequence, 0);
  EXPECT_EQ(header->rows, 5);
  EXPECT_EQ(header->crc, 0x39453315u);
  EXPECT_EQ(ToHex(AsText(header->changes)), "0102030104");
}

TEST(BatchTest, AnyFlippedBitBehindTheFrontIsRefused) {
  const auto batch = TestBatch(0, 20);
  std::string bytes(AsText(BytesOf(batch)));
  for (size_t i = kBatchPatchedBytes; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    EXPECT_FALSE(ParseBatch(AsBytes(bytes)).ok()) << "byte " << i;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
  }
}

TEST(BatchTest, HostileBytesWithRepairedChecksumNeverCrash) {
  SeededRandom random(42);
  const auto batch =
      EncodeBatch(*TestRows(0, 50), std::vector<Change>(50, Change::kInsert), {}).ValueOrDie();
  int decoded = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(AsText(BytesOf(batch)));
    for (int i = 0; i < 1 + static_cast<int>(random.Next64() % 4); ++i) {
      bytes[kBatchPatchedBytes + random.Next64() % (bytes.size() - kBatchPatchedBytes)] =
          static_cast<char>(random.Next64());
    }
    StoreLe<uint32_t>(bytes.data() + 21, Crc32c(AsBytes(bytes).subspan(25)));
    const auto header = ParseBatch(AsBytes(bytes));
    if (!header.ok()) {
      EXPECT_EQ(ReasonOf(header.status()), Reason::kCorruptBatch);
      continue;
    }
    const auto rows = DecodeBatch(arrow::Buffer::FromString(bytes), TestSchema());
    if (rows.ok()) {
      ++decoded;
      EXPECT_TRUE((*rows)->ValidateFull().ok());
    } else {
      EXPECT_EQ(ReasonOf(rows.status()), Reason::kCorruptBatch) << rows.status().ToString();
    }
  }
  EXPECT_GT(decoded, 0);
}

TEST(BatchTest, MessageOfAnotherSchemaIsRefused) {
  const auto batch = TestBatch(0, 5);
  const BatchHeader header = *ParseBatch(BytesOf(batch));
  EXPECT_TRUE(CheckMessage(header, *TestSchema()).ok());
  const auto other = arrow::schema({arrow::field("a", arrow::int64())});
  EXPECT_EQ(ReasonOf(CheckMessage(header, *other)), Reason::kCorruptBatch);
}

TEST(ProjectionTest, KeepsColumnsAsTheyAre) {
  const auto nested = arrow::struct_(
      {arrow::field("x", arrow::int32()), arrow::field("y", arrow::list(arrow::utf8()))});
  const auto schema =
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("n", nested),
                     arrow::field("b", arrow::boolean()), arrow::field("s", arrow::utf8())});
  const auto a = TestRows(0, 30)->column(0);
  const auto s = TestRows(0, 30)->column(1);
  const auto rows =
      arrow::RecordBatch::Make(schema, 30,
                               {a, arrow::MakeArrayOfNull(nested, 30).ValueOrDie(),
                                arrow::MakeArrayOfNull(arrow::boolean(), 30).ValueOrDie(), s});
  for (const auto compression : {arrow::Compression::ZSTD, arrow::Compression::UNCOMPRESSED}) {
    const auto batch = EncodeBatch(*rows, {}, {.compression = compression}).ValueOrDie();
    for (const std::vector<int>& columns :
         std::vector<std::vector<int>>{{0}, {3}, {0, 3}, {1}, {1, 2}, {0, 1, 2, 3}, {}}) {
      const auto projected = ProjectBatch(BytesOf(batch), *schema, columns);
      ASSERT_TRUE(projected.ok()) << projected.status().ToString();
      ASSERT_TRUE(ParseBatch(BytesOf(*projected)).ok());
      std::vector<std::shared_ptr<arrow::Field>> fields;
      for (const int column : columns) fields.push_back(schema->field(column));
      const auto decoded = DecodeBatch(*projected, arrow::schema(fields));
      ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
      EXPECT_EQ((*decoded)->num_rows(), 30);
      EXPECT_TRUE((*decoded)->Equals(**rows->SelectColumns(columns)));
    }
  }
  const auto batch = EncodeBatch(*rows, {}, {}).ValueOrDie();
  EXPECT_EQ(ReasonOf(ProjectBatch(BytesOf(batch), *schema, {4}).status()), Reason::kColumnNotFound);
  EXPECT_EQ(ReasonOf(ProjectBatch(BytesOf(batch), *schema, {3, 0}).status()),
            Reason::kColumnNotFound);
}

}  // namespace
}  // namespace firth::log
