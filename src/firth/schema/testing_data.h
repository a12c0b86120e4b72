// Random schemas, columns and rows of every type that a table can hold, for tests of this room and
// of those above it. Reproducible: everything follows from the seed.
#pragma once

#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "firth/common/status.h"
#include "firth/schema/schema.h"
#include "firth/schema/types.h"

namespace firth::schema {

class DataMaker {
 public:
  /// `rows_only`: values that a compact row keeps exactly wherever they stand, which are those
  /// whose time of day is whole milliseconds (lists hold no others) and whose timestamp in seconds
  /// is one in milliseconds too.
  explicit DataMaker(uint64_t seed, bool rows_only = false)
      : random_(seed), rows_only_(rows_only) {}

  /// A number in [0, limit).
  uint64_t Below(uint64_t limit) { return random_() % limit; }
  bool OneIn(uint64_t chances) { return Below(chances) == 0; }

  /// A type without children.
  std::shared_ptr<arrow::DataType> FlatType() {
    const auto unit = static_cast<arrow::TimeUnit::type>(Below(4));
    switch (Below(26)) {
      case 0:
        return arrow::boolean();
      case 1:
        return arrow::int8();
      case 2:
        return arrow::int16();
      case 3:
        return arrow::int32();
      case 4:
        return arrow::int64();
      case 5:
        return arrow::uint8();
      case 6:
        return arrow::uint16();
      case 7:
        return arrow::uint32();
      case 8:
        return arrow::uint64();
      case 9:
        return arrow::float32();
      case 10:
        return arrow::float64();
      case 11:
        return arrow::binary();
      case 12:
        return arrow::large_utf8();
      case 13:
        return arrow::large_binary();
      case 14:
        return arrow::fixed_size_binary(static_cast<int32_t>(Below(20)));
      case 15:
        return arrow::date32();
      case 16:
        return arrow::date64();
      case 17:
        return arrow::time32(OneIn(2) ? arrow::TimeUnit::SECOND : arrow::TimeUnit::MILLI);
      case 18:
        return arrow::time64(OneIn(2) ? arrow::TimeUnit::MICRO : arrow::TimeUnit::NANO);
      case 19:
        return arrow::timestamp(unit, OneIn(2) ? "UTC" : "");
      case 20:
        return arrow::duration(unit);
      case 21:
        return DecimalType<arrow::Decimal32Type>(9);
      case 22:
        return DecimalType<arrow::Decimal64Type>(18);
      case 23:
        return DecimalType<arrow::Decimal128Type>(38);
      case 24:
        return DecimalType<arrow::Decimal256Type>(76);
      default:
        return arrow::utf8();
    }
  }

  /// Any type, nested at most `depth` deep.
  std::shared_ptr<arrow::DataType> Type(int depth) {
    if (depth <= 0 || !OneIn(3)) return OneIn(40) ? arrow::null() : FlatType();
    switch (Below(5)) {
      case 0:
        return arrow::list(Field("item", Type(depth - 1)));
      case 1:
        return arrow::large_list(Field("item", Type(depth - 1)));
      case 2:
        return arrow::fixed_size_list(Field("item", Type(depth - 1)),
                                      static_cast<int32_t>(Below(4)));
      case 3: {
        auto key = FlatType();
        return arrow::map(std::move(key), Field("value", Type(depth - 1)));
      }
      default: {
        arrow::FieldVector fields;
        for (uint64_t i = 0; i < 1 + Below(11); ++i) {
          fields.push_back(Field("f" + std::to_string(i), Type(depth - 1)));
        }
        return arrow::struct_(std::move(fields));
      }
    }
  }

  /// A schema, without field ids.
  std::shared_ptr<arrow::Schema> Schema(int columns, int depth) {
    arrow::FieldVector fields;
    for (int i = 0; i < columns; ++i) fields.push_back(Field("c" + std::to_string(i), Type(depth)));
    return arrow::schema(std::move(fields));
  }

