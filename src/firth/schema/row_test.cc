// Goal: compact rows have the bytes that Fluss's clients write and read. Method: the golden bytes
// of the protocol's contract, nested ones among them, and rows that no client would send.
#include "firth/schema/row.h"

#include <arrow/api.h>
#include <arrow/extension/uuid.h>
#include <arrow/util/decimal.h>
#include <gtest/gtest.h>

#include "firth/common/bytes.h"
#include "firth/common/text.h"
#include "firth/schema/schema.h"

namespace firth::schema {
namespace {

std::string Hex(std::string_view text) {
  std::string packed;
  for (const char c : text) {
    if (c != ' ') packed.push_back(c);
  }
  return FromHex(packed).ValueOrDie();
}

std::shared_ptr<const RowCodec> CodecOf(arrow::FieldVector fields) {
  return RowCodec::Make(arrow::schema(std::move(fields))).ValueOrDie();
}

template <typename Builder, typename Value>
std::shared_ptr<arrow::Array> Of(const std::shared_ptr<arrow::DataType>& type,
                                 const std::vector<std::optional<Value>>& values) {
  auto made = arrow::MakeBuilder(type).ValueOrDie();
  auto* builder = static_cast<Builder*>(made.get());
  for (const auto& value : values) {
    EXPECT_TRUE((value.has_value() ? builder->Append(*value) : builder->AppendNull()).ok());
  }
  return builder->Finish().ValueOrDie();
}

std::vector<std::string> Rows(const RowCodec& codec, const arrow::ArrayVector& columns) {
  const auto batch = arrow::RecordBatch::Make(codec.schema(), columns[0]->length(), columns);
  std::vector<std::string> rows;
  const Status status = codec.Encode(*batch, &rows);
  EXPECT_TRUE(status.ok()) << status.ToString();
  // What was encoded decodes to what it was.
  const auto again =
      codec.Decode(std::vector<std::string_view>(rows.begin(), rows.end())).ValueOrDie();
  EXPECT_TRUE(again->ValidateFull().ok());
  EXPECT_TRUE(again->Equals(*batch)) << again->ToString() << batch->ToString();
  return rows;
}

std::string RowHex(const RowCodec& codec, const arrow::ArrayVector& columns) {
  return ToHex(Rows(codec, columns)[0]);
}

Status CheckHex(const RowCodec& codec, std::string_view hex) {
  const std::string row = Hex(hex);
  const Status checked = codec.Check(row);
  const Status decoded = codec.Decode({row}).status();
  EXPECT_EQ(checked.ok(), decoded.ok()) << hex << checked.ToString() << decoded.ToString();
  EXPECT_EQ(ReasonOf(checked), ReasonOf(decoded));
  return checked;
}

TEST(RowTest, HoldsTheContractsRows) {
  const auto codec =
      CodecOf({arrow::field("k", arrow::int32(), false), arrow::field("s", arrow::utf8()),
               arrow::field("n", arrow::int64()), arrow::field("d", arrow::decimal128(10, 2)),
               arrow::field("ts", arrow::timestamp(arrow::TimeUnit::MICRO))});
  const auto rows =
      Rows(*codec, {Of<arrow::Int32Builder, int32_t>(arrow::int32(), {1, 300}),
                    Of<arrow::StringBuilder, std::string>(arrow::utf8(), {"hi", {}}),
                    Of<arrow::Int64Builder, int64_t>(arrow::int64(), {-1, {}}),
                    Of<arrow::Decimal128Builder, arrow::Decimal128>(arrow::decimal128(10, 2),
                                                                    {arrow::Decimal128(150), {}}),
                    Of<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::MICRO),
                                                         {1767225600000005, {}})});
  EXPECT_EQ(ToHex(rows[0]),
            "00"
            "01"
            "026869"
            "ffffffffffffffffff01"
            "9601"
            "80d0eab6b733"
            "8827");
  EXPECT_EQ(ToHex(rows[1]),
            "1e"
            "ac02");
}

