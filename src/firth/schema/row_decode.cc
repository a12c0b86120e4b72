#include "firth/schema/row_decode.h"

#include <arrow/buffer.h>
#include <arrow/util/bit_util.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/common/text.h"
#include "firth/schema/row_number.h"
#include "firth/schema/varint.h"

namespace firth::schema {
namespace {

using arrow::ArrayData;
using arrow::Type;
using Kind = RowNode::Kind;
using DataPtr = std::shared_ptr<ArrayData>;
using BufferPtr = std::shared_ptr<arrow::Buffer>;
using Views = std::vector<std::string_view>;  // a null has no data pointer

Status Corrupt(const RowNode& node, const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
               "in a row's bytes, the column '" + node.path + "' " + what);
}
Status Ends(const RowNode& node) {
  return Corrupt(node, "ends too early or is no number");
}
Status OutOfRange(const RowNode& node) {
  return Corrupt(node, "has a value that is out of its type's range");
}

/// One flag a value.
using Valid = std::vector<uint8_t>;

/// The validity bitmap of an array; none where all are valid.
struct Bitmap {
  BufferPtr buffer;
  int64_t null_count = 0;
};

Result<Bitmap> MakeBitmap(const Valid& valid) {
  Bitmap bitmap;
  for (const uint8_t v : valid) bitmap.null_count += 1 - v;
  if (bitmap.null_count == 0) return bitmap;
  ARROW_ASSIGN_OR_RAISE(bitmap.buffer,
                        arrow::AllocateEmptyBitmap(static_cast<int64_t>(valid.size())));
  uint8_t* bits = bitmap.buffer->mutable_data();
  for (size_t i = 0; i < valid.size(); ++i) {
    bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | (valid[i] << (i % 8)));
  }
  return bitmap;
}

/// What one call may still allocate: a null costs a row one bit and Arrow as much as a value, so
/// that hostile rows could ask for a thousand times their length.
class Budget {
 public:
  Status Take(const RowNode& node, size_t count, size_t width) {
    if (width != 0 && count > left_ / width) {
      return Error(Code::kResourceExhausted, Reason::kBatchTooLarge,
                   "the rows would take more than " + std::to_string(kDecodedBytesMax) +
                       " bytes (at the column '" + node.path + "')");
    }
    left_ -= count * width;
    return Status::OK();
  }
  Result<BufferPtr> Allocate(const RowNode& node, size_t count, size_t width) {
    ARROW_RETURN_NOT_OK(Take(node, count, width));
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                          arrow::AllocateBuffer(static_cast<int64_t>(count * width)));
    return buffer;
  }

 private:
  size_t left_ = kDecodedBytesMax;
};

Result<DataPtr> FixedWidth(const RowNode& node, const Valid& valid, BufferPtr values) {
  ARROW_ASSIGN_OR_RAISE(Bitmap bitmap, MakeBitmap(valid));
  return ArrayData::Make(node.type, static_cast<int64_t>(valid.size()),
                         {std::move(bitmap.buffer), std::move(values)}, bitmap.null_count);
}

Result<DataPtr> Nulls(const RowNode& node, size_t count) {
  return ArrayData::Make(node.type, static_cast<int64_t>(count), {nullptr},
                         static_cast<int64_t>(count));
}

/// A column of booleans from one byte each.
Result<DataPtr> Booleans(const RowNode& node, const Valid& valid, const Valid& bytes) {
  ARROW_ASSIGN_OR_RAISE(BufferPtr values,
                        arrow::AllocateEmptyBitmap(static_cast<int64_t>(bytes.size())));
  uint8_t* bits = values->mutable_data();
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != 0) bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | (1 << (i % 8)));
  }
  return FixedWidth(node, valid, std::move(values));
}

// -- cells to arrays

Result<DataPtr> CellColumn(const RowNode& node, const Views& cells, Budget* budget);
Result<std::vector<DataPtr>> RowColumns(const std::vector<RowNode>& nodes, const Views& rows,
                                        Budget* budget);

