// Statements for the Beneath door's warehouse, analyzed and written in the engine's SQL. Whatever
// is said, an answer comes, it is short, and it is the same when it is asked for again.
// With: common/status common/text common/checksum common/logging common/path
// With: doors/beneath/dialect doors/beneath/record_type doors/beneath/big_number
#include <cstddef>
#include <cstdint>
#include <string>

#include "firth/doors/beneath/dialect.h"

using namespace firth::doors::beneath;  // NOLINT: a program of one function

namespace {

constexpr size_t kStatementBytesMax = 256 << 10;

const std::map<std::string, Json>& Tables() {
  static const std::map<std::string, Json> kTables{{"a/b/c", Json::parse(R"({
    "columns": [["i", "INT64", "i"], ["s", "STRING", "s"], ["f", "FLOAT64", "f"], ["n", "NUMERIC", "n"],
                ["r", "BYTES", "r"], ["t", "BOOL", "t"], ["m", "TIMESTAMP", "m"],
                ["l", {"array": "STRING"}, "l"], ["x", {"struct": [["y", "STRING"]]}, "x"]],
    "key": ["i"], "time": "__timestamp", "since_us": null, "changes": null})")}};
  return kTables;
}

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // As the door does: a name with a slash is a table's wherever it stands, also where a column is
  // called so.
  if (const auto names = TablesOfStatement(text); !names.ok()) {
    Require(firth::CodeOf(names.status()) == firth::Code::kInvalidArgument);
    return 0;
  }
  const auto first = Translate(text, 1, Tables());
  if (!first.ok()) {
    Require(firth::CodeOf(first.status()) == firth::Code::kInvalidArgument);
    return 0;
  }
  Require(first->record != nullptr && !first->record->fields.empty());
  Require(first->sql.size() <= kStatementBytesMax);
  const auto again = Translate(text, 1, Tables());
  Require(again.ok() && again->sql == first->sql);
  return 0;
}