  std::shared_ptr<arrow::RecordBatch> Batch(const std::shared_ptr<arrow::Schema>& schema,
                                            int64_t rows) {
    arrow::ArrayVector columns;
    for (const auto& field : schema->fields()) columns.push_back(Column(*field, rows));
    return arrow::RecordBatch::Make(schema, rows, std::move(columns));
  }

  /// A column, at times a slice of a longer one.
  std::shared_ptr<arrow::Array> Column(const arrow::Field& field, int64_t rows) {
    const int64_t before = OneIn(3) ? static_cast<int64_t>(Below(20)) : 0;
    const int64_t after = OneIn(3) ? static_cast<int64_t>(Below(20)) : 0;
    auto builder = arrow::MakeBuilder(field.type()).ValueOrDie();
    for (int64_t i = 0; i < before + rows + after; ++i) Append(field, builder.get());
    return builder->Finish().ValueOrDie()->Slice(before, rows);
  }

  std::string Bytes(size_t length) {
    std::string bytes(length, '\0');
    for (char& c : bytes) c = static_cast<char>(random_());
    return bytes;
  }

  /// Text of all kinds of characters, with zeros among them.
  std::string Text() {
    static const std::vector<std::string> kPieces = {"a",
                                                     "b",
                                                     "Z",
                                                     "9",
                                                     " ",
                                                     std::string(1, '\0'),
                                                     "\x01",
                                                     "\xc3\xa9",
                                                     "\xe2\x82\xac",
                                                     "\xf0\x9f\x98\x80",
                                                     "\"",
                                                     ",",
                                                     "\n",
                                                     "\\",
                                                     "|",
                                                     "\t",
                                                     "\x7f",
                                                     "null",
                                                     "longer than seven"};
    std::string text;
    for (uint64_t i = Below(OneIn(10) ? 60 : 6); i > 0; --i) text += kPieces[Below(kPieces.size())];
    return text;
  }

 private:
  template <typename DecimalTypeClass>
  std::shared_ptr<arrow::DataType> DecimalType(uint64_t digits) {
    const auto precision = static_cast<int32_t>(1 + Below(digits));
    return std::make_shared<DecimalTypeClass>(
        precision, static_cast<int32_t>(Below(static_cast<uint64_t>(precision) + 1)));
  }

  std::shared_ptr<arrow::Field> Field(std::string name, std::shared_ptr<arrow::DataType> type) {
    const bool nullable = type->id() == arrow::Type::NA || !OneIn(4);
    return arrow::field(std::move(name), std::move(type), nullable);
  }

  int64_t Integer() {
    switch (Below(6)) {
      case 0:
        return std::numeric_limits<int64_t>::min();
      case 1:
        return std::numeric_limits<int64_t>::max();
      case 2:
        return static_cast<int64_t>(Below(5)) - 2;
      default:
        return static_cast<int64_t>(random_()) >> Below(64);
    }
  }

  template <typename Float>
  Float Real() {
    using Limits = std::numeric_limits<Float>;
    switch (Below(9)) {
      case 0:
        return Float{0} * Float{-1};
      case 1:
        return Limits::infinity();
      case 2:
        return -Limits::infinity();
      case 3:
        return Limits::quiet_NaN();
      case 4:
        return Limits::denorm_min();
      case 5:
        return Limits::lowest();
      default:
        return static_cast<Float>(Integer()) / static_cast<Float>(1 + Below(1000));
    }
  }

  /// A decimal of up to `precision` digits, all of them nines at times.
  template <typename Decimal>
  Decimal AnyDecimal(int32_t precision) {
    std::string digits;
    const uint64_t length =
        OneIn(3) ? static_cast<uint64_t>(precision) : 1 + Below(static_cast<uint64_t>(precision));
    const bool nines = OneIn(4);
    for (uint64_t i = 0; i < length; ++i) {
      digits.push_back(nines ? '9' : static_cast<char>('0' + Below(10)));
    }
    if (OneIn(2)) digits.insert(0, "-");
    return Decimal::FromString(digits).ValueOrDie();
  }

