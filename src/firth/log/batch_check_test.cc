// Goal: what is taken without being decoded can be decoded, but for damage inside of what is
// compressed. Method: batches of every type that is judged by its bytes, changed in every place,
// against Arrow's own full validation.
#include "firth/log/batch_check.h"

#include <arrow/array/array_nested.h>
#include <arrow/json/from_string.h>

#include <cstring>

#include "firth/common/random.h"
#include "firth/log/ipc_message.h"
#include "firth/log/log_testing.h"

namespace firth::log {
namespace {

std::shared_ptr<arrow::Schema> PlainSchema() {
  return arrow::schema({arrow::field("i", arrow::int64(), false), arrow::field("s", arrow::utf8()),
                        arrow::field("b", arrow::boolean()), arrow::field("y", arrow::binary()),
                        arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO)),
                        arrow::field("d", arrow::date32()), arrow::field("f", arrow::float32()),
                        arrow::field("x", arrow::fixed_size_binary(3))});
}

std::shared_ptr<arrow::RecordBatch> FromJson(const std::shared_ptr<arrow::Schema>& schema,
                                             const std::string& rows) {
  const auto array =
      arrow::json::ArrayFromJSONString(arrow::struct_(schema->fields()), rows).ValueOrDie();
  return arrow::RecordBatch::Make(schema, array->length(),
                                  static_cast<const arrow::StructArray&>(*array).fields());
}

std::shared_ptr<arrow::RecordBatch> PlainRows(const char* text) {
  std::string json = "[";
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    if (i > 0) json += ",";
    json += i % 5 == 4 ? "[" + n + ",null,null,null,null,null,null,null]"
                       : "[" + n + ",\"" + text + n + "\",true,\"y" + n + "\"," + n + "," + n +
                             ",0.5,\"abc\"]";
  }
  return FromJson(PlainSchema(), json + "]");
}

constexpr arrow::Compression::type kCompressions[] = {
    arrow::Compression::UNCOMPRESSED, arrow::Compression::ZSTD, arrow::Compression::LZ4_FRAME};

std::shared_ptr<arrow::Schema> NestedSchema() {
  const auto pair =
      arrow::struct_({arrow::field("l", arrow::int16()), arrow::field("r", arrow::utf8())});
  return arrow::schema({arrow::field("d", arrow::decimal128(5, 2)),
                        arrow::field("s", arrow::time32(arrow::TimeUnit::SECOND)),
                        arrow::field("m", arrow::time32(arrow::TimeUnit::MILLI)),
                        arrow::field("u", arrow::time64(arrow::TimeUnit::MICRO)),
                        arrow::field("n", arrow::time64(arrow::TimeUnit::NANO)),
                        arrow::field("a", arrow::list(arrow::utf8())),
                        arrow::field("r", pair, false),
                        arrow::field("k", arrow::map(arrow::utf8(), pair)),
                        arrow::field("z", arrow::list(arrow::list(arrow::decimal128(38, 0))))});
}

std::shared_ptr<arrow::RecordBatch> NestedRows() {
  std::string json = "[";
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    if (i > 0) json += ",";
    json += i % 5 == 4 ? R"([null,null,null,null,null,null,[1,null],null,null])"
                       : R"([")" + n + R"(.25",)" + n + ",86399999," + n + ",86399999999999,[\"x" +
                             n + R"(",null,"y"],[)" + n + R"(,"f\u00f6rde"],[["k)" + n +
                             R"(",[1,"v"]],["e",null]],[["9)" + n + R"("],[],null]])";
  }
  return FromJson(NestedSchema(), json + "]");
}

std::string Encoded(const arrow::RecordBatch& rows, arrow::Compression::type compression) {
  const auto batch = EncodeBatch(rows, {}, {.compression = compression});
  return std::string(AsText(BytesOf(*batch)));
}

std::string Encoded(const char* text,
                    arrow::Compression::type compression = arrow::Compression::UNCOMPRESSED) {
  return Encoded(*PlainRows(text), compression);
}

bool IsPlain(const std::string& bytes, const arrow::Schema& schema) {
  return AreRowsPlainlyThere(*ParseTrustedBatch(AsBytes(bytes)), schema);
}

Status Decoded(const std::string& bytes, const std::shared_ptr<arrow::Schema>& schema) {
  return DecodeBatch(arrow::Buffer::FromString(bytes), schema).status();
}

