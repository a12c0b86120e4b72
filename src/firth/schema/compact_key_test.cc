// Goal: a compact key becomes the canonical key that KeyEncoder makes of the same values, and bytes
// that are no key are refused. Method: random columns of every type through both; random and
// damaged bytes, which must be taken or refused as compact rows take or refuse them.
#include "firth/schema/compact_key.h"

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

#include "firth/common/text.h"
#include "firth/schema/key.h"
#include "firth/schema/row.h"

namespace firth::schema {
namespace {

using arrow::TimeUnit;
using arrow::Type;
using ArrayPtr = std::shared_ptr<arrow::Array>;
using TypePtr = std::shared_ptr<arrow::DataType>;

const std::vector<TypePtr>& Types() {
  static const std::vector<TypePtr> types = {
      arrow::boolean(),
      arrow::int8(),
      arrow::int16(),
      arrow::int32(),
      arrow::int64(),
      arrow::uint8(),
      arrow::uint16(),
      arrow::uint32(),
      arrow::uint64(),
      arrow::float32(),
      arrow::float64(),
      arrow::date32(),
      arrow::date64(),
      arrow::time32(TimeUnit::SECOND),
      arrow::time32(TimeUnit::MILLI),
      arrow::time64(TimeUnit::MICRO),
      arrow::time64(TimeUnit::NANO),
      arrow::timestamp(TimeUnit::SECOND),
      arrow::timestamp(TimeUnit::MILLI, "UTC"),
      arrow::timestamp(TimeUnit::MICRO),
      arrow::timestamp(TimeUnit::NANO),
      arrow::duration(TimeUnit::NANO),
      arrow::decimal32(7, 2),
      arrow::decimal64(17, 0),
      arrow::decimal128(18, 4),
      arrow::decimal128(38, 4),
      arrow::decimal256(10, 0),
      arrow::decimal256(70, 3),
      arrow::utf8(),
      arrow::large_utf8(),
      arrow::binary(),
      arrow::large_binary(),
      arrow::fixed_size_binary(3),
  };
  return types;
}

/// A number that a column of `type` may hold, made from any number.
int64_t Fit(const arrow::DataType& type, int64_t number) {
  const int64_t of_day = (number & INT64_MAX) % 86'400'000;
  switch (type.id()) {
    case Type::TIME32:
    case Type::TIME64:
      switch (static_cast<const arrow::TimeType&>(type).unit()) {
        case TimeUnit::SECOND:
          return of_day / 1000;
        case TimeUnit::MILLI:
          return of_day;
        case TimeUnit::MICRO:
          return of_day * 1000 + (number & 1) * 999;
        case TimeUnit::NANO:
          return of_day * 1'000'000 + (number & 1) * 999'999;
      }
      return 0;
    case Type::DATE64:
      return number - number % 86'400'000;
    case Type::TIMESTAMP:
      return static_cast<const arrow::TimestampType&>(type).unit() == TimeUnit::SECOND
                 ? number / 1000
                 : number;
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256: {
      int64_t bound = 1;
      const int32_t digits = static_cast<const arrow::DecimalType&>(type).precision();
      for (int32_t i = 0; i < std::min(digits, 18); ++i) bound *= 10;
      return number % bound;
    }
    default:
      return number;
  }
}

ArrayPtr FixedWidthColumn(const TypePtr& type, const std::vector<int64_t>& numbers) {
  const auto width = static_cast<size_t>(type->byte_width());
  std::string bytes;
  for (const int64_t number : numbers) {
    const int64_t fit = Fit(*type, number);
    std::string value(std::max<size_t>(width, 8), fit < 0 ? '\xff' : '\0');
    std::memcpy(value.data(), &fit, sizeof fit);
    bytes += value.substr(0, width);
  }
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, static_cast<int64_t>(numbers.size()),
                             {nullptr, arrow::Buffer::FromString(std::move(bytes))}, 0));
}

std::string AnyText(const arrow::DataType& type) {
  if (type.id() == Type::FIXED_SIZE_BINARY) {
    return *rc::gen::container<std::string>(3, rc::gen::element<char>('\0', '\x01', '\xff', 'a'));
  }
  if (type.id() == Type::BINARY || type.id() == Type::LARGE_BINARY) {
    return *rc::gen::container<std::string>(rc::gen::element<char>('\0', '\x01', '\xff', 'a'));
  }
  std::string text;
  const auto parts = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>(std::string(1, '\0'), "a", "\xc3\xa9", "\xf0\x9f\x8c\x8a"));
  for (const std::string& part : parts) text += part;
  return text;
}