TEST(RowTest, HoldsTheContractsNestedRow) {
  const auto array_type = arrow::list(arrow::int32());
  const auto map_type = arrow::map(arrow::utf8(), arrow::int32());
  const auto row_type =
      arrow::struct_({arrow::field("x", arrow::int32()), arrow::field("y", arrow::utf8())});
  const auto texts_type = arrow::list(arrow::utf8());
  const auto codec = CodecOf({arrow::field("k", arrow::int32()), arrow::field("a", array_type),
                              arrow::field("m", map_type), arrow::field("r", row_type),
                              arrow::field("z", texts_type)});

  const auto numbers = Of<arrow::Int32Builder, int32_t>(arrow::int32(), {1, {}, 3});
  const auto key = Of<arrow::StringBuilder, std::string>(arrow::utf8(), {"q"});
  const auto value = Of<arrow::Int32Builder, int32_t>(arrow::int32(), {7});
  const auto texts = Of<arrow::StringBuilder, std::string>(arrow::utf8(), {"ab", "longer than 7"});
  const auto offsets = [](int32_t end) {
    return Of<arrow::Int32Builder, int32_t>(arrow::int32(), {0, end});
  };
  const auto array = arrow::ListArray::FromArrays(*offsets(3), *numbers).ValueOrDie();
  const auto map = arrow::MapArray::FromArrays(offsets(1), key, value).ValueOrDie();
  const auto row = arrow::StructArray::Make(
                       {Of<arrow::Int32Builder, int32_t>(arrow::int32(), {1}),
                        Of<arrow::StringBuilder, std::string>(arrow::utf8(), {std::nullopt})},
                       row_type->fields())
                       .ValueOrDie();
  const auto list = arrow::ListArray::FromArrays(*offsets(2), *texts).ValueOrDie();
  EXPECT_EQ(RowHex(*codec,
                   {Of<arrow::Int32Builder, int32_t>(arrow::int32(), {1}), array, map, row, list}),
            "00"
            "01"
            "18"
            "030000000200000001000000000000000300000000000000"
            "24"
            "100000000100000000000000710000000000008101000000000000000700000000000000"
            "02"
            "0201"
            "28"
            "020000000000000061620000000000820d000000180000006c6f6e676572207468616e2037000000");
}