Valid ValidOf(const Views& cells) {
  Valid valid(cells.size());
  for (size_t i = 0; i < cells.size(); ++i) valid[i] = cells[i].data() != nullptr ? 1 : 0;
  return valid;
}

/// Is every cell UTF-8, given that `joined` are all of them in a row? One check of the whole, and
/// none may begin inside a character.
bool AllUtf8(const Views& cells, std::string_view joined) {
  if (!IsUtf8(joined)) return false;
  return std::none_of(cells.begin(), cells.end(), [](std::string_view cell) {
    return !cell.empty() && (static_cast<unsigned char>(cell[0]) & 0xc0) == 0x80;
  });
}

template <typename Offset>
Result<DataPtr> BinaryColumn(const RowNode& node, const Views& cells, Budget* budget) {
  size_t total = 0;
  for (const auto& cell : cells) total += cell.size();
  ARROW_ASSIGN_OR_RAISE(BufferPtr bytes, budget->Allocate(node, total, 1));
  ARROW_ASSIGN_OR_RAISE(BufferPtr offsets,
                        budget->Allocate(node, cells.size() + 1, sizeof(Offset)));
  auto* offset = offsets->mutable_data_as<Offset>();
  char* const begin = reinterpret_cast<char*>(bytes->mutable_data());
  char* place = begin;
  *offset++ = 0;
  for (const auto& cell : cells) {
    if (!cell.empty()) std::memcpy(place, cell.data(), cell.size());
    place += cell.size();
    *offset++ = static_cast<Offset>(place - begin);
  }
  if (node.kind == Kind::kText && !AllUtf8(cells, {begin, total})) {
    return Corrupt(node, "has text that is not UTF-8");
  }
  ARROW_ASSIGN_OR_RAISE(Bitmap bitmap, MakeBitmap(ValidOf(cells)));
  return ArrayData::Make(node.type, static_cast<int64_t>(cells.size()),
                         {std::move(bitmap.buffer), std::move(offsets), std::move(bytes)},
                         bitmap.null_count);
}

Result<DataPtr> FixedBytesColumn(const RowNode& node, const Views& cells, Budget* budget) {
  const auto width = static_cast<size_t>(
      static_cast<const arrow::FixedSizeBinaryType&>(*node.storage).byte_width());
  ARROW_ASSIGN_OR_RAISE(BufferPtr values, budget->Allocate(node, cells.size(), width));
  uint8_t* place = values->mutable_data();
  for (const auto& cell : cells) {
    if (cell.data() == nullptr) {
      std::memset(place, 0, width);
    } else if (cell.size() != width) {
      return Corrupt(node, "has " + std::to_string(cell.size()) + " bytes instead of " +
                               std::to_string(width));
    } else if (width > 0) {
      std::memcpy(place, cell.data(), width);
    }
    place += width;
  }
  return FixedWidth(node, ValidOf(cells), std::move(values));
}

/// Read a big-endian two's complement number into `out`; false where it is none of this type.
template <typename Decimal>
bool ReadDecimal(std::string_view cell, int32_t precision, uint8_t* out) {
  constexpr size_t kWidth = sizeof(Decimal);
  if (cell.empty() || cell.size() > kWidth) return false;
  std::reverse_copy(cell.begin(), cell.end(), out);
  std::fill(out + cell.size(), out + kWidth,
            static_cast<uint8_t>((static_cast<uint8_t>(cell[0]) & 0x80) != 0 ? 0xff : 0x00));
  return Decimal(out).FitsInPrecision(precision);
}

template <typename Decimal>
Result<DataPtr> DecimalColumn(const RowNode& node, const Views& cells, Budget* budget) {
  const int32_t precision = static_cast<const arrow::DecimalType&>(*node.storage).precision();
  ARROW_ASSIGN_OR_RAISE(BufferPtr values, budget->Allocate(node, cells.size(), sizeof(Decimal)));
  uint8_t* place = values->mutable_data();
  for (const auto& cell : cells) {
    if (cell.data() == nullptr) {
      std::memset(place, 0, sizeof(Decimal));
    } else if (!ReadDecimal<Decimal>(cell, precision, place)) {
      return Corrupt(node, "has a decimal that its type cannot hold");
    }
    place += sizeof(Decimal);
  }
  return FixedWidth(node, ValidOf(cells), std::move(values));
}

