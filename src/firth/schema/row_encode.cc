#include "firth/schema/row_encode.h"

#include <arrow/array/array_binary.h>
#include <arrow/array/array_decimal.h>
#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <arrow/extension_type.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <string>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/schema/row_number.h"
#include "firth/schema/varint.h"

namespace firth::schema {
namespace {

using arrow::Array;
using arrow::Type;
using Kind = RowNode::Kind;
using ArrayPtr = std::shared_ptr<Array>;

Status BadValue(const RowNode& node, const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kBadValue,
               "the column '" + node.path + "' has " + what);
}
Status TooLarge(const RowNode& node) {
  return Error(Code::kResourceExhausted, Reason::kBatchTooLarge,
               "the column '" + node.path + "' has a value or a row of more than " +
                   std::to_string(kCellBytesMax) + " bytes");
}

ArrayPtr StorageOf(ArrayPtr array) {
  while (array->type_id() == Type::EXTENSION) {
    array = static_cast<const arrow::ExtensionArray&>(*array).storage();
  }
  return array;
}

/// Call `each(i)` for every value of `array` that is not null.
template <typename Each>
void ForValid(const Array& array, Each&& each) {
  const int64_t count = array.length();
  if (array.null_count() == 0) {
    for (int64_t i = 0; i < count; ++i) each(i);
  } else {
    for (int64_t i = 0; i < count; ++i) {
      if (array.IsValid(i)) each(i);
    }
  }
}

/// Are there nulls where none may be? A row whose `parent` is null does not count.
Status CheckNulls(const RowNode& node, const Array& array, const Array* parent, bool allowed) {
  if (allowed || (array.null_count() == 0 && node.kind != Kind::kNull)) return Status::OK();
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i) && (parent == nullptr || parent->IsValid(i))) {
      return BadValue(node, "a null, which is not allowed there (row " + std::to_string(i) + ")");
    }
  }
  return Status::OK();
}

Result<Cells> MakeCells(const RowNode& node, const ArrayPtr& array);

// -- values of one array of Arrow's as cells

constexpr char kNothing[1] = "";
std::string_view NotNull(std::string_view text) {
  return text.data() == nullptr ? std::string_view(kNothing, 0) : text;
}

template <typename ArrayType>
Cells ViewCells(const ArrayPtr& array) {
  const auto& typed = static_cast<const ArrayType&>(*array);
  Cells cells;
  cells.source = array;
  cells.at.resize(static_cast<size_t>(array->length()));
  ForValid(typed, [&](int64_t i) {
    cells.at[static_cast<size_t>(i)] = NotNull(std::string_view(typed.GetView(i)));
  });
  return cells;
}

/// Cut leading bytes off a big-endian two's complement number that say nothing.
std::string_view MinimalTwosComplement(std::string_view bytes) {
  while (bytes.size() > 1) {
    const auto first = static_cast<uint8_t>(bytes[0]);
    const bool next_negative = (static_cast<uint8_t>(bytes[1]) & 0x80) != 0;
    if (first != (next_negative ? 0xff : 0x00)) break;
    bytes.remove_prefix(1);
  }
  return bytes;
}

template <typename Decimal>
Result<Cells> DecimalCells(const RowNode& node, const arrow::FixedSizeBinaryArray& array) {
  constexpr size_t kWidth = sizeof(Decimal);
  const int32_t precision = static_cast<const arrow::DecimalType&>(*node.storage).precision();
  Cells cells;
  cells.at.resize(static_cast<size_t>(array.length()));
  cells.arena.resize(cells.at.size() * kWidth);
  bool fits = true;
  ForValid(array, [&](int64_t i) {
    const uint8_t* value = array.GetValue(i);
    fits = fits && Decimal(value).FitsInPrecision(precision);
    char* place = cells.arena.data() + static_cast<size_t>(i) * kWidth;
    std::reverse_copy(value, value + kWidth, place);
    cells.at[static_cast<size_t>(i)] = MinimalTwosComplement({place, kWidth});
  });
  if (!fits) return BadValue(node, "a decimal of more digits than its type");
  return cells;
}

/// Cells of the lengths `lengths` in one arena; where `live` says no, a null.
template <typename Live>
Cells Allocate(const std::vector<size_t>& lengths, Live&& live) {
  Cells cells;
  size_t total = 1;  // so that an empty cell has a data pointer
  for (const size_t length : lengths) total += length;
  cells.arena.resize(total);
  cells.at.resize(lengths.size());
  const char* place = cells.arena.data();
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (live(static_cast<int64_t>(i))) cells.at[i] = {place, lengths[i]};
    place += lengths[i];
  }
  return cells;
}