TEST(BatchCheckTest, PlainRowsNeedNoDecoding) {
  for (const auto compression : kCompressions) {
    EXPECT_TRUE(IsPlain(Encoded("text", compression), *PlainSchema()));
    EXPECT_TRUE(IsPlain(Encoded("f\xc3\xb6rde \xe2\x82\xac", compression), *PlainSchema()));
    EXPECT_TRUE(IsPlain(Encoded(*NestedRows(), compression), *NestedSchema()));
  }
}

// They are as long as their columns need; what they unpack to in all is bounded, and said.
TEST(BatchCheckTest, CompressedColumnsHaveTheirLengths) {
  const auto sent = arrow::schema({arrow::field("v", arrow::int32(), false)});
  const auto wider = arrow::schema({arrow::field("v", arrow::int64(), false)});
  const auto text = arrow::schema({arrow::field("v", arrow::utf8(), false)});
  std::string json = "[[7]";
  for (int i = 0; i < 999; ++i) json += ",[7]";
  const auto rows = FromJson(sent, json + "]");
  for (const auto compression : {arrow::Compression::ZSTD, arrow::Compression::LZ4_FRAME}) {
    const std::string bytes = Encoded(*rows, compression);
    EXPECT_LT(bytes.size(), 1000U);
    EXPECT_TRUE(IsPlain(bytes, *sent));
    EXPECT_EQ(UnpackedBytes(*ParseTrustedBatch(AsBytes(bytes))).ValueOrDie(), 4000);
    for (const auto& other : {wider, text}) {
      EXPECT_FALSE(IsPlain(bytes, *other));
      const auto batch = arrow::Buffer::FromString(bytes);
      EXPECT_EQ(ReasonOf(CheckRows(batch, *ParseTrustedBatch(AsBytes(bytes)), other)),
                Reason::kCorruptBatch);
    }
  }
}

// Most of a text may be looked at many bytes at once: none of them is overlooked.
TEST(BatchCheckTest, AByteThatIsNoTextIsFoundWhereverItStands) {
  const auto schema = arrow::schema({arrow::field("s", arrow::utf8())});
  for (const size_t length : {1, 15, 16, 31, 32, 33, 64, 100}) {
    const std::string text(length, 't');
    const auto rows = FromJson(schema, "[[\"" + text + "\"]]");
    const auto batch =
        EncodeBatch(*rows, {}, {.compression = arrow::Compression::UNCOMPRESSED}).ValueOrDie();
    std::string bytes(AsText(BytesOf(batch)));
    const size_t begin = bytes.rfind(text);
    ASSERT_NE(begin, std::string::npos);
    for (size_t i = 0; i < length; ++i) {
      bytes[begin + i] = '\xff';
      EXPECT_FALSE(AreRowsPlainlyThere(*ParseTrustedBatch(AsBytes(bytes)), *schema)) << i;
      bytes[begin + i] = 't';
    }
    EXPECT_TRUE(AreRowsPlainlyThere(*ParseTrustedBatch(AsBytes(bytes)), *schema));
  }
}

// Many offsets may be looked at at once as well.
TEST(BatchCheckTest, AnOffsetThatFallsIsFoundWhereverItStands) {
  const auto schema = arrow::schema({arrow::field("s", arrow::utf8())});
  std::string json = "[[\"t\"]";
  for (int rows = 1; rows <= 40; ++rows, json += ",[\"t\"]") {
    std::string bytes = Encoded(*FromJson(schema, json + "]"), arrow::Compression::UNCOMPRESSED);
    const auto there = ParseIpcRecordBatch(ParseTrustedBatch(AsBytes(bytes))->message);
    const IpcBuffer offsets = there->buffers[1];
    char* const first = const_cast<char*>(AsText(there->body).data()) + offsets.offset;
    const auto taken_with = [&](int i, int32_t offset) {
      const auto before = LoadLe<int32_t>(first + i * 4);
      StoreLe<int32_t>(first + i * 4, offset);
      const bool taken = IsPlain(bytes, *schema);
      EXPECT_EQ(taken, Decoded(bytes, schema).ok()) << i << " of " << rows << " is " << offset;
      StoreLe<int32_t>(first + i * 4, before);
      return taken;
    };
    for (int i = 0; i <= rows; ++i) {
      EXPECT_TRUE(taken_with(i, i));
      EXPECT_EQ(taken_with(i, i + 1), i < rows);
      EXPECT_FALSE(taken_with(i, i < rows ? i + 2 : i - 2));
      EXPECT_FALSE(taken_with(i, INT32_MIN));
      EXPECT_FALSE(taken_with(i, INT32_MAX));
    }
  }
}

