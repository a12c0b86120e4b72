// What readers hand the Beneath door: cursors, and filters as ranges of keys; the first byte
// chooses. A cursor holds what it was made of, however little of it there is room for.
// With: common/status common/text common/checksum common/logging common/path schema/*
// With: work/cursor_bytes doors/beneath/filter doors/beneath/filter_where
// With: doors/beneath/schema_text doors/beneath/schema_token doors/beneath/record_type
// With: doors/beneath/time_text doors/beneath/big_number
#include <arrow/api.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "firth/doors/beneath/filter.h"
#include "firth/doors/beneath/schema_text.h"
#include "firth/schema/key.h"
#include "firth/work/cursor_bytes.h"

using namespace firth::doors::beneath;  // NOLINT: a program of one function
using namespace firth::work;            // NOLINT

namespace {

constexpr char kSchema[] =
    "type A @schema @key(fields: [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]) { a: String! b: Int! "
    "c: "
    "Bytes! d: Timestamp! e: UUID! f: Bytes4! g: Int32! v: String }";

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

/// A table with this key, as far as filters look at it.
TableFacts FactsOf(std::vector<std::string> key) {
  TableFacts facts;
  const TableSchema schema = CompileSchema(/*avro=*/false, kSchema, "", true).ValueOrDie();
  facts.type = schema.record;
  facts.key = std::move(key);
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (const auto& name : facts.key) {
    for (const Field& field : facts.type->fields) {
      if (field.name == name) types.push_back(ArrowType(*field.type));
    }
  }
  facts.key_encoder = std::make_shared<firth::schema::KeyEncoder>(
      firth::schema::KeyEncoder::Make(std::move(types)).ValueOrDie());
  return facts;
}

/// The same keys are in the range of a cursor that was written and read.
void RequireSame(const Cursor& cursor, const Cursor& again) {
  Require(cursor.kind == again.kind && cursor.id == again.id && cursor.from == again.from &&
          cursor.to == again.to);
  const KeyRange& keys = cursor.keys;
  for (const std::string& key :
       {keys.from, keys.from + "x", keys.from + std::string(1, '\xff'), keys.to, keys.to + "x",
        std::string("\x01"), std::string("\x02zzz"), keys.from.substr(0, keys.from.size() / 2)}) {
    // Of keys before a position nothing is asked any more.
    if (cursor.behind && key < keys.from) continue;
    Require(keys.Holds(key) == again.keys.Holds(key));
  }
}

void ReadFilter(const TableFacts& facts, const std::string& text) {
  const auto conditions = ParseFilter(text);
  if (!conditions.ok()) return;
  const auto range = RangeOfFilter(facts, *conditions);
  if (!range.ok()) return;
  for (const auto kind : {Cursor::Kind::kIndex, Cursor::Kind::kChanges}) {
    Cursor cursor{.kind = kind, .id = std::string(16, 'i'), .from = 7, .keys = *range};
    const auto bytes = EncodeCursor(cursor);
    if (!bytes.ok()) continue;  // bounds that no cursor can hold
    Require(bytes->size() <= kCursorBodyMax);
    RequireSame(cursor, DecodeCursor(*bytes).ValueOrDie());
    // A reader gets on in whatever range it began with.
    const std::string key = range->from + text.substr(0, 1024);
    if (!range->Holds(key)) continue;
    cursor.keys.from = key + '\0';
    cursor.behind = true;
    const auto further = EncodeCursor(cursor);
    Require(further.ok() && further->size() <= kCursorBodyMax);
    const Cursor again = DecodeCursor(*further).ValueOrDie();
    Require(again.after.IsSet() ? again.after.Is(key) : again.keys.from == cursor.keys.from);
    Require(again.keys.Holds(key + "x") == cursor.keys.Holds(key + "x") || again.after.IsSet());
  }
}

void ReadCursor(const std::string& bytes) {
  const auto cursor = DecodeCursor(bytes);
  if (!cursor.ok()) return;
  const auto written = EncodeCursor(*cursor);
  if (!written.ok()) return;
  Require(written->size() <= kCursorBodyMax);
  const Cursor again = DecodeCursor(*written).ValueOrDie();
  Require(again.kind == cursor->kind && again.id == cursor->id && again.from == cursor->from &&
          again.to == cursor->to);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TableFacts kTables[] = {FactsOf({"a"}), FactsOf({"c", "b"}), FactsOf({"d", "e"}),
                                       FactsOf({"f", "g"}),
                                       FactsOf({"a", "b", "c", "d", "e", "f", "g"})};
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t choice = data[0] % (std::size(kTables) + 1);
  if (choice < std::size(kTables))
    ReadFilter(kTables[choice], text);
  else
    ReadCursor(text);
  return 0;
}
