#include "firth/schema/key.h"

#include <arrow/array/array_base.h>
#include <arrow/array/array_binary.h>
#include <arrow/array/array_primitive.h>
#include <arrow/extension_type.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/common/text.h"
#include "firth/schema/types.h"

namespace firth::schema {
namespace {

using arrow::Type;

constexpr char kNull = 0x01;
constexpr char kValue = 0x02;

Status BadKey(const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kNone, "the key bytes " + what);
}

// -- Codecs: `Append` writes the value at `index` of an array; `Read` takes a value from key bytes.

/// Integers, and what is stored as one.
template <typename C>
struct IntegerOrder {
  using U = std::make_unsigned_t<C>;
  static constexpr U kFlip = std::is_signed_v<C> ? static_cast<U>(U{1} << (sizeof(C) * 8 - 1)) : 0;

  static void Append(const arrow::ArrayData& data, int64_t index, std::string* out) {
    AppendValue(data.GetValues<C>(1)[index], out);
  }
  static void AppendValue(C value, std::string* out) {
    AppendBe(out, static_cast<U>(static_cast<U>(value) ^ kFlip));
  }
  static C Read(ByteReader* in) { return static_cast<C>(in->Be<U>() ^ kFlip); }
};

/// IEEE 754 floats in their total order, with one zero and one not-a-number.
template <typename C>
struct FloatOrder {
  using U = std::conditional_t<sizeof(C) == 4, uint32_t, uint64_t>;
  static constexpr U kSign = static_cast<U>(U{1} << (sizeof(C) * 8 - 1));