// Nothing is in them, and nothing is pointed at.
TEST(BatchCheckTest, ListsAndTextMayBeEmpty) {
  for (const char* json : {R"([[[], []]])", R"([[null, []]])", R"([[[], null]])"}) {
    const auto schema = arrow::schema({arrow::field("t", arrow::list(arrow::utf8())),
                                       arrow::field("i", arrow::list(arrow::int8()))});
    for (const auto compression : kCompressions) {
      EXPECT_TRUE(IsPlain(Encoded(*FromJson(schema, json), compression), *schema)) << json;
    }
  }
}

// One value beyond what its type holds; the same where it is null is nothing.
TEST(BatchCheckTest, ValuesOutsideOfTheirTypeAreFound) {
  const std::pair<std::shared_ptr<arrow::DataType>, std::shared_ptr<arrow::DataType>> narrow[] = {
      {arrow::int32(), arrow::time32(arrow::TimeUnit::SECOND)},
      {arrow::int64(), arrow::time64(arrow::TimeUnit::MICRO)},
      {arrow::decimal128(12, 0), arrow::decimal128(11, 0)}};
  for (const auto& [wide, type] : narrow) {
    const bool is_decimal = wide->id() == arrow::Type::DECIMAL128;
    const std::string past = wide->id() == arrow::Type::INT32   ? "86400"
                             : wide->id() == arrow::Type::INT64 ? "86400000000"
                                                                : "\"100000000000\"";
    const std::string below = is_decimal ? "\"-100000000000\"" : "-1";
    for (const std::string& value : {past, below}) {
      const auto sent = arrow::schema({arrow::field("v", wide)});
      const auto read = arrow::schema({arrow::field("v", type)});
      const std::string one = is_decimal ? "\"1\"" : "1";
      const auto rows = FromJson(sent, "[[" + one + "],[" + value + "],[null]]");
      const std::string bytes = Encoded(*rows, arrow::Compression::UNCOMPRESSED);
      EXPECT_FALSE(IsPlain(bytes, *read)) << type->ToString() << " " << value;
      EXPECT_FALSE(Decoded(bytes, read).ok());
      const auto data = rows->column_data(0)->Copy();
      data->buffers[0] = arrow::Buffer::FromString("\1");  // the second one is null now, too
      data->null_count = 2;
      const auto nulls = arrow::RecordBatch::Make(sent, 3, {arrow::MakeArray(data)});
      const std::string there = Encoded(*nulls, arrow::Compression::UNCOMPRESSED);
      EXPECT_TRUE(IsPlain(there, *read)) << type->ToString() << " " << value;
      EXPECT_TRUE(Decoded(there, read).ok());
    }
  }
}

TEST(BatchCheckTest, OthersAreDecoded) {
  const auto schema = arrow::schema({arrow::field("d", arrow::decimal256(3, 0))});
  for (const auto& [json, whole] : {std::pair("[[\"7\"]]", true), std::pair("[[\"777\"]]", true)}) {
    const auto rows = FromJson(schema, json);
    const auto batch =
        EncodeBatch(*rows, {}, {.compression = arrow::Compression::UNCOMPRESSED}).ValueOrDie();
    const BatchHeader header = *ParseBatch(BytesOf(batch));
    EXPECT_FALSE(AreRowsPlainlyThere(header, *schema));
    EXPECT_EQ(CheckRows(batch, header, schema).ok(), whole);
    const auto narrow = arrow::schema({arrow::field("d", arrow::decimal256(2, 0))});
    EXPECT_EQ(CheckRows(batch, header, narrow).ok(), json == std::string("[[\"7\"]]"));
  }
}