char* Place(const Cells& cells, size_t i) {
  return const_cast<char*>(cells.at[i].data());
}

Result<Cells> StructCells(const RowNode& node, const ArrayPtr& array) {
  // Flatten gives fields the nulls and the slice of their parent.
  ARROW_ASSIGN_OR_RAISE(const auto columns,
                        static_cast<const arrow::StructArray&>(*array).Flatten());
  RowsEncoder encoder(node.children, /*null_bits=*/true);
  ARROW_RETURN_NOT_OK(encoder.Prepare(columns, array->length(), array.get()));
  Cells cells = Allocate(encoder.lengths(), [&](int64_t i) { return array->IsValid(i); });
  std::vector<char*> starts(cells.at.size());
  for (size_t i = 0; i < starts.size(); ++i) starts[i] = Place(cells, i);
  encoder.Write(std::move(starts));
  return cells;
}

// -- arrays: count, null bits, slots, and what does not fit into slots

/// Where the lists lie in the array of their items, which holds no others: list i, if it is not
/// null, takes the next `counts[i]` items.
struct Lists {
  std::vector<size_t> counts;
  std::vector<bool> live;
  ArrayPtr items;
};

template <typename ListType>
Result<Lists> TakeLists(const Array& array) {
  const auto& lists = static_cast<const ListType&>(array);
  Lists taken;
  taken.counts.resize(static_cast<size_t>(array.length()));
  taken.live.resize(taken.counts.size());
  ForValid(array, [&](int64_t i) {
    taken.counts[static_cast<size_t>(i)] = static_cast<size_t>(lists.value_length(i));
    taken.live[static_cast<size_t>(i)] = true;
  });
  ARROW_ASSIGN_OR_RAISE(taken.items, lists.Flatten());
  return taken;
}

bool IsInline(const RowNode& item, std::string_view cell) {
  return cell.size() <= 7 && !item.IsNested() && item.kind != Kind::kBigDecimal;
}

/// Bytes of one item behind the slots.
size_t SpilledBytes(const RowNode& item, std::string_view cell) {
  if (cell.data() == nullptr || IsInline(item, cell)) return 0;
  if (item.kind == Kind::kBigDecimal) return RoundUp8(std::max<size_t>(cell.size(), 16));
  return RoundUp8(cell.size());
}

/// The lists as cells, their items not yet written; `spilled(i)` are an item's bytes behind the
/// slots.
template <typename Spilled>
Result<Cells> AllocateLists(const RowNode& item, const Lists& lists, Spilled&& spilled) {
  std::vector<size_t> lengths(lists.counts.size());
  int64_t next = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (!lists.live[i]) continue;
    const size_t count = lists.counts[i];
    lengths[i] = RoundUp8(ArrayHeaderBytes(count) + count * static_cast<size_t>(item.slot_bytes));
    for (size_t k = 0; k < count; ++k) lengths[i] += spilled(next++);
    if (lengths[i] > kCellBytesMax) return TooLarge(item);
  }
  Cells cells =
      Allocate(lengths, [&](int64_t i) { return bool{lists.live[static_cast<size_t>(i)]}; });
  next = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (!lists.live[i]) continue;
    char* start = Place(cells, i);
    StoreLe(start, static_cast<int32_t>(lists.counts[i]));
    if (lists.items->null_count() == 0 && item.kind != Kind::kNull) continue;
    for (size_t k = 0; k < lists.counts[i]; ++k) {
      if (lists.items->IsNull(next++)) start[4 + k / 8] |= static_cast<char>(1 << (k % 8));
    }
  }
  return cells;
}

/// Call `write(item, slot, start, *spill)` for every item: the address of its slot, that of its
/// array, and the offset at which its array's next bytes behind the slots go.
template <typename Write>
void WriteItems(const RowNode& item, const Lists& lists, const Cells& cells, Write&& write) {
  const auto width = static_cast<size_t>(item.slot_bytes);
  int64_t next = 0;
  for (size_t i = 0; i < cells.at.size(); ++i) {
    if (!lists.live[i]) continue;
    const size_t count = lists.counts[i];
    char* const start = Place(cells, i);
    char* slot = start + ArrayHeaderBytes(count);
    size_t spill = RoundUp8(ArrayHeaderBytes(count) + count * width);
    for (size_t k = 0; k < count; ++k, slot += width, ++next) {
      if (lists.items->IsValid(next)) write(next, slot, start, &spill);
    }
  }
}