TEST(RowTest, HoldsEachFlatType) {
  const auto one = [](const std::shared_ptr<arrow::Array>& column) {
    return RowHex(*CodecOf({arrow::field("c", column->type())}), {column});
  };
  EXPECT_EQ(one(Of<arrow::BooleanBuilder, bool>(arrow::boolean(), {true})), "0001");
  EXPECT_EQ(one(Of<arrow::Int8Builder, int8_t>(arrow::int8(), {-1})), "00ff");
  EXPECT_EQ(one(Of<arrow::Int16Builder, int16_t>(arrow::int16(), {-2})), "00feff");
  EXPECT_EQ(one(Of<arrow::Int32Builder, int32_t>(arrow::int32(), {-1})), "00ffffffff0f");
  EXPECT_EQ(one(Of<arrow::FloatBuilder, float>(arrow::float32(), {1.5f})), "000000c03f");
  EXPECT_EQ(one(Of<arrow::DoubleBuilder, double>(arrow::float64(), {-2.0})), "0000000000000000c0");
  EXPECT_EQ(one(Of<arrow::BinaryBuilder, std::string>(arrow::binary(), {"\xff"})), "0001ff");
  EXPECT_EQ(one(Of<arrow::Date32Builder, int32_t>(arrow::date32(), {1})), "0001");
  // A time of day is in milliseconds whatever its unit.
  EXPECT_EQ(one(Of<arrow::Time32Builder, int32_t>(arrow::time32(arrow::TimeUnit::SECOND), {2})),
            "00d00f");
  EXPECT_EQ(
      one(Of<arrow::Time64Builder, int64_t>(arrow::time64(arrow::TimeUnit::NANO), {2'000'000'000})),
      "00d00f");
  // Where it is finer it lies above the milliseconds of a day, in its own unit.
  EXPECT_EQ(one(Of<arrow::Time64Builder, int64_t>(arrow::time64(arrow::TimeUnit::MICRO), {1})),
            "0081b89929");
  // Timestamps have a second part from microseconds on.
  const auto stamp = [&](arrow::TimeUnit::type unit, int64_t value) {
    return one(Of<arrow::TimestampBuilder, int64_t>(arrow::timestamp(unit, "UTC"), {value}));
  };
  EXPECT_EQ(stamp(arrow::TimeUnit::SECOND, 2), "00d00f");
  EXPECT_EQ(stamp(arrow::TimeUnit::MILLI, 2000), "00d00f");
  EXPECT_EQ(stamp(arrow::TimeUnit::MICRO, 2'000'001), "00d00fe807");
  EXPECT_EQ(stamp(arrow::TimeUnit::NANO, -1), "00ffffffffffffffffff01bf843d");
  // Decimals of more than 18 digits are as few big-endian bytes as do.
  const auto decimal = [&](const std::string& text) {
    const auto type = arrow::decimal128(38, 0);
    return one(Of<arrow::Decimal128Builder, arrow::Decimal128>(
        type, {arrow::Decimal128::FromString(text).ValueOrDie()}));
  };
  EXPECT_EQ(decimal("0"), "000100");
  EXPECT_EQ(decimal("127"), "00017f");
  EXPECT_EQ(decimal("128"), "00020080");
  EXPECT_EQ(decimal("-128"), "000180");
  EXPECT_EQ(decimal("-129"), "0002ff7f");
}

TEST(RowTest, PutsLongItemsBehindTheSlots) {
  const auto list_of = [](const std::shared_ptr<arrow::Array>& items) {
    const auto offsets = Of<arrow::Int32Builder, int32_t>(
        arrow::int32(), {0, static_cast<int32_t>(items->length())});
    const auto list = arrow::ListArray::FromArrays(*offsets, *items).ValueOrDie();
    return RowHex(*CodecOf({arrow::field("c", list->type())}), {list});
  };
  // A fine timestamp: offset and nanoseconds in the slot, milliseconds behind.
  EXPECT_EQ(list_of(Of<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::MICRO),
                                                         {2'000'001})),
            "00"
            "18"
            "0100000000000000"
            "e803000010000000"
            "d007000000000000");
  // A long decimal takes 16 bytes behind, however short it is.
  EXPECT_EQ(list_of(Of<arrow::Decimal128Builder, arrow::Decimal128>(arrow::decimal128(38, 0),
                                                                    {arrow::Decimal128(5)})),
            "00"
            "20"
            "0100000000000000"
            "0100000010000000"
            "05000000000000000000000000000000");
  // A short struct is behind the slots too.
  const auto rows =
      arrow::StructArray::Make({Of<arrow::Int32Builder, int32_t>(arrow::int32(), {7})},
                               arrow::FieldVector{arrow::field("x", arrow::int32())})
          .ValueOrDie();
  EXPECT_EQ(list_of(rows),
            "00"
            "18"
            "0100000000000000"
            "0200000010000000"
            "0007000000000000");
}

TEST(RowTest, LeavesOutWhatLiesUnderNulls) {
  // Lists and structs that are null, with children that would not even be valid.
  const auto items = Of<arrow::Decimal128Builder, arrow::Decimal128>(
      arrow::decimal128(2, 0), {arrow::Decimal128(1), arrow::Decimal128(1000)});
  const auto validity = arrow::Buffer::FromString(std::string(1, '\x01'));
  const auto offsets = Of<arrow::Int32Builder, int32_t>(arrow::int32(), {0, 1, 2});
  const auto lists = std::make_shared<arrow::ListArray>(
      arrow::list(items->type()), 2, std::static_pointer_cast<arrow::Int32Array>(offsets)->values(),
      items, validity);
  const auto structs = std::make_shared<arrow::StructArray>(
      arrow::struct_({arrow::field("d", items->type(), false)}), 2, arrow::ArrayVector{items},
      validity);
  const auto codec =
      CodecOf({arrow::field("l", lists->type()), arrow::field("s", structs->type())});
  std::vector<std::string> rows;
  ASSERT_TRUE(
      codec->Encode(*arrow::RecordBatch::Make(codec->schema(), 2, {lists, structs}), &rows).ok());
  EXPECT_EQ(ToHex(rows[0]),
            "00"
            "10"
            "01000000000000000100000000000000"
            "02"
            "0001");
  EXPECT_EQ(ToHex(rows[1]), "03");
}

TEST(RowTest, HoldsExtensionTypesAsWhatTheyStore) {
  const auto uuid = arrow::extension::uuid();
  const auto storage = Of<arrow::FixedSizeBinaryBuilder, std::string>(arrow::fixed_size_binary(16),
                                                                      {"0123456789abcdef", {}});
  const auto column = arrow::ExtensionType::WrapArray(uuid, storage);
  const auto rows = Rows(*CodecOf({arrow::field("u", uuid)}), {column});
  EXPECT_EQ(rows[0], std::string("\x00\x10", 2) + "0123456789abcdef");
  EXPECT_EQ(ToHex(rows[1]), "01");
}

TEST(RowTest, RefusesToEncodeWhatCouldNotBeRead) {
  const auto refused = [](const std::shared_ptr<arrow::Array>& column, bool nullable = true) {
    const auto codec = CodecOf({arrow::field("c", column->type(), nullable)});
    std::vector<std::string> rows;
    const Status status = codec->Encode(
        *arrow::RecordBatch::Make(codec->schema(), column->length(), {column}), &rows);
    EXPECT_TRUE(rows.empty());
    return ReasonOf(status);
  };
  EXPECT_EQ(refused(Of<arrow::Int32Builder, int32_t>(arrow::int32(), {1, {}}), false),
            Reason::kBadValue);
  EXPECT_EQ(refused(Of<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::SECOND),
                                                         {INT64_MAX})),
            Reason::kBadValue);
  EXPECT_EQ(refused(Of<arrow::Time32Builder, int32_t>(arrow::time32(arrow::TimeUnit::MILLI),
                                                      {86'400'000})),
            Reason::kBadValue);
  EXPECT_EQ(refused(Of<arrow::Decimal128Builder, arrow::Decimal128>(arrow::decimal128(2, 0),
                                                                    {arrow::Decimal128(100)})),
            Reason::kBadValue);
  const auto codec = CodecOf({arrow::field("c", arrow::int64())});
  const auto other = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("c", arrow::int32())}), 1,
      arrow::ArrayVector{Of<arrow::Int32Builder, int32_t>(arrow::int32(), {1})});
  std::vector<std::string> rows;
  EXPECT_EQ(ReasonOf(codec->Encode(*other, &rows)), Reason::kSchemaMismatch);
}