  static void Append(const arrow::ArrayData& data, int64_t index, std::string* out) {
    AppendValue(data.GetValues<C>(1)[index], out);
  }
  static void AppendValue(C value, std::string* out) {
    if (value == 0) value = 0;  // of both zeros, the positive one
    if (std::isnan(value)) value = std::numeric_limits<C>::quiet_NaN();
    const U bits = std::bit_cast<U>(value);
    AppendBe(out, static_cast<U>((bits & kSign) != 0 ? ~bits : bits | kSign));
  }
  static C Read(ByteReader* in) {
    const U bits = in->Be<U>();
    return std::bit_cast<C>(static_cast<U>((bits & kSign) != 0 ? bits ^ kSign : ~bits));
  }
};

void AppendEscaped(std::string_view text, std::string* out) {
  while (true) {
    const size_t zero = text.find('\0');
    out->append(text.substr(0, zero));
    if (zero == std::string_view::npos) break;
    out->append("\x00\xff", 2);
    text.remove_prefix(zero + 1);
  }
  out->append("\x00\x01", 2);
}

Result<std::string> ReadEscaped(ByteReader* in) {
  std::string text;
  while (true) {
    const std::string_view rest = AsText(in->rest());
    const size_t zero = rest.find('\0');
    if (zero == std::string_view::npos || zero + 1 == rest.size()) {
      return BadKey("end inside a text");
    }
    text.append(rest.substr(0, zero));
    in->Take(zero + 1);
    const auto next = in->Le<uint8_t>();
    if (next == 0x01) return text;
    if (next != 0xff) return BadKey("have a wrong escape in a text");
    text.push_back('\0');
  }
}

/// `width` bytes, little-endian two's complement, as Arrow stores decimals.
void AppendDecimal(const uint8_t* value, size_t width, std::string* out) {
  const size_t at = out->size();
  out->resize(at + width);
  std::reverse_copy(value, value + width, out->data() + at);
  (*out)[at] = static_cast<char>((*out)[at] ^ 0x80);
}

size_t DecimalWidth(const arrow::DataType& type) {
  return static_cast<size_t>(static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width());
}

bool DecimalFits(const arrow::DataType& type, const uint8_t* value) {
  const int32_t precision = static_cast<const arrow::DecimalType&>(type).precision();
  switch (type.id()) {
    case Type::DECIMAL32:
      return arrow::Decimal32(value).FitsInPrecision(precision);
    case Type::DECIMAL64:
      return arrow::Decimal64(value).FitsInPrecision(precision);
    case Type::DECIMAL128:
      return arrow::Decimal128(value).FitsInPrecision(precision);
    default:
      return arrow::Decimal256(value).FitsInPrecision(precision);
  }
}

/// Call `visit` with the integer codec of a type that is stored as an integer or with that of a
/// float.
template <typename Visit>
void VisitFixed(const arrow::DataType& type, Visit&& visit) {
  switch (type.id()) {
    case Type::INT8:
      return visit(IntegerOrder<int8_t>{});
    case Type::INT16:
      return visit(IntegerOrder<int16_t>{});
    case Type::INT32:
    case Type::DATE32:
    case Type::TIME32:
      return visit(IntegerOrder<int32_t>{});
    case Type::INT64:
    case Type::DATE64:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::DURATION:
      return visit(IntegerOrder<int64_t>{});
    case Type::UINT8:
      return visit(IntegerOrder<uint8_t>{});
    case Type::UINT16:
      return visit(IntegerOrder<uint16_t>{});
    case Type::UINT32:
      return visit(IntegerOrder<uint32_t>{});
    case Type::UINT64:
      return visit(IntegerOrder<uint64_t>{});
    case Type::FLOAT:
      return visit(FloatOrder<float>{});
    case Type::DOUBLE:
      return visit(FloatOrder<double>{});
    default:
      FIRTH_CHECK(false);
  }
}

/// Append `append(i)` behind a marker to each text of `out`, which has one a row of `array`.
template <typename Append>
void AppendColumn(const arrow::Array& array, std::string* out, Append&& append) {
  const bool no_nulls = array.null_count() == 0 && array.type_id() != Type::NA;
  for (int64_t i = 0; i < array.length(); ++i, ++out) {
    if (no_nulls || array.IsValid(i)) {
      out->push_back(kValue);
      append(i, out);
    } else {
      out->push_back(kNull);
    }
  }
}

template <typename ArrayType>
void AppendTexts(const arrow::Array& array, std::string* out) {
  const auto& typed = static_cast<const ArrayType&>(array);
  AppendColumn(array, out, [&](int64_t i, std::string* key) {
    AppendEscaped(std::string_view(typed.GetView(i)), key);
  });
}

void AppendArray(const arrow::Array& outer, std::string* out) {
  if (outer.type_id() == Type::EXTENSION) {
    return AppendArray(*static_cast<const arrow::ExtensionArray&>(outer).storage(), out);
  }
  switch (outer.type_id()) {
    case Type::NA:
      return AppendColumn(outer, out, [](int64_t, std::string*) {});
    case Type::BOOL: {
      const auto& typed = static_cast<const arrow::BooleanArray&>(outer);
      return AppendColumn(
          outer, out, [&](int64_t i, std::string* key) { key->push_back(typed.Value(i) ? 1 : 0); });
    }
    case Type::STRING:
    case Type::BINARY:
      return AppendTexts<arrow::BinaryArray>(outer, out);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return AppendTexts<arrow::LargeBinaryArray>(outer, out);
    case Type::FIXED_SIZE_BINARY:
      return AppendTexts<arrow::FixedSizeBinaryArray>(outer, out);
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256: {
      const auto& typed = static_cast<const arrow::FixedSizeBinaryArray&>(outer);
      const size_t width = DecimalWidth(*outer.type());
      return AppendColumn(outer, out, [&](int64_t i, std::string* key) {
        AppendDecimal(typed.GetValue(i), width, key);
      });
    }
    default:
      VisitFixed(*outer.type(), [&](auto order) {
        AppendColumn(outer, out, [&](int64_t i, std::string* key) {
          decltype(order)::Append(*outer.data(), i, key);
        });
      });
  }
}

void AppendScalar(const arrow::Scalar& outer, std::string* out) {
  if (!outer.is_valid) {
    out->push_back(kNull);
    return;
  }
  if (outer.type->id() == Type::EXTENSION) {
    return AppendScalar(*static_cast<const arrow::ExtensionScalar&>(outer).value, out);
  }
  out->push_back(kValue);
  const auto bytes = [&] {
    return static_cast<const arrow::internal::PrimitiveScalarBase&>(outer).view();
  };
  switch (outer.type->id()) {
    case Type::BOOL:
      out->push_back(static_cast<const arrow::BooleanScalar&>(outer).value ? 1 : 0);
      break;
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
    case Type::FIXED_SIZE_BINARY:
      AppendEscaped(static_cast<const arrow::BaseBinaryScalar&>(outer).view(), out);
      break;
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256: {
      const std::string_view value = bytes();
      AppendDecimal(reinterpret_cast<const uint8_t*>(value.data()), value.size(), out);
      break;
    }
    default:
      VisitFixed(*outer.type, [&](auto order) {
        using C = decltype(order.Read(nullptr));
        C value;
        std::memcpy(&value, bytes().data(), sizeof value);
        decltype(order)::AppendValue(value, out);
      });
  }
}

using ScalarPtr = std::shared_ptr<arrow::Scalar>;

bool IsTimeOfDay(const arrow::DataType& type, int64_t value) {
  int64_t per_day = 86'400;
  switch (static_cast<const arrow::TimeType&>(type).unit()) {
    case arrow::TimeUnit::SECOND:
      break;
    case arrow::TimeUnit::MILLI:
      per_day *= 1'000;
      break;
    case arrow::TimeUnit::MICRO:
      per_day *= 1'000'000;
      break;
    case arrow::TimeUnit::NANO:
      per_day *= 1'000'000'000;
      break;
  }
  return value >= 0 && value < per_day;
}

/// Is this number one that its type has?
template <typename C>
bool IsValueOf(const arrow::DataType& type, C value) {
  if constexpr (std::is_same_v<C, int32_t> || std::is_same_v<C, int64_t>) {
    if (type.id() == Type::TIME32 || type.id() == Type::TIME64) return IsTimeOfDay(type, value);
    if (type.id() == Type::DATE64) return static_cast<int64_t>(value) % 86'400'000 == 0;
  }
  return true;
}

Result<ScalarPtr> ReadFixed(const std::shared_ptr<arrow::DataType>& type, ByteReader* in) {
  Result<ScalarPtr> scalar = BadKey("hold a number that their type does not have");
  VisitFixed(*type, [&](auto order) {
    const auto value = decltype(order)::Read(in);
    if (IsValueOf(*type, value)) scalar = arrow::MakeScalar(type, value);
  });
  return scalar;
}

Result<ScalarPtr> ReadDecimal(const std::shared_ptr<arrow::DataType>& type, ByteReader* in) {
  const Bytes bytes = in->Take(DecimalWidth(*type));
  if (!in->ok()) return BadKey("end inside a decimal");
  uint8_t value[32];
  std::transform(bytes.rbegin(), bytes.rend(), value,
                 [](std::byte b) { return static_cast<uint8_t>(b); });
  value[bytes.size() - 1] ^= 0x80;
  if (!DecimalFits(*type, value)) return BadKey("hold a decimal of too many digits");
  switch (type->id()) {
    case Type::DECIMAL32:
      return std::make_shared<arrow::Decimal32Scalar>(arrow::Decimal32(value), type);
    case Type::DECIMAL64:
      return std::make_shared<arrow::Decimal64Scalar>(arrow::Decimal64(value), type);
    case Type::DECIMAL128:
      return std::make_shared<arrow::Decimal128Scalar>(arrow::Decimal128(value), type);
    default:
      return std::make_shared<arrow::Decimal256Scalar>(arrow::Decimal256(value), type);
  }
}

Result<ScalarPtr> ReadText(const std::shared_ptr<arrow::DataType>& type, ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(std::string text, ReadEscaped(in));
  if ((type->id() == Type::STRING || type->id() == Type::LARGE_STRING) && !IsUtf8(text)) {
    return BadKey("hold text that is not UTF-8");
  }
  if (type->id() == Type::FIXED_SIZE_BINARY &&
      text.size() !=
          static_cast<size_t>(static_cast<const arrow::FixedSizeBinaryType&>(*type).byte_width())) {
    return BadKey("hold a value of a wrong length");
  }
  return arrow::MakeScalar(type, arrow::Buffer::FromString(std::move(text)));
}

Result<ScalarPtr> ReadScalar(const std::shared_ptr<arrow::DataType>& type, ByteReader* in) {
  if (type->id() == Type::EXTENSION) {
    ARROW_ASSIGN_OR_RAISE(auto storage, ReadScalar(StorageTypePtr(type), in));
    const bool valid = storage->is_valid;
    return std::make_shared<arrow::ExtensionScalar>(std::move(storage), type, valid);
  }
  const auto marker = in->Le<char>();
  if (marker == kNull && in->ok()) return arrow::MakeNullScalar(type);
  if (marker != kValue || type->id() == Type::NA) return BadKey("have a wrong marker");
  switch (type->id()) {
    case Type::BOOL: {
      const auto value = in->Le<uint8_t>();
      if (value > 1) return BadKey("hold a boolean that is neither 0 nor 1");
      return std::make_shared<arrow::BooleanScalar>(value == 1);
    }
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
    case Type::FIXED_SIZE_BINARY:
      return ReadText(type, in);
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256:
      return ReadDecimal(type, in);
    default:
      return ReadFixed(type, in);
  }
}

}  // namespace