ArrayPtr AnyColumn(const TypePtr& type, size_t rows) {
  std::unique_ptr<arrow::ArrayBuilder> builder = arrow::MakeBuilder(type).ValueOrDie();
  if (arrow::is_base_binary_like(type->id()) || type->id() == Type::FIXED_SIZE_BINARY) {
    for (size_t i = 0; i < rows; ++i) {
      const auto scalar =
          arrow::MakeScalar(type, arrow::Buffer::FromString(AnyText(*type))).ValueOrDie();
      FIRTH_CHECK(builder->AppendScalar(*scalar).ok());
    }
    return builder->Finish().ValueOrDie();
  }
  std::vector<int64_t> numbers(rows);
  for (int64_t& number : numbers) {
    const auto narrow = *rc::gen::inRange<int>(0, 3);
    number = *rc::gen::arbitrary<int64_t>();
    if (narrow == 1) number = *rc::gen::element<int64_t>(0, -1, 1, INT64_MIN, INT64_MAX);
    if (narrow == 2) number = std::bit_cast<int64_t>(*rc::gen::arbitrary<double>());
  }
  if (type->id() != Type::BOOL) return FixedWidthColumn(type, numbers);
  for (const int64_t number : numbers) {
    FIRTH_CHECK(static_cast<arrow::BooleanBuilder&>(*builder).Append(number % 2 == 0).ok());
  }
  return builder->Finish().ValueOrDie();
}

RC_GTEST_PROP(CompactKeyProperty, GivesWhatTheKeyEncoderGives, ()) {
  const auto rows = *rc::gen::inRange<size_t>(1, 6);
  std::vector<TypePtr> types(*rc::gen::inRange<size_t>(1, 4));
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  std::vector<int> indices;
  for (TypePtr& type : types) {
    type = *rc::gen::elementOf(Types());
    fields.push_back(arrow::field("c" + std::to_string(indices.size()), type, false));
    columns.push_back(AnyColumn(type, rows));
    indices.push_back(static_cast<int>(indices.size()));
  }
  const auto batch =
      arrow::RecordBatch::Make(arrow::schema(fields), static_cast<int64_t>(rows), columns);
  std::vector<std::string> compact;
  RC_ASSERT(AppendCompactKey(*batch, indices, &compact).ok());
  std::vector<std::string> canonical;
  RC_ASSERT(KeyEncoder::Make(types).ValueOrDie().Encode(columns, &canonical).ok());
  const CompactKeyCodec codec = CompactKeyCodec::Make(types).ValueOrDie();
  for (size_t i = 0; i < rows; ++i) {
    std::string made = "before";
    RC_ASSERT(codec.ToCanonical(compact[i], /*prefix=*/false, &made).ok());
    RC_ASSERT(made == "before" + canonical[i]);
    made.clear();
    RC_ASSERT(codec.ToCanonical(compact[i], /*prefix=*/true, &made).ok());
    RC_ASSERT(made == canonical[i]);
  }
}

/// Random bytes are a key exactly where they are a row without nulls, and then of the same values.
RC_GTEST_PROP(CompactKeyProperty, TakesWhatRowsTake, ()) {
  const TypePtr type = *rc::gen::elementOf(Types());
  const auto bytes = *rc::gen::container<std::string>(
      rc::gen::element<char>('\0', '\x01', '\x02', '\x03', '\x7f', '\x80', '\xff', 'a'));
  const auto schema = arrow::schema({arrow::field("c", type, false)});
  const auto rows = RowCodec::Make(schema).ValueOrDie();
  const std::string row = std::string(1, '\0') + bytes;
  const auto decoded = rows->Decode({row});
  std::string made;
  const Status status = CompactKeyCodec::Make({type})->ToCanonical(bytes, false, &made);
  RC_ASSERT(status.ok() == decoded.ok());
  if (!status.ok()) {
    RC_ASSERT(ReasonOf(status) == Reason::kCorruptBatch);
    return;
  }
  std::vector<std::string> canonical;
  RC_ASSERT(KeyEncoder::Make({type})->Encode((*decoded)->columns(), &canonical).ok());
  RC_ASSERT(made == canonical[0]);
}