Result<DataPtr> StructColumn(const RowNode& node, const Views& cells, Budget* budget) {
  ARROW_ASSIGN_OR_RAISE(auto children, RowColumns(node.children, cells, budget));
  ARROW_ASSIGN_OR_RAISE(Bitmap bitmap, MakeBitmap(ValidOf(cells)));
  return ArrayData::Make(node.type, static_cast<int64_t>(cells.size()), {std::move(bitmap.buffer)},
                         std::move(children), bitmap.null_count);
}

// -- arrays: count, null bits, slots, and what does not fit into slots

/// Arrays whose counts and slots are known to lie within their bytes.
struct Arrays {
  std::vector<std::string_view> bytes;
  std::vector<uint32_t> counts;  // 0 for a null
  size_t items = 0;              // in all of them, with `padding`
  /// Items that stand for a null array, which a list of fixed size has too.
  uint32_t padding = 0;
};

/// `count_wanted` ≥ 0: the size of a list of fixed size.
Result<Arrays> OpenArrays(const RowNode& item, const Views& cells, int64_t count_wanted,
                          Budget* budget) {
  Arrays arrays{.bytes = cells,
                .counts = std::vector<uint32_t>(cells.size()),
                .padding = count_wanted < 0 ? 0 : static_cast<uint32_t>(count_wanted)};
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string_view cell = cells[i];
    if (cell.data() == nullptr) {
      arrays.items += arrays.padding;
      continue;
    }
    if (cell.size() < 4) return Corrupt(item, "is an array without a count");
    const auto count = LoadLe<int32_t>(cell.data());
    if (count < 0 || (count_wanted >= 0 && count != count_wanted)) {
      return Corrupt(item, "is an array of " + std::to_string(count) + " items");
    }
    const auto items = static_cast<size_t>(count);
    if (items > cell.size() ||
        ArrayHeaderBytes(items) + items * static_cast<size_t>(item.slot_bytes) > cell.size()) {
      return Corrupt(item, "is an array whose items lie outside of it");
    }
    arrays.counts[i] = static_cast<uint32_t>(count);
    arrays.items += items;
  }
  ARROW_RETURN_NOT_OK(budget->Take(item, arrays.items, sizeof(std::string_view)));
  return arrays;
}

Result<Valid> ItemsValid(const RowNode& item, const Arrays& arrays) {
  Valid valid(arrays.items);
  size_t next = 0;
  for (size_t i = 0; i < arrays.bytes.size(); ++i) {
    if (arrays.bytes[i].data() == nullptr) {
      next += arrays.padding;
      continue;
    }
    const auto* bits = reinterpret_cast<const uint8_t*>(arrays.bytes[i].data()) + 4;
    for (uint32_t k = 0; k < arrays.counts[i]; ++k) {
      const bool null = ((bits[k / 8] >> (k % 8)) & 1) != 0 || item.kind == Kind::kNull;
      if (null && !item.nullable) return Corrupt(item, "has a null, which is not allowed there");
      valid[next++] = null ? 0 : 1;
    }
  }
  return valid;
}

/// Call `read(item, slot, array)` for every item that is not null, until one says false.
template <typename Read>
bool ReadItems(const RowNode& node, const Arrays& arrays, const Valid& valid, Read&& read) {
  const auto width = static_cast<size_t>(node.slot_bytes);
  size_t next = 0;
  for (size_t i = 0; i < arrays.bytes.size(); ++i) {
    if (arrays.bytes[i].data() == nullptr) {
      next += arrays.padding;
      continue;
    }
    const char* slot = arrays.bytes[i].data() + ArrayHeaderBytes(arrays.counts[i]);
    for (uint32_t k = 0; k < arrays.counts[i]; ++k, slot += width, ++next) {
      if (valid[next] != 0 && !read(next, slot, arrays.bytes[i])) return false;
    }
  }
  return true;
}