  template <typename Builder>
  void AppendTo(arrow::ArrayBuilder* builder, int64_t value) {
    using C = typename Builder::value_type;
    FIRTH_CHECK(static_cast<Builder*>(builder)->Append(static_cast<C>(value)).ok());
  }

  int64_t TimeOfDay(arrow::TimeUnit::type unit) {
    int64_t per_second = 1;
    for (int i = 0; i < static_cast<int>(unit); ++i) per_second *= 1000;
    const int64_t last = 86'400 * per_second - 1;
    int64_t value = OneIn(8) ? last : static_cast<int64_t>(Below(static_cast<uint64_t>(last + 1)));
    if (rows_only_ && per_second > 1000) value -= value % (per_second / 1000);
    return value;
  }

  void Append(const arrow::Field& field, arrow::ArrayBuilder* builder) {
    const arrow::DataType& type = *field.type();
    if (type.id() == arrow::Type::NA || (field.nullable() && OneIn(5))) {
      FIRTH_CHECK(builder->AppendNull().ok());
      return;
    }
    switch (type.id()) {
      case arrow::Type::BOOL:
        return AppendTo<arrow::BooleanBuilder>(builder, static_cast<int64_t>(Below(2)));
      case arrow::Type::INT8:
        return AppendTo<arrow::Int8Builder>(builder, Integer());
      case arrow::Type::INT16:
        return AppendTo<arrow::Int16Builder>(builder, Integer());
      case arrow::Type::INT32:
        return AppendTo<arrow::Int32Builder>(builder, Integer());
      case arrow::Type::INT64:
        return AppendTo<arrow::Int64Builder>(builder, Integer());
      case arrow::Type::UINT8:
        return AppendTo<arrow::UInt8Builder>(builder, Integer());
      case arrow::Type::UINT16:
        return AppendTo<arrow::UInt16Builder>(builder, Integer());
      case arrow::Type::UINT32:
        return AppendTo<arrow::UInt32Builder>(builder, Integer());
      case arrow::Type::UINT64:
        return AppendTo<arrow::UInt64Builder>(builder, Integer());
      case arrow::Type::FLOAT:
        FIRTH_CHECK(static_cast<arrow::FloatBuilder*>(builder)->Append(Real<float>()).ok());
        return;
      case arrow::Type::DOUBLE:
        FIRTH_CHECK(static_cast<arrow::DoubleBuilder*>(builder)->Append(Real<double>()).ok());
        return;
      case arrow::Type::DATE32:
        return AppendTo<arrow::Date32Builder>(builder, Integer());
      case arrow::Type::DATE64: {
        const int64_t value = Integer();
        return AppendTo<arrow::Date64Builder>(builder, value - value % 86'400'000);
      }
      case arrow::Type::TIME32:
        return AppendTo<arrow::Time32Builder>(
            builder, TimeOfDay(static_cast<const arrow::TimeType&>(type).unit()));
      case arrow::Type::TIME64:
        return AppendTo<arrow::Time64Builder>(
            builder, TimeOfDay(static_cast<const arrow::TimeType&>(type).unit()));
      case arrow::Type::TIMESTAMP: {
        const auto unit = static_cast<const arrow::TimestampType&>(type).unit();
        const bool shrink = rows_only_ && unit == arrow::TimeUnit::SECOND;
        return AppendTo<arrow::TimestampBuilder>(builder, shrink ? Integer() / 1000 : Integer());
      }
      case arrow::Type::DURATION:
        return AppendTo<arrow::DurationBuilder>(builder, Integer());
      case arrow::Type::DECIMAL32:
      case arrow::Type::DECIMAL64:
      case arrow::Type::DECIMAL128:
      case arrow::Type::DECIMAL256:
        return AppendDecimal(type, builder);
      case arrow::Type::STRING:
        FIRTH_CHECK(static_cast<arrow::StringBuilder*>(builder)->Append(Text()).ok());
        return;
      case arrow::Type::LARGE_STRING:
        FIRTH_CHECK(static_cast<arrow::LargeStringBuilder*>(builder)->Append(Text()).ok());
        return;
      case arrow::Type::BINARY:
        FIRTH_CHECK(static_cast<arrow::BinaryBuilder*>(builder)->Append(Bytes(Below(20))).ok());
        return;
      case arrow::Type::LARGE_BINARY:
        FIRTH_CHECK(
            static_cast<arrow::LargeBinaryBuilder*>(builder)->Append(Bytes(Below(20))).ok());
        return;
      case arrow::Type::FIXED_SIZE_BINARY: {
        const auto width = static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width();
        const std::string bytes = Bytes(static_cast<size_t>(width));
        FIRTH_CHECK(static_cast<arrow::FixedSizeBinaryBuilder*>(builder)->Append(bytes).ok());
        return;
      }
      default:
        return AppendNested(type, builder);
    }
  }