void StoreSlot(char* slot, size_t offset, size_t low) {
  StoreLe(slot, (static_cast<uint64_t>(offset) << 32) | low);
}

void StoreCellSlot(const RowNode& item, std::string_view cell, char* slot, char* start,
                   size_t* spill) {
  if (IsInline(item, cell)) {
    std::copy(cell.begin(), cell.end(), slot);
    slot[7] = static_cast<char>(0x80 | cell.size());
    return;
  }
  std::copy(cell.begin(), cell.end(), start + *spill);
  StoreSlot(slot, *spill, cell.size());
  *spill += SpilledBytes(item, cell);
}

Result<Cells> ArrayCells(const RowNode& item, const Lists& lists) {
  const Array& items = *lists.items;
  ARROW_RETURN_NOT_OK(CheckNulls(item, items, nullptr, item.nullable));
  const auto no_spill = [](int64_t) { return size_t{0}; };
  switch (item.kind) {
    case Kind::kNull:
      return AllocateLists(item, lists, no_spill);
    case Kind::kBool: {
      ARROW_ASSIGN_OR_RAISE(Cells cells, AllocateLists(item, lists, no_spill));
      const auto& values = static_cast<const arrow::BooleanArray&>(items);
      WriteItems(item, lists, cells,
                 [&](int64_t i, char* slot, char*, size_t*) { *slot = values.Value(i) ? 1 : 0; });
      return cells;
    }
    case Kind::kNumber: {
      ARROW_ASSIGN_OR_RAISE(Cells cells, AllocateLists(item, lists, no_spill));
      const bool fits = VisitNumber(*item.storage, [&](const auto number) {
        using Number = std::decay_t<decltype(number)>;
        const auto* values = items.data()->GetValues<typename Number::Value>(1);
        bool all = true;
        WriteItems(item, lists, cells, [&](int64_t i, char* slot, char*, size_t*) {
          all = all && FitsSlot(number, values[i]);
          StoreLe(slot, static_cast<SlotOf<Number>>(number.ToWire(values[i])));
        });
        return all;
      });
      if (!fits) {
        return BadValue(item, item.storage->id() == Type::TIME64
                                  ? "a time of day that is out of range, or finer than the "
                                    "milliseconds that lists and maps hold"
                                  : "a value that is out of its type's range");
      }
      return cells;
    }
    case Kind::kFine: {
      ARROW_ASSIGN_OR_RAISE(Cells cells, AllocateLists(item, lists, [&](int64_t i) {
                              return items.IsValid(i) ? size_t{8} : size_t{0};
                            }));
      const auto* values = items.data()->GetValues<int64_t>(1);
      const FineTimestamp fine = FineTimestamp::Of(*item.storage);
      WriteItems(item, lists, cells, [&](int64_t i, char* slot, char* start, size_t* spill) {
        int64_t ms = 0;
        uint32_t nanos = 0;
        fine.Split(values[i], &ms, &nanos);
        StoreLe(start + *spill, ms);
        StoreSlot(slot, *spill, nanos);
        *spill += 8;
      });
      return cells;
    }
    default: {
      ARROW_ASSIGN_OR_RAISE(const Cells inner, MakeCells(item, lists.items));
      ARROW_ASSIGN_OR_RAISE(Cells cells, AllocateLists(item, lists, [&](int64_t i) {
                              return SpilledBytes(item, inner.at[static_cast<size_t>(i)]);
                            }));
      WriteItems(item, lists, cells, [&](int64_t i, char* slot, char* start, size_t* spill) {
        StoreCellSlot(item, inner.at[static_cast<size_t>(i)], slot, start, spill);
      });
      return cells;
    }
  }
}

Result<Cells> ListCells(const RowNode& node, const Array& array) {
  Lists lists;
  switch (node.storage->id()) {
    case Type::LIST: {
      ARROW_ASSIGN_OR_RAISE(lists, TakeLists<arrow::ListArray>(array));
      break;
    }
    case Type::LARGE_LIST: {
      ARROW_ASSIGN_OR_RAISE(lists, TakeLists<arrow::LargeListArray>(array));
      break;
    }
    default: {
      ARROW_ASSIGN_OR_RAISE(lists, TakeLists<arrow::FixedSizeListArray>(array));
      break;
    }
  }
  lists.items = StorageOf(std::move(lists.items));
  return ArrayCells(node.children[0], lists);
}