/// The items' cells: in the slot itself, or anywhere in the array. Nothing is read twice: the cells
/// of one array may together be as long as it is, so that nesting cannot multiply bytes.
Result<Views> ItemCells(const RowNode& item, const Arrays& arrays, const Valid& valid) {
  Views cells(arrays.items);
  const char* array_of_sum = nullptr;
  size_t sum = 0;
  const bool ok =
      ReadItems(item, arrays, valid, [&](size_t i, const char* slot, std::string_view array) {
        if (array.data() != array_of_sum) {
          array_of_sum = array.data();
          sum = 0;
        }
        const auto word = LoadLe<uint64_t>(slot);
        if ((word >> 63) != 0 && item.kind != Kind::kBigDecimal) {
          const size_t length = (word >> 56) & 0x7f;
          cells[i] = {slot, length};
          return length <= 7;
        }
        const auto offset = static_cast<size_t>(word >> 32);
        const auto length = static_cast<size_t>(word & 0xffffffff);
        sum += length;
        if (offset > array.size() || length > array.size() - offset || sum > array.size()) {
          return false;
        }
        cells[i] = array.substr(offset, length);
        return true;
      });
  if (!ok) return Corrupt(item, "has an item that lies outside of its array");
  return cells;
}

Result<DataPtr> ItemColumn(const RowNode& item, const Arrays& arrays, Budget* budget) {
  ARROW_ASSIGN_OR_RAISE(const Valid valid, ItemsValid(item, arrays));
  switch (item.kind) {
    case Kind::kNull:
      return Nulls(item, valid.size());
    case Kind::kBool: {
      Valid bytes(valid.size());
      ReadItems(item, arrays, valid, [&](size_t i, const char* slot, std::string_view) {
        bytes[i] = static_cast<uint8_t>(*slot);
        return true;
      });
      return Booleans(item, valid, bytes);
    }
    case Kind::kNumber:
      return VisitNumber(*item.storage, [&](const auto number) -> Result<DataPtr> {
        using Number = std::decay_t<decltype(number)>;
        using Value = typename Number::Value;
        ARROW_ASSIGN_OR_RAISE(BufferPtr buffer,
                              budget->Allocate(item, valid.size(), sizeof(Value)));
        std::memset(buffer->mutable_data(), 0, static_cast<size_t>(buffer->size()));
        auto* values = reinterpret_cast<Value*>(buffer->mutable_data());
        const bool ok =
            ReadItems(item, arrays, valid, [&](size_t i, const char* slot, std::string_view) {
              return number.FromWire(LoadLe<SlotOf<Number>>(slot), &values[i]) &&
                     FitsSlot(number, values[i]);
            });
        return ok ? FixedWidth(item, valid, std::move(buffer)) : OutOfRange(item);
      });
    case Kind::kFine: {
      ARROW_ASSIGN_OR_RAISE(BufferPtr buffer, budget->Allocate(item, valid.size(), 8));
      std::memset(buffer->mutable_data(), 0, static_cast<size_t>(buffer->size()));
      auto* values = buffer->mutable_data_as<int64_t>();
      const FineTimestamp fine = FineTimestamp::Of(*item.storage);
      const bool ok =
          ReadItems(item, arrays, valid, [&](size_t i, const char* slot, std::string_view array) {
            const auto word = LoadLe<uint64_t>(slot);
            const auto offset = static_cast<size_t>(word >> 32);
            if (offset > array.size() || array.size() - offset < 8) return false;
            return fine.Join(LoadLe<int64_t>(array.data() + offset), static_cast<uint32_t>(word),
                             &values[i]);
          });
      return ok ? FixedWidth(item, valid, std::move(buffer)) : OutOfRange(item);
    }
    default: {
      ARROW_ASSIGN_OR_RAISE(const Views cells, ItemCells(item, arrays, valid));
      return CellColumn(item, cells, budget);
    }
  }
}