TEST(BatchCheckTest, AColumnOfAnotherTypeIsRefused) {
  const std::string bytes = Encoded("text");
  const BatchHeader header = *ParseTrustedBatch(AsBytes(bytes));
  for (int i = 0; i < PlainSchema()->num_fields(); ++i) {
    // The same buffers, but of wider values, or as text.
    for (const auto& type : {arrow::decimal256(70, 0), arrow::utf8()}) {
      if (PlainSchema()->field(i)->type()->Equals(*type)) continue;
      const auto other = PlainSchema()->SetField(i, arrow::field("o", type)).ValueOrDie();
      const Status found = CheckRows(arrow::Buffer::FromString(bytes), header, other);
      const Status decoded = DecodeBatch(arrow::Buffer::FromString(bytes), other).status();
      EXPECT_EQ(found.ok(), decoded.ok()) << i << " as " << type->ToString();
      EXPECT_EQ(ReasonOf(found), found.ok() ? Reason::kNone : Reason::kCorruptBatch);
    }
  }
}

/// Batches of this schema, changed at random in `rounds` ways.
struct Judged {
  int taken = 0, refused = 0, not_plain = 0;
  int damaged_inside = 0;  // taken, and found by who unpacks it
};
void Change(const std::vector<std::string>& whole, const std::shared_ptr<arrow::Schema>& schema,
            size_t metadata, int rounds, Judged* judged) {
  SeededRandom random(12);
  const bool compressed = ParseIpcRecordBatch(ParseTrustedBatch(AsBytes(whole.front()))->message)
                              ->compression.has_value();
  for (const auto& one : whole) ASSERT_TRUE(Decoded(one, schema).ok());
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = whole[random.Next64() % whole.size()];
    const size_t body = bytes.size() - kBatchHeaderBytes;
    for (uint64_t i = 0; i <= random.Next64() % 3; ++i) {
      // In one half of the rounds the metadata, which is what stands first.
      const size_t within = round % 2 == 0 ? metadata : body;
      const size_t at = kBatchHeaderBytes + random.Next64() % std::min(within, body);
      if (random.Next64() % 3 == 0 && at + 8 <= bytes.size()) {
        const int64_t number = static_cast<int64_t>(random.Next64() % 70) - 3;
        std::memcpy(bytes.data() + at / 4 * 4, &number, 4);
      } else {
        bytes[at] = static_cast<char>(random.Next64());
      }
    }
    const bool plain = IsPlain(bytes, *schema);
    const Status decoded = Decoded(bytes, schema);
    if (plain && !decoded.ok()) {
      ASSERT_TRUE(compressed) << "round " << round << ": " << decoded;
      ASSERT_EQ(ReasonOf(decoded), Reason::kCorruptBatch);
      ++judged->damaged_inside;
      continue;
    }
    ++(plain ? judged->taken : decoded.ok() ? judged->not_plain : judged->refused);
  }
}

void ChangePlain(arrow::Compression::type compression, int rounds, Judged* judged) {
  Change({Encoded("text", compression), Encoded("f\xc3\xb6rde \xe2\x82\xac", compression)},
         PlainSchema(), 700, rounds, judged);
}

TEST(BatchCheckTest, WhatIsTakenCanBeDecoded) {
  Judged judged;
  ChangePlain(arrow::Compression::UNCOMPRESSED, 60'000, &judged);
  EXPECT_GT(judged.taken, 5'000);
  EXPECT_GT(judged.refused, 5'000);
  EXPECT_LT(judged.not_plain, judged.taken);
}

TEST(BatchCheckTest, WhatIsTakenOfNestedRowsCanBeDecoded) {
  for (const auto compression : kCompressions) {
    Judged judged;
    Change({Encoded(*NestedRows(), compression)}, NestedSchema(), 1500,
           compression == arrow::Compression::UNCOMPRESSED ? 30'000 : 4'000, &judged);
    EXPECT_GT(judged.taken, 50);
    EXPECT_GT(judged.refused, 1'000);
  }
}

TEST(BatchCheckTest, WhatIsTakenOfCompressedBatchesCanBeDecodedOrIsFoundThen) {
  for (const auto compression : {arrow::Compression::ZSTD, arrow::Compression::LZ4_FRAME}) {
    Judged judged;
    ChangePlain(compression, 30'000, &judged);
    EXPECT_GT(judged.taken, 500);
    EXPECT_GT(judged.damaged_inside, 500);
    EXPECT_GT(judged.refused, 5'000);
    EXPECT_LT(judged.not_plain, judged.taken);
  }
}

}  // namespace
}  // namespace firth::log