/// A map: the length of the array of keys, that array, and the array of values.
Result<Cells> MapCells(const RowNode& node, const Array& array) {
  ARROW_ASSIGN_OR_RAISE(Lists lists, TakeLists<arrow::MapArray>(array));
  ARROW_ASSIGN_OR_RAISE(const auto entries,
                        static_cast<const arrow::StructArray&>(*lists.items).Flatten());
  lists.items = StorageOf(entries[0]);
  ARROW_ASSIGN_OR_RAISE(const Cells keys, ArrayCells(node.children[0], lists));
  lists.items = StorageOf(entries[1]);
  ARROW_ASSIGN_OR_RAISE(const Cells values, ArrayCells(node.children[1], lists));
  std::vector<size_t> lengths(keys.at.size());
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (!lists.live[i]) continue;
    lengths[i] = 4 + keys.at[i].size() + values.at[i].size();
    if (lengths[i] > kCellBytesMax) return TooLarge(node);
  }
  Cells cells =
      Allocate(lengths, [&](int64_t i) { return bool{lists.live[static_cast<size_t>(i)]}; });
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (!lists.live[i]) continue;
    char* place = Place(cells, i);
    StoreLe(place, static_cast<int32_t>(keys.at[i].size()));
    place = std::copy(keys.at[i].begin(), keys.at[i].end(), place + 4);
    std::copy(values.at[i].begin(), values.at[i].end(), place);
  }
  return cells;
}

Result<Cells> MakeCells(const RowNode& node, const ArrayPtr& array) {
  switch (array->type_id()) {
    case Type::STRING:
    case Type::BINARY:
      return ViewCells<arrow::BinaryArray>(array);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return ViewCells<arrow::LargeBinaryArray>(array);
    case Type::FIXED_SIZE_BINARY:
      return ViewCells<arrow::FixedSizeBinaryArray>(array);
    case Type::DECIMAL128:
      return DecimalCells<arrow::Decimal128>(
          node, static_cast<const arrow::FixedSizeBinaryArray&>(*array));
    case Type::DECIMAL256:
      return DecimalCells<arrow::Decimal256>(
          node, static_cast<const arrow::FixedSizeBinaryArray&>(*array));
    case Type::MAP:
      return MapCells(node, *array);
    case Type::STRUCT:
      return StructCells(node, array);
    default:
      return ListCells(node, *array);
  }
}

// -- columns of rows

template <typename Number>
Status AddNumberLengths(const RowNode& node, const Array& array, const Number& number,
                        size_t* lengths) {
  const auto* values = array.data()->GetValues<typename Number::Value>(1);
  bool fits = true;
  ForValid(array, [&](int64_t i) {
    if constexpr (!Number::kTotal) fits = fits && number.Fits(values[i]);
    if constexpr (Number::kVarint) {
      lengths[i] += VarintBytes(number.ToWire(values[i]));
    } else {
      lengths[i] += sizeof(typename Number::Wire);
    }
  });
  return fits ? Status::OK() : BadValue(node, "a value that is out of its type's range");
}

template <typename Number>
void WriteNumbers(const Array& array, const Number& number, char** cursors) {
  const auto* values = array.data()->GetValues<typename Number::Value>(1);
  ForValid(array, [&](int64_t i) {
    const auto wire = number.ToWire(values[i]);
    if constexpr (Number::kVarint) {
      cursors[i] = WriteVarint(cursors[i], wire);
    } else {
      StoreLe(cursors[i], wire);
      cursors[i] += sizeof wire;
    }
  });
}

}  // namespace