template <typename Offset>
Result<BufferPtr> ListOffsets(const RowNode& node, const Arrays& arrays, Budget* budget) {
  ARROW_ASSIGN_OR_RAISE(BufferPtr buffer,
                        budget->Allocate(node, arrays.counts.size() + 1, sizeof(Offset)));
  auto* offset = buffer->mutable_data_as<Offset>();
  Offset sum = 0;
  *offset++ = 0;
  for (const uint32_t count : arrays.counts) {
    sum = static_cast<Offset>(sum + static_cast<Offset>(count));
    *offset++ = sum;
  }
  return buffer;
}

Result<DataPtr> ListColumn(const RowNode& node, const Views& cells, Budget* budget) {
  const RowNode& item = node.children[0];
  const bool fixed = node.storage->id() == Type::FIXED_SIZE_LIST;
  const int64_t size =
      fixed ? static_cast<const arrow::FixedSizeListType&>(*node.storage).list_size() : -1;
  ARROW_ASSIGN_OR_RAISE(const Arrays arrays, OpenArrays(item, cells, size, budget));
  ARROW_ASSIGN_OR_RAISE(DataPtr items, ItemColumn(item, arrays, budget));
  ARROW_ASSIGN_OR_RAISE(Bitmap bitmap, MakeBitmap(ValidOf(cells)));
  std::vector<BufferPtr> buffers = {std::move(bitmap.buffer)};
  if (!fixed) {
    BufferPtr offsets;
    if (node.storage->id() == Type::LARGE_LIST) {
      ARROW_ASSIGN_OR_RAISE(offsets, ListOffsets<int64_t>(node, arrays, budget));
    } else {
      ARROW_ASSIGN_OR_RAISE(offsets, ListOffsets<int32_t>(node, arrays, budget));
    }
    buffers.push_back(std::move(offsets));
  }
  return ArrayData::Make(node.type, static_cast<int64_t>(cells.size()), std::move(buffers),
                         {std::move(items)}, bitmap.null_count);
}

Result<DataPtr> MapColumn(const RowNode& node, const Views& cells, Budget* budget) {
  Views key_cells(cells.size());
  Views value_cells(cells.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string_view cell = cells[i];
    if (cell.data() == nullptr) continue;
    const int64_t keys = cell.size() < 4 ? -1 : LoadLe<int32_t>(cell.data());
    if (keys < 0 || static_cast<size_t>(keys) > cell.size() - 4) {
      return Corrupt(node, "is a map whose keys lie outside of it");
    }
    key_cells[i] = cell.substr(4, static_cast<size_t>(keys));
    value_cells[i] = cell.substr(4 + static_cast<size_t>(keys));
  }
  ARROW_ASSIGN_OR_RAISE(const Arrays keys, OpenArrays(node.children[0], key_cells, -1, budget));
  ARROW_ASSIGN_OR_RAISE(const Arrays values, OpenArrays(node.children[1], value_cells, -1, budget));
  if (keys.counts != values.counts) return Corrupt(node, "is a map of more keys than values");
  ARROW_ASSIGN_OR_RAISE(DataPtr key_column, ItemColumn(node.children[0], keys, budget));
  ARROW_ASSIGN_OR_RAISE(DataPtr value_column, ItemColumn(node.children[1], values, budget));
  ARROW_ASSIGN_OR_RAISE(BufferPtr offsets, ListOffsets<int32_t>(node, keys, budget));
  ARROW_ASSIGN_OR_RAISE(Bitmap bitmap, MakeBitmap(ValidOf(cells)));
  const auto& map = static_cast<const arrow::MapType&>(*node.storage);
  auto entries = ArrayData::Make(map.value_type(), static_cast<int64_t>(keys.items), {nullptr},
                                 {std::move(key_column), std::move(value_column)}, 0);
  return ArrayData::Make(node.type, static_cast<int64_t>(cells.size()),
                         {std::move(bitmap.buffer), std::move(offsets)}, {std::move(entries)},
                         bitmap.null_count);
}