  void AppendDecimal(const arrow::DataType& type, arrow::ArrayBuilder* builder) {
    const int32_t precision = static_cast<const arrow::DecimalType&>(type).precision();
    Status status;
    switch (type.id()) {
      case arrow::Type::DECIMAL32:
        status = static_cast<arrow::Decimal32Builder*>(builder)->Append(
            AnyDecimal<arrow::Decimal32>(precision));
        break;
      case arrow::Type::DECIMAL64:
        status = static_cast<arrow::Decimal64Builder*>(builder)->Append(
            AnyDecimal<arrow::Decimal64>(precision));
        break;
      case arrow::Type::DECIMAL128:
        status = static_cast<arrow::Decimal128Builder*>(builder)->Append(
            AnyDecimal<arrow::Decimal128>(precision));
        break;
      default:
        status = static_cast<arrow::Decimal256Builder*>(builder)->Append(
            AnyDecimal<arrow::Decimal256>(precision));
    }
    FIRTH_CHECK(status.ok());
  }

  void AppendNested(const arrow::DataType& type, arrow::ArrayBuilder* builder) {
    const uint64_t items = Below(OneIn(10) ? 40 : 5);
    switch (type.id()) {
      case arrow::Type::LIST: {
        auto* list = static_cast<arrow::ListBuilder*>(builder);
        FIRTH_CHECK(list->Append().ok());
        for (uint64_t i = 0; i < items; ++i) Append(*type.field(0), list->value_builder());
        return;
      }
      case arrow::Type::LARGE_LIST: {
        auto* list = static_cast<arrow::LargeListBuilder*>(builder);
        FIRTH_CHECK(list->Append().ok());
        for (uint64_t i = 0; i < items; ++i) Append(*type.field(0), list->value_builder());
        return;
      }
      case arrow::Type::FIXED_SIZE_LIST: {
        auto* list = static_cast<arrow::FixedSizeListBuilder*>(builder);
        FIRTH_CHECK(list->Append().ok());
        const int32_t size = static_cast<const arrow::FixedSizeListType&>(type).list_size();
        for (int32_t i = 0; i < size; ++i) Append(*type.field(0), list->value_builder());
        return;
      }
      case arrow::Type::MAP: {
        auto* map = static_cast<arrow::MapBuilder*>(builder);
        const auto& map_type = static_cast<const arrow::MapType&>(type);
        FIRTH_CHECK(map->Append().ok());
        for (uint64_t i = 0; i < items; ++i) {
          Append(*map_type.key_field(), map->key_builder());
          Append(*map_type.item_field(), map->item_builder());
        }
        return;
      }
      default: {
        auto* rows = static_cast<arrow::StructBuilder*>(builder);
        FIRTH_CHECK(rows->Append().ok());
        for (int i = 0; i < type.num_fields(); ++i) {
          Append(*type.field(i), rows->field_builder(i));
        }
      }
    }
  }

  std::mt19937_64 random_;
  const bool rows_only_;
};

/// Are the columns equal to the bit, one not-a-number being as good as another?
inline bool SameColumns(const arrow::RecordBatch& a, const arrow::RecordBatch& b) {
  const auto exactly = arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(false);
  return a.Equals(b, /*check_metadata=*/false, exactly);
}

}  // namespace firth::schema
