#include "firth/schema/compact_key.h"

#include <arrow/util/decimal.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "firth/common/bytes.h"
#include "firth/common/text.h"
#include "firth/schema/row_node.h"
#include "firth/schema/row_number.h"
#include "firth/schema/varint.h"

namespace firth::schema {
namespace {

constexpr char kValueMarker = 0x02;

Status Corrupt(const RowNode& node, const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
               "in a key's bytes, the " + node.path + " " + what);
}

// -- values in the layout of schema/key.h; the property test holds them against KeyEncoder

template <std::integral C>
void AppendInteger(C value, std::string* out) {
  using U = std::make_unsigned_t<C>;
  constexpr U kFlip = std::is_signed_v<C> ? static_cast<U>(U{1} << (sizeof(C) * 8 - 1)) : U{0};
  AppendBe(out, static_cast<U>(static_cast<U>(value) ^ kFlip));
}

template <std::floating_point C>
void AppendFloat(C value, std::string* out) {
  using U = std::conditional_t<sizeof(C) == 4, uint32_t, uint64_t>;
  constexpr U kSign = static_cast<U>(U{1} << (sizeof(C) * 8 - 1));
  if (value == 0) value = 0;
  if (std::isnan(value)) value = std::numeric_limits<C>::quiet_NaN();
  const U bits = std::bit_cast<U>(value);
  AppendBe(out, static_cast<U>((bits & kSign) != 0 ? ~bits : bits | kSign));
}

/// `value`: little-endian two's complement.
void AppendDecimal(const uint8_t* value, size_t width, std::string* out) {
  const size_t at = out->size();
  out->resize(at + width);
  std::reverse_copy(value, value + width, out->data() + at);
  (*out)[at] = static_cast<char>((*out)[at] ^ 0x80);
}

void AppendText(std::string_view text, std::string* out) {
  for (size_t zero = text.find('\0'); zero != std::string_view::npos; zero = text.find('\0')) {
    out->append(text.substr(0, zero)).append("\x00\xff", 2);
    text.remove_prefix(zero + 1);
  }
  out->append(text).append("\x00\x01", 2);
}

void AppendValue(bool value, std::string* out) {
  out->push_back(value ? 1 : 0);
}
template <typename C>
  requires std::is_arithmetic_v<C>
void AppendValue(C value, std::string* out) {
  if constexpr (std::is_floating_point_v<C>) {
    AppendFloat(value, out);
  } else {
    AppendInteger(value, out);
  }
}
template <size_t kBytes>
void AppendValue(const std::array<uint8_t, kBytes>& value, std::string* out) {
  AppendDecimal(value.data(), kBytes, out);
}

// -- one column: take it from the front of what is left and append it

template <typename Number>
Status TakeNumber(const RowNode& node, const Number& number, std::string_view* rest,
                  std::string* out) {
  using Wire = typename Number::Wire;
  Wire wire{};
  size_t taken = 0;
  if constexpr (Number::kVarint) {
    const char* const next = ReadVarint(rest->data(), rest->data() + rest->size(), &wire);
    if (next == nullptr) return Corrupt(node, "ends too early or is no number");
    taken = static_cast<size_t>(next - rest->data());
  } else {
    if (rest->size() < sizeof wire) return Corrupt(node, "ends too early");
    wire = LoadLe<Wire>(rest->data());
    taken = sizeof wire;
  }
  typename Number::Value value;
  if (!number.FromWire(wire, &value)) return Corrupt(node, "is out of its type's range");
  rest->remove_prefix(taken);
  AppendValue(value, out);
  return Status::OK();
}

Status TakeFine(const RowNode& node, std::string_view* rest, std::string* out) {
  const char* const end = rest->data() + rest->size();
  uint64_t ms = 0;
  uint32_t nanos = 0;
  const char* next = ReadVarint(rest->data(), end, &ms);
  if (next != nullptr) next = ReadVarint(next, end, &nanos);
  if (next == nullptr) return Corrupt(node, "ends too early or is no time");
  int64_t value = 0;
  if (!FineTimestamp::Of(*node.storage).Join(static_cast<int64_t>(ms), nanos, &value)) {
    return Corrupt(node, "is out of its type's range");
  }
  rest->remove_prefix(static_cast<size_t>(next - rest->data()));
  AppendInteger(value, out);
  return Status::OK();
}

template <typename Decimal>
Status AppendBigDecimal(const RowNode& node, std::string_view cell, std::string* out) {
  std::array<uint8_t, sizeof(Decimal)> value;
  if (cell.empty() || cell.size() > value.size()) return Corrupt(node, "is no decimal");
  const bool negative = (static_cast<uint8_t>(cell[0]) & 0x80) != 0;
  std::reverse_copy(cell.begin(), cell.end(), value.begin());
  std::fill(value.begin() + cell.size(), value.end(), static_cast<uint8_t>(negative ? 0xff : 0));
  const int32_t precision = static_cast<const arrow::DecimalType&>(*node.storage).precision();
  if (!Decimal(value.data()).FitsInPrecision(precision)) {
    return Corrupt(node, "has more digits than its type");
  }
  AppendValue(value, out);
  return Status::OK();
}

/// Lengths and bytes.
Status TakeCell(const RowNode& node, std::string_view* rest, std::string* out) {
  uint32_t length = 0;
  const char* const next = ReadVarint(rest->data(), rest->data() + rest->size(), &length);
  if (next == nullptr) return Corrupt(node, "has no length");
  rest->remove_prefix(static_cast<size_t>(next - rest->data()));
  if (length > rest->size()) {
    return Corrupt(node, "has " + std::to_string(rest->size()) + " bytes instead of " +
                             std::to_string(length));
  }
  const std::string_view cell = rest->substr(0, length);
  rest->remove_prefix(length);
  switch (node.kind) {
    case RowNode::Kind::kText:
      if (!IsUtf8(cell)) return Corrupt(node, "is not UTF-8");
      break;
    case RowNode::Kind::kFixedBytes: {
      const auto& type = static_cast<const arrow::FixedSizeBinaryType&>(*node.storage);
      if (cell.size() != static_cast<size_t>(type.byte_width())) {
        return Corrupt(node, "has " + std::to_string(cell.size()) + " bytes instead of " +
                                 std::to_string(type.byte_width()));
      }
      break;
    }
    case RowNode::Kind::kBigDecimal:
      return node.storage->id() == arrow::Type::DECIMAL128
                 ? AppendBigDecimal<arrow::Decimal128>(node, cell, out)
                 : AppendBigDecimal<arrow::Decimal256>(node, cell, out);
    default:
      break;
  }
  AppendText(cell, out);
  return Status::OK();
}

Status TakeColumn(const RowNode& node, std::string_view* rest, std::string* out) {
  switch (node.kind) {
    case RowNode::Kind::kBool:
      if (rest->empty()) return Corrupt(node, "ends too early");
      AppendValue(rest->front() != 0, out);
      rest->remove_prefix(1);
      return Status::OK();
    case RowNode::Kind::kNumber:
      return VisitNumber(*node.storage,
                         [&](const auto number) { return TakeNumber(node, number, rest, out); });
    case RowNode::Kind::kFine:
      return TakeFine(node, rest, out);
    case RowNode::Kind::kNull:
      return Corrupt(node, "has a type without values");
    default:
      return TakeCell(node, rest, out);
  }
}

}  // namespace

Result<CompactKeyCodec> CompactKeyCodec::Make(std::vector<std::shared_ptr<arrow::DataType>> types) {
  auto columns = std::make_shared<std::vector<RowNode>>();
  for (size_t c = 0; c < types.size(); ++c) {
    const auto field =
        arrow::field("key column " + std::to_string(c + 1), types[c], /*nullable=*/false);
    ARROW_ASSIGN_OR_RAISE(RowNode node, RowNode::Make(*field));
    if (node.IsNested()) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   "values of the type " + types[c]->ToString() + " have no order");
    }
    columns->push_back(std::move(node));
  }
  return CompactKeyCodec(std::move(columns));
}

Status CompactKeyCodec::ToCanonical(std::string_view compact, bool prefix, std::string* out) const {
  std::string_view rest = compact;
  for (const RowNode& node : *columns_) {
    if (prefix && rest.empty()) return Status::OK();
    out->push_back(kValueMarker);
    ARROW_RETURN_NOT_OK(TakeColumn(node, &rest, out));
  }
  if (rest.empty()) return Status::OK();
  return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
               "a key has " + std::to_string(rest.size()) + " bytes behind its last column");
}

}  // namespace firth::schema
