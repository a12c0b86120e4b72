// What BTrDB's clients send beside numbers: SQL, points and templates as Arrow streams.
// With: common/* schema/* doors/btrdb/sql_parser doors/btrdb/sql_query doors/btrdb/sql_expression
// With: doors/btrdb/sql_operators doors/btrdb/sql_value doors/btrdb/sql_groups doors/btrdb/sql_output
// With: doors/btrdb/sql_sort doors/btrdb/payload doors/btrdb/facts log/ipc_message
// With: proto/btrdb
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "firth/doors/btrdb/payload.h"
#include "firth/doors/btrdb/sql_query.h"

using namespace firth;  // NOLINT: a program of one function
using namespace firth::doors::btrdb;

namespace {

/// Streams that statements run on.
Status Visit(const SqlScope&, const VisitStream& visit) {
  for (int i = 0; i < 3; ++i) {
    auto info = std::make_shared<table::SeriesInfo>();
    info->collection = Path{{"a"}};
    info->tags = {{"name", std::string(1, static_cast<char>('a' + i % 2))}, {"unit", ""}};
    if (i > 0) info->annotations = {{"k", std::to_string(i)}, {"null", std::nullopt}};
    ARROW_ASSIGN_OR_RAISE(const bool more, visit(info));
    if (!more) break;
  }
  return Status::OK();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr int64_t kPointsMax = 10'000;
  switch (data[0] % 3) {
    case 0:
      if (const auto query = CompileSql(text, {"a", "1"}); query.ok()) {
        SqlMemory memory(uint64_t{1} << 20);
        SqlSpace space{.memory = &memory};
        static_cast<void>((*query)->Run(Visit, &space, [](const std::string&) { return true; }));
      }
      break;
    case 1:
      if (auto points = PointDecoder().Decode(BufferOf(text), kPointsMax); points.ok()) {
        if (points->times().size() > kPointsMax) __builtin_trap();
        if (points->values().size() != points->times().size()) __builtin_trap();
        // All of them are looked at, wherever they lie.
        timeview::PointBatch copy;
        copy.times.assign(points->times().begin(), points->times().end());
        copy.values.assign(points->values().begin(), points->values().end());
        const auto again = EncodePoints(copy, ValueSchema()).ValueOrDie();
        const auto same = PointDecoder().Decode(BufferOf(again), kPointsMax).ValueOrDie();
        if (!std::ranges::equal(same.times(), copy.times)) __builtin_trap();
        if (!copy.times.empty() && same.message().memory == nullptr) __builtin_trap();
        static_cast<void>(points->OwnValues());
      }
      break;
    default:
      static_cast<void>(ParseTemplate(text, ValueSchema()));
  }
  return 0;
}