Result<KeyEncoder> KeyEncoder::Make(std::vector<std::shared_ptr<arrow::DataType>> types) {
  for (const auto& type : types) {
    const arrow::DataType& storage = StorageType(*type);
    if (!IsStorable(storage) || arrow::is_nested(storage.id())) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   "values of the type " + type->ToString() + " have no order");
    }
  }
  return KeyEncoder(std::move(types));
}

Status KeyEncoder::Encode(const std::vector<std::shared_ptr<arrow::Array>>& columns,
                          std::vector<std::string>* out) const {
  if (columns.size() != types_.size()) {
    return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                 "the key has " + std::to_string(types_.size()) + " columns, not " +
                     std::to_string(columns.size()));
  }
  for (size_t c = 0; c < columns.size(); ++c) {
    if (!columns[c]->type()->Equals(*types_[c])) {
      return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                   "column " + std::to_string(c) + " of the key has the type " +
                       columns[c]->type()->ToString() + " instead of " + types_[c]->ToString());
    }
    FIRTH_CHECK(columns[c]->length() == columns[0]->length());
  }
  if (columns.empty()) return Status::OK();
  const size_t before = out->size();
  out->resize(before + static_cast<size_t>(columns[0]->length()));
  for (const auto& column : columns) AppendArray(*column, out->data() + before);
  return Status::OK();
}