Result<DataPtr> CellColumn(const RowNode& node, const Views& cells, Budget* budget) {
  switch (node.storage->id()) {
    case Type::STRING:
    case Type::BINARY:
      return BinaryColumn<int32_t>(node, cells, budget);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return BinaryColumn<int64_t>(node, cells, budget);
    case Type::FIXED_SIZE_BINARY:
      return FixedBytesColumn(node, cells, budget);
    case Type::DECIMAL128:
      return DecimalColumn<arrow::Decimal128>(node, cells, budget);
    case Type::DECIMAL256:
      return DecimalColumn<arrow::Decimal256>(node, cells, budget);
    case Type::MAP:
      return MapColumn(node, cells, budget);
    case Type::STRUCT:
      return StructColumn(node, cells, budget);
    default:
      return ListColumn(node, cells, budget);
  }
}

// -- columns of rows

template <typename Number>
const char* ReadNumber(const Number& number, const char* at, const char* end,
                       typename Number::Value* value, bool* fits) {
  typename Number::Wire wire{};
  if constexpr (Number::kVarint) {
    at = ReadVarint(at, end, &wire);
    if (at == nullptr) return nullptr;
  } else {
    if (static_cast<size_t>(end - at) < sizeof wire) return nullptr;
    wire = LoadLe<typename Number::Wire>(at);
    at += sizeof wire;
  }
  *fits = number.FromWire(wire, value) && *fits;
  return at;
}

const char* ReadFine(const FineTimestamp& fine, const char* at, const char* end, int64_t* value,
                     bool* fits) {
  uint64_t ms = 0;
  uint32_t nanos = 0;
  at = ReadVarint(at, end, &ms);
  if (at == nullptr) return nullptr;
  at = ReadVarint(at, end, &nanos);
  *fits = fine.Join(static_cast<int64_t>(ms), nanos, value) && *fits;
  return at;
}

const char* ReadCell(const char* at, const char* end, std::string_view* cell) {
  uint32_t length = 0;
  at = ReadVarint(at, end, &length);
  if (at == nullptr || length > static_cast<size_t>(end - at)) return nullptr;
  *cell = {at, length};
  return at + length;
}

/// How far each row has been read.
struct Cursors {
  std::vector<const char*> at;
  std::vector<const char*> end;
};

/// Read a column of fixed-width values with `read(at, end, &value, &fits)`.
template <typename Value, typename Read>
Result<DataPtr> ReadColumn(const RowNode& node, const Valid& valid, Cursors* cursors,
                           Budget* budget, Read&& read) {
  ARROW_ASSIGN_OR_RAISE(BufferPtr buffer, budget->Allocate(node, valid.size(), sizeof(Value)));
  auto* values = reinterpret_cast<Value*>(buffer->mutable_data());
  bool fits = true;
  for (size_t i = 0; i < valid.size(); ++i) {
    if (valid[i] == 0) {
      values[i] = Value{};
      continue;
    }
    cursors->at[i] = read(cursors->at[i], cursors->end[i], &values[i], &fits);
    if (cursors->at[i] == nullptr) return Ends(node);
  }
  return fits ? FixedWidth(node, valid, std::move(buffer)) : OutOfRange(node);
}