RC_GTEST_PROP(CompactKeyProperty, ACutKeyIsRefusedOrAPrefix, ()) {
  const std::vector<TypePtr> types = {arrow::int32(), arrow::utf8(), arrow::int64()};
  const CompactKeyCodec codec = CompactKeyCodec::Make(types).ValueOrDie();
  arrow::ArrayVector columns;
  arrow::FieldVector fields;
  for (const TypePtr& type : types) {
    fields.push_back(arrow::field(std::to_string(fields.size()), type, false));
    columns.push_back(AnyColumn(type, 1));
  }
  const auto batch = arrow::RecordBatch::Make(arrow::schema(fields), 1, columns);
  std::vector<std::string> keys;
  RC_ASSERT(AppendCompactKey(*batch, {0, 1, 2}, &keys).ok());
  std::string whole;
  RC_ASSERT(codec.ToCanonical(keys[0], false, &whole).ok());
  for (size_t size = 0; size < keys[0].size(); ++size) {
    std::string made;
    const std::string cut = keys[0].substr(0, size);
    RC_ASSERT(ReasonOf(codec.ToCanonical(cut, false, &made)) == Reason::kCorruptBatch);
    made.clear();
    if (codec.ToCanonical(cut, true, &made).ok()) {
      RC_ASSERT(whole.starts_with(made));
    }
  }
  std::string made;
  RC_ASSERT(ReasonOf(codec.ToCanonical(keys[0] + "x", false, &made)) == Reason::kCorruptBatch);
  RC_ASSERT(ReasonOf(codec.ToCanonical(keys[0] + "x", true, &made)) == Reason::kCorruptBatch);
}

std::string Canonical(const std::vector<TypePtr>& types, const std::string& compact_hex,
                      bool prefix = false) {
  std::string made;
  const Status status =
      CompactKeyCodec::Make(types)->ToCanonical(FromHex(compact_hex).ValueOrDie(), prefix, &made);
  return status.ok() ? ToHex(made) : std::string(ReasonName(ReasonOf(status)));
}

/// Key bytes from Fluss's contract.
TEST(CompactKeyTest, GoldenKeys) {
  EXPECT_EQ(Canonical({arrow::int32()}, "01"), "0280000001");
  EXPECT_EQ(Canonical({arrow::int32()}, "ac02"), "028000012c");
  EXPECT_EQ(Canonical({arrow::int32()}, "ffffffff0f"), "027fffffff");
  EXPECT_EQ(Canonical({arrow::int64()}, "ffffffffffffffffff01"), "027fffffffffffffff");
  EXPECT_EQ(Canonical({arrow::utf8()}, "026162"), "0261620001");
  EXPECT_EQ(Canonical({arrow::utf8()}, "00"), "020001");
  EXPECT_EQ(Canonical({arrow::int32(), arrow::utf8()}, "ac020161"), "028000012c02610001");
  EXPECT_EQ(Canonical({arrow::int32(), arrow::utf8()}, "ac02", /*prefix=*/true), "028000012c");
  EXPECT_EQ(Canonical({arrow::int32(), arrow::utf8()}, "", /*prefix=*/true), "");
  // A number in more bytes than it needs is still that number: one key.
  EXPECT_EQ(Canonical({arrow::int32()}, "818000"), "0280000001");
}

TEST(CompactKeyTest, BytesThatAreNoKey) {
  EXPECT_EQ(Canonical({arrow::int32()}, ""), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::int32()}, "80"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::int32()}, "ffffffff1f"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::int32()}, "0101"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::utf8()}, "ffffffff0f"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::utf8()}, "0361"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::utf8()}, "01ff"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::fixed_size_binary(2)}, "0161"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::decimal128(20, 0)}, "00"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::null()}, "00"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::int32(), arrow::utf8()}, "ac"), "corrupt_batch");
  EXPECT_EQ(Canonical({arrow::int32(), arrow::utf8()}, "ac02"), "corrupt_batch");
}

TEST(CompactKeyTest, NestedTypesHaveNoOrder) {
  for (const TypePtr& type : {arrow::list(arrow::int32()), arrow::struct_({})}) {
    EXPECT_EQ(ReasonOf(CompactKeyCodec::Make({arrow::int32(), type}).status()),
              Reason::kInvalidSchema);
  }
}

}  // namespace
}  // namespace firth::schema