Status RowsEncoder::Prepare(const arrow::ArrayVector& columns, int64_t rows,
                            const arrow::Array* parent) {
  FIRTH_CHECK(columns.size() == nodes_.size());
  lengths_.assign(static_cast<size_t>(rows), null_bits_ ? NullBytes(nodes_.size()) : 0);
  if (parent != nullptr && parent->null_count() > 0) {
    for (int64_t i = 0; i < rows; ++i) {
      if (parent->IsNull(i)) lengths_[static_cast<size_t>(i)] = 0;
    }
  }
  columns_.clear();
  for (size_t c = 0; c < nodes_.size(); ++c) {
    const RowNode& node = nodes_[c];
    Column column{.array = StorageOf(columns[c]), .cells = {}};
    const Array& array = *column.array;
    FIRTH_CHECK(array.length() == rows);
    ARROW_RETURN_NOT_OK(CheckNulls(node, array, parent, node.nullable && null_bits_));
    switch (node.kind) {
      case Kind::kNull:
        break;
      case Kind::kBool:
        ForValid(array, [&](int64_t i) { lengths_[static_cast<size_t>(i)] += 1; });
        break;
      case Kind::kNumber:
        ARROW_RETURN_NOT_OK(VisitNumber(*node.storage, [&](const auto number) {
          return AddNumberLengths(node, array, number, lengths_.data());
        }));
        break;
      case Kind::kFine: {
        const auto* values = array.data()->GetValues<int64_t>(1);
        const FineTimestamp fine = FineTimestamp::Of(*node.storage);
        ForValid(array, [&](int64_t i) {
          int64_t ms = 0;
          uint32_t nanos = 0;
          fine.Split(values[i], &ms, &nanos);
          lengths_[static_cast<size_t>(i)] +=
              VarintBytes(static_cast<uint64_t>(ms)) + VarintBytes(nanos);
        });
        break;
      }
      default: {
        ARROW_ASSIGN_OR_RAISE(column.cells, MakeCells(node, column.array));
        const auto& cells = column.cells.at;
        for (size_t i = 0; i < cells.size(); ++i) {
          if (cells[i].data() == nullptr) continue;
          if (cells[i].size() > kCellBytesMax) return TooLarge(node);
          lengths_[i] += VarintBytes(cells[i].size()) + cells[i].size();
        }
      }
    }
    columns_.push_back(std::move(column));
  }
  for (const size_t length : lengths_) {
    if (length > kCellBytesMax) return TooLarge(nodes_[0]);
  }
  return Status::OK();
}

void RowsEncoder::Write(std::vector<char*> starts) const {
  FIRTH_CHECK(starts.size() == lengths_.size());
  if (null_bits_) {
    const std::vector<char*> rows = starts;
    for (auto& start : starts) {
      if (start != nullptr) start += NullBytes(nodes_.size());
    }
    for (size_t c = 0; c < nodes_.size(); ++c) {
      const Array& array = *columns_[c].array;
      if (array.null_count() == 0 && nodes_[c].kind != Kind::kNull) continue;
      for (size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] != nullptr && array.IsNull(static_cast<int64_t>(i))) {
          rows[i][c / 8] |= static_cast<char>(1 << (c % 8));
        }
      }
    }
  }
  char** const cursors = starts.data();
  for (size_t c = 0; c < nodes_.size(); ++c) {
    const RowNode& node = nodes_[c];
    const Array& array = *columns_[c].array;
    switch (node.kind) {
      case Kind::kNull:
        break;
      case Kind::kBool: {
        const auto& values = static_cast<const arrow::BooleanArray&>(array);
        ForValid(array, [&](int64_t i) { *cursors[i]++ = values.Value(i) ? 1 : 0; });
        break;
      }
      case Kind::kNumber:
        VisitNumber(*node.storage,
                    [&](const auto number) { WriteNumbers(array, number, cursors); });
        break;
      case Kind::kFine: {
        const auto* values = array.data()->GetValues<int64_t>(1);
        const FineTimestamp fine = FineTimestamp::Of(*node.storage);
        ForValid(array, [&](int64_t i) {
          int64_t ms = 0;
          uint32_t nanos = 0;
          fine.Split(values[i], &ms, &nanos);
          cursors[i] = WriteVarint(cursors[i], static_cast<uint64_t>(ms));
          cursors[i] = WriteVarint(cursors[i], nanos);
        });
        break;
      }
      default: {
        const auto& cells = columns_[c].cells.at;
        for (size_t i = 0; i < cells.size(); ++i) {
          if (cells[i].data() == nullptr) continue;
          cursors[i] = WriteVarint(cursors[i], static_cast<uint32_t>(cells[i].size()));
          std::memcpy(cursors[i], cells[i].data(), cells[i].size());
          cursors[i] += cells[i].size();
        }
      }
    }
  }
}

}  // namespace firth::schema