Result<DataPtr> DecodeColumn(const RowNode& node, const Valid& valid, Cursors* cursors,
                             Budget* budget) {
  switch (node.kind) {
    case Kind::kNull:
      if (std::find(valid.begin(), valid.end(), 1) != valid.end()) {
        return Corrupt(node, "has a value, and its type has none");
      }
      return Nulls(node, valid.size());
    case Kind::kBool: {
      Valid bytes(valid.size());
      for (size_t i = 0; i < valid.size(); ++i) {
        if (valid[i] == 0) continue;
        if (cursors->at[i] == cursors->end[i]) return Ends(node);
        bytes[i] = static_cast<uint8_t>(*cursors->at[i]++);
      }
      return Booleans(node, valid, bytes);
    }
    case Kind::kNumber:
      return VisitNumber(*node.storage, [&](const auto number) {
        using Number = std::decay_t<decltype(number)>;
        return ReadColumn<typename Number::Value>(
            node, valid, cursors, budget,
            [number](const char* at, const char* end, typename Number::Value* value, bool* fits) {
              return ReadNumber(number, at, end, value, fits);
            });
      });
    case Kind::kFine:
      return ReadColumn<int64_t>(node, valid, cursors, budget,
                                 [fine = FineTimestamp::Of(*node.storage)](
                                     const char* at, const char* end, int64_t* value, bool* fits) {
                                   return ReadFine(fine, at, end, value, fits);
                                 });
    default: {
      Views cells(valid.size());
      for (size_t i = 0; i < valid.size(); ++i) {
        if (valid[i] == 0) continue;
        cursors->at[i] = ReadCell(cursors->at[i], cursors->end[i], &cells[i]);
        if (cursors->at[i] == nullptr) return Ends(node);
      }
      return CellColumn(node, cells, budget);
    }
  }
}

Result<std::vector<DataPtr>> RowColumns(const std::vector<RowNode>& nodes, const Views& rows,
                                        Budget* budget) {
  const size_t null_bytes = NullBytes(nodes.size());
  Cursors cursors;
  cursors.at.resize(rows.size());
  cursors.end.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].data() == nullptr) continue;
    if (rows[i].size() < null_bytes) {
      return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
                   "a row of " + std::to_string(nodes.size()) + " columns has only " +
                       std::to_string(rows[i].size()) + " bytes");
    }
    cursors.at[i] = rows[i].data() + null_bytes;
    cursors.end[i] = rows[i].data() + rows[i].size();
  }
  std::vector<DataPtr> columns;
  columns.reserve(nodes.size());
  Valid valid(rows.size());
  for (size_t c = 0; c < nodes.size(); ++c) {
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].data() == nullptr) continue;
      valid[i] = IsNullIn(rows[i], c) ? 0 : 1;
      if (valid[i] == 0 && !nodes[c].nullable) {
        return Corrupt(nodes[c], "has a null, which is not allowed there");
      }
    }
    ARROW_ASSIGN_OR_RAISE(DataPtr column, DecodeColumn(nodes[c], valid, &cursors, budget));
    columns.push_back(std::move(column));
  }
  if (cursors.at != cursors.end) {
    return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
                 "a row has bytes behind its last column");
  }
  return columns;
}

}  // namespace

Result<std::vector<DataPtr>> DecodeRows(const std::vector<RowNode>& nodes, const Views& rows) {
  Budget budget;
  return RowColumns(nodes, rows, &budget);
}

Result<const char*> SkipValue(const RowNode& node, const char* at, const char* end) {
  bool fits = true;
  switch (node.kind) {
    case Kind::kNull:
      return Corrupt(node, "has a value, and its type has none");
    case Kind::kBool:
      at = at == end ? nullptr : at + 1;
      break;
    case Kind::kNumber:
      at = VisitNumber(*node.storage, [&](const auto number) {
        typename std::decay_t<decltype(number)>::Value value;
        return ReadNumber(number, at, end, &value, &fits);
      });
      break;
    case Kind::kFine: {
      int64_t value = 0;
      at = ReadFine(FineTimestamp::Of(*node.storage), at, end, &value, &fits);
      break;
    }
    default: {
      std::string_view cell;
      at = ReadCell(at, end, &cell);
      if (at == nullptr) break;
      if (node.kind == Kind::kText) {
        if (!IsUtf8(cell)) return Corrupt(node, "has text that is not UTF-8");
      } else if (node.kind != Kind::kBytes) {
        Budget budget;
        ARROW_RETURN_NOT_OK(CellColumn(node, {cell}, &budget).status());
      }
    }
  }
  if (at == nullptr) return Ends(node);
  if (!fits) return OutOfRange(node);
  return at;
}

}  // namespace firth::schema