Status KeyEncoder::EncodeScalars(const std::vector<std::shared_ptr<arrow::Scalar>>& values,
                                 std::string* out) const {
  if (values.size() > types_.size()) {
    return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                 "the key has " + std::to_string(types_.size()) + " columns, not " +
                     std::to_string(values.size()));
  }
  for (size_t c = 0; c < values.size(); ++c) {
    if (!values[c]->type->Equals(*types_[c])) {
      return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                   "column " + std::to_string(c) + " of the key has the type " +
                       values[c]->type->ToString() + " instead of " + types_[c]->ToString());
    }
  }
  for (const auto& value : values) AppendScalar(*value, out);
  return Status::OK();
}

Result<std::vector<std::shared_ptr<arrow::Scalar>>> KeyEncoder::Decode(std::string_view key) const {
  ByteReader in(AsBytes(key));
  std::vector<std::shared_ptr<arrow::Scalar>> values;
  values.reserve(types_.size());
  for (const auto& type : types_) {
    ARROW_ASSIGN_OR_RAISE(auto value, ReadScalar(type, &in));
    values.push_back(std::move(value));
  }
  if (!in.ok() || in.remaining() > 0) return BadKey("are not of the length of a key");
  // Each key has one spelling: what would be written otherwise was not written by us.
  std::string again;
  ARROW_RETURN_NOT_OK(EncodeScalars(values, &again));
  if (again != key) return BadKey("hold a zero or a not-a-number in a form that is not used");
  return values;
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(end.back() + 1);
  return end;
}

}  // namespace firth::schema