TEST(RowTest, KeepsFineTimesOfDay) {
  const auto micro = arrow::time64(arrow::TimeUnit::MICRO);
  const auto nano = arrow::time64(arrow::TimeUnit::NANO);
  const auto codec = CodecOf({arrow::field("u", micro), arrow::field("n", nano)});
  const auto u =
      Of<arrow::Time64Builder, int64_t>(micro, {0, 1, 999, 1000, 86'399'999'999, 86'399'999'000});
  const auto n = Of<arrow::Time64Builder, int64_t>(
      nano, {1, 999'999, 1'000'000, 0, 86'399'999'999'999, 86'399'999'000'000});
  EXPECT_EQ(Rows(*codec, {u, n}).size(), 6U);

  // One value has one spelling, and a day has an end: 86,400,000 + 1000 µs, and + 86,400,000,000.
  const auto one = CodecOf({arrow::field("u", micro)});
  EXPECT_EQ(ReasonOf(CheckHex(*one, "00e8bf9929")), Reason::kCorruptBatch);
  EXPECT_EQ(ReasonOf(CheckHex(*one, "0080f8f697c202")), Reason::kCorruptBatch);

  // A list's slots hold milliseconds only.
  const auto list = CodecOf({arrow::field("l", arrow::list(micro))});
  const auto array = [&](int64_t value) {
    const auto items = Of<arrow::Time64Builder, int64_t>(micro, {value});
    const auto offsets = Of<arrow::Int32Builder, int32_t>(arrow::int32(), {0, 1});
    const auto lists = *arrow::ListArray::FromArrays(*offsets, *items);
    std::vector<std::string> encoded;
    return list->Encode(*arrow::RecordBatch::Make(list->schema(), 1, {lists}), &encoded);
  };
  EXPECT_TRUE(array(2000).ok());
  EXPECT_EQ(ReasonOf(array(2001)), Reason::kBadValue);
}

TEST(RowTest, RefusesTypesThatNoRowHolds) {
  for (const auto& type : {arrow::dictionary(arrow::int32(), arrow::utf8()), arrow::float16(),
                           arrow::utf8_view(), arrow::month_interval()}) {
    const auto codec = RowCodec::Make(arrow::schema({arrow::field("c", type)}));
    EXPECT_EQ(ReasonOf(codec.status()), Reason::kInvalidSchema) << type->ToString();
  }
  auto deep = arrow::int32();
  for (int i = 0; i < kNestingMax; ++i) deep = arrow::list(deep);
  EXPECT_FALSE(RowCodec::Make(arrow::schema({arrow::field("c", deep)})).ok());
  EXPECT_TRUE(RowCodec::Make(arrow::schema({arrow::field("c", deep->field(0)->type())})).ok());
}

TEST(RowTest, ChecksWhatItReads) {
  const auto number = CodecOf({arrow::field("c", arrow::int32(), false)});
  EXPECT_TRUE(CheckHex(*number, "00 01").ok());
  EXPECT_FALSE(CheckHex(*number, "").ok());
  EXPECT_FALSE(CheckHex(*number, "00").ok());
  EXPECT_FALSE(CheckHex(*number, "01").ok()) << "a null where none may be";
  EXPECT_FALSE(CheckHex(*number, "00 01 00").ok()) << "a byte behind the last column";
  EXPECT_FALSE(CheckHex(*number, "00 ffffffff1f").ok()) << "33 bits";
  EXPECT_FALSE(CheckHex(*number, "00 ffffffffff0f").ok()) << "six bytes";

  const auto text = CodecOf({arrow::field("c", arrow::utf8())});
  EXPECT_TRUE(CheckHex(*text, "00 02 c3a9").ok());
  EXPECT_FALSE(CheckHex(*text, "00 01 c3").ok());
  EXPECT_FALSE(CheckHex(*text, "00 ffffffff0f").ok());
  EXPECT_FALSE(CheckHex(*text, "00 03 c3a9").ok());

  const auto time = CodecOf({arrow::field("c", arrow::time32(arrow::TimeUnit::MILLI))});
  EXPECT_TRUE(CheckHex(*time, "00 ffb79929").ok());
  EXPECT_FALSE(CheckHex(*time, "00 80b89929").ok()) << "the 25th hour";

  const auto fine = CodecOf({arrow::field("c", arrow::timestamp(arrow::TimeUnit::NANO))});
  EXPECT_TRUE(CheckHex(*fine, "00 00 bf843d").ok());
  EXPECT_FALSE(CheckHex(*fine, "00 00 c0843d").ok()) << "a whole millisecond of nanoseconds";
  EXPECT_FALSE(CheckHex(*fine, "00 ffffffffffffffff7f 00").ok()) << "out of range in nanoseconds";

  const auto decimal = CodecOf({arrow::field("c", arrow::decimal128(20, 0))});
  EXPECT_FALSE(CheckHex(*decimal, "00 00").ok());
  EXPECT_FALSE(CheckHex(*decimal, "00 10 7fffffffffffffffffffffffffffffff").ok());
  EXPECT_FALSE(CheckHex(*decimal, "00 11 0000000000000000000000000000000001").ok());
}

TEST(RowTest, ChecksWhatItReadsInLists) {
  const auto codec = CodecOf({arrow::field("c", arrow::list(arrow::utf8()))});
  EXPECT_TRUE(CheckHex(*codec, "00 08 0000000000000000").ok());
  EXPECT_TRUE(CheckHex(*codec, "00 04 00000000").ok()) << "padding is not asked for";
  EXPECT_TRUE(CheckHex(*codec, "00 10 0100000000000000 6162000000000082").ok());
  EXPECT_FALSE(CheckHex(*codec, "00 03 000000").ok()) << "no count";
  EXPECT_FALSE(CheckHex(*codec, "00 08 ffffffff00000000").ok()) << "a negative count";
  EXPECT_FALSE(CheckHex(*codec, "00 08 ffffff7f00000000").ok()) << "a count without items";
  EXPECT_FALSE(CheckHex(*codec, "00 10 0100000000000000 6162000000000088").ok())
      << "eight bytes in a slot";
  EXPECT_FALSE(CheckHex(*codec, "00 10 0100000000000000 0100000010000000").ok())
      << "behind the array's end";
  EXPECT_FALSE(CheckHex(*codec, "00 10 0100000000000000 ffffffff00000000").ok());
  // Two items that both take the whole array: were that allowed, they would multiply it.
  EXPECT_FALSE(CheckHex(*codec, "00 18 0200000000000000 1800000000000000 1800000000000000").ok());
}

TEST(RowTest, NestingCannotMultiplyBytes) {
  // Each list consists of slots that all point at the list itself.
  auto type = arrow::utf8();
  for (int i = 0; i < 6; ++i) type = arrow::list(type);
  const auto codec = CodecOf({arrow::field("c", type)});
  const uint32_t count = 1000;
  std::string array(4 + (count + 31) / 32 * 4, '\0');
  StoreLe(array.data(), count);
  const auto length = static_cast<uint32_t>(array.size() + size_t{8} * count);
  for (uint32_t i = 0; i < count; ++i) AppendLe(&array, uint64_t{length});
  std::string row(1, '\0');
  AppendVarint(&row, array.size());
  row += array;
  EXPECT_EQ(ReasonOf(codec->Check(row)), Reason::kCorruptBatch);
  EXPECT_EQ(ReasonOf(codec->Decode({row}).status()), Reason::kCorruptBatch);
}

TEST(RowTest, NullsOfWideTypesHaveALimit) {
  const auto codec = CodecOf({arrow::field("c", arrow::fixed_size_binary(kFixedBytesMax))});
  const std::vector<std::string_view> rows(2000, "\x01");
  EXPECT_EQ(ReasonOf(codec->Decode(rows).status()), Reason::kBatchTooLarge);
  EXPECT_TRUE(codec->Decode({rows.begin(), rows.begin() + 10}).ok());
}

TEST(RowTest, SplitsAndJoins) {
  const auto codec = CodecOf({arrow::field("a", arrow::int32()), arrow::field("b", arrow::utf8()),
                              arrow::field("c", arrow::list(arrow::int8()))});
  const std::string good = Hex("02 ac02 10 04000000000000000102030400000000");
  std::vector<std::string_view> columns;
  std::vector<bool> null;
  ASSERT_TRUE(codec->Split(good, &columns, &null).ok());
  EXPECT_EQ(null, (std::vector<bool>{false, true, false}));
  EXPECT_EQ(ToHex(columns[0]), "ac02");
  EXPECT_TRUE(columns[1].empty());
  EXPECT_EQ(ToHex(columns[2]), "1004000000000000000102030400000000");
  EXPECT_EQ(codec->Join(columns, null), good);
  // A column taken over from another row.
  const std::string text = Hex("03616263");
  columns[1] = text;
  null[1] = false;
  null[2] = true;
  EXPECT_EQ(ToHex(codec->Join(columns, null)),
            "04"
            "ac02"
            "03616263");
  EXPECT_FALSE(codec->Split("", &columns, &null).ok());
}

TEST(RowTest, AnEmptyRowIsNotANull) {
  const auto codec = CodecOf({arrow::field("a", arrow::int32(), false)});
  EXPECT_EQ(ReasonOf(codec->Decode({std::string_view()}).status()), Reason::kCorruptBatch);
  EXPECT_EQ(ReasonOf(codec->Check(std::string_view())), Reason::kCorruptBatch);
  EXPECT_EQ(codec->Decode({}).ValueOrDie()->num_rows(), 0);
}

}  // namespace
}  // namespace firth::schema
