// What BTrDB's clients send beside numbers: SQL, points and templates as Arrow streams.
// With: common/* schema/* doors/btrdb/sql_parser doors/btrdb/sql_query doors/btrdb/sql_expression
// With: doors/btrdb/sql_operators doors/btrdb/sql_value doors/btrdb/payload doors/btrdb/facts
// With: proto/btrdb
#include <cstddef>
#include <cstdint>
#include <string>

#include "firth/doors/btrdb/payload.h"
#include "firth/doors/btrdb/sql_query.h"

using namespace firth;  // NOLINT: a program of one function
using namespace firth::doors::btrdb;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr int64_t kPointsMax = 10'000;
  switch (data[0] % 3) {
    case 0:
      if (const auto query = CompileSql(text, {"a", "1"}); query.ok()) {
        static_cast<void>((*query)->Run({}, [](const std::string&) { return true; }));
      }
      break;
    case 1:
      if (const auto points = DecodePoints(text, kPointsMax); points.ok()) {
        if (points->times.size() > kPointsMax) __builtin_trap();
        const auto again = EncodePoints(*points, ValueSchema()).ValueOrDie();
        if (DecodePoints(again, kPointsMax).ValueOrDie().times != points->times) __builtin_trap();
      }
      break;
    default:
      static_cast<void>(ParseTemplate(text, ValueSchema()));
  }
  return 0;
}
