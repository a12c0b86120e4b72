// The texts that Fluss's clients send beside their rows: tables and databases as JSON, types,
// properties, partitions, frames, and messages of any shape.
// With: common/* schema/* catalog/text_form
// With: doors/fluss/json doors/fluss/table_json_in doors/fluss/table_json_out doors/fluss/types
// With: doors/fluss/aggregate_json doors/fluss/properties doors/fluss/partition_value doors/fluss/names doors/fluss/frame
// With: doors/fluss/errors doors/fluss/wire net/frame_assembler net/frame_memory
#include <arrow/api.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "firth/doors/fluss/frame.h"
#include "firth/doors/fluss/json.h"
#include "firth/doors/fluss/partition_value.h"
#include "firth/doors/fluss/properties.h"
#include "firth/doors/fluss/table_json.h"
#include "firth/doors/fluss/types.h"
#include "firth/net/frame_assembler.h"

using namespace firth;  // NOLINT: a program of one function
using namespace firth::doors::fluss;

namespace {

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

/// A type that is taken is shown as one that is taken.
void ReadType(const std::string& text) {
  const auto json = ParseJson(text);
  if (!json.ok()) return;
  const auto field = FieldFromJson("f", *json);
  if (!field.ok()) return;
  const auto again = ParseJson(ToText(TypeToJson(**field))).ValueOrDie();
  Require(FieldFromJson("f", again).ok());
}

void ReadPartition(const std::string& text, uint8_t choice) {
  static const std::shared_ptr<arrow::DataType> kTypes[] = {
      arrow::utf8(),
      arrow::int8(),
      arrow::int64(),
      arrow::float32(),
      arrow::boolean(),
      arrow::date32(),
      arrow::time32(arrow::TimeUnit::MILLI),
      arrow::timestamp(arrow::TimeUnit::NANO),
      arrow::binary(),
      arrow::float64(),
      arrow::timestamp(arrow::TimeUnit::SECOND)};
  const auto& type = kTypes[choice % std::size(kTypes)];
  const auto value = ParsePartitionValue(type, text);
  Require(!value.ok() || (*value)->type->Equals(*type));
}

/// Bytes in pieces, read where the assembler likes it best, give the frames that they give at once.
void ReadFrames(const std::string& text, uint8_t piece) {
  constexpr uint32_t kFrameBytesMax = 4096;
  std::string whole, pieces;
  net::FrameAssembler first(kFrameBytesMax, nullptr);
  const auto all = first.Consume(AsBytes(text), [&](const std::shared_ptr<arrow::Buffer>& frame) {
    whole += frame->ToString() + "|";
  });
  net::FrameMemory memory(std::make_shared<BlockMemory>(4096, 3), /*large_bytes_min=*/8);
  net::FrameAssembler second(kFrameBytesMax, &memory);
  std::deque<std::shared_ptr<arrow::Buffer>> held;
  const auto sink = [&](std::shared_ptr<arrow::Buffer> frame) { held.push_back(std::move(frame)); };
  const auto let_go = [&](size_t kept) {
    for (; held.size() > kept; held.pop_front()) pieces += held.front()->ToString() + "|";
  };
  Status last;
  for (Bytes rest = AsBytes(text); !rest.empty() && last.ok(); let_go(piece % 4)) {
    const auto direct = second.Direct();
    const auto beyond = second.Beyond();
    size_t bytes = std::min<size_t>(rest.size(), piece + 1);
    if (!beyond.empty()) bytes = std::min(bytes, direct.size() + beyond.size());
    const size_t in_place = std::min(bytes, direct.size());
    std::copy_n(rest.data(), in_place, direct.data());
    Bytes more = rest.subspan(in_place, bytes - in_place);
    if (!beyond.empty()) {
      std::copy_n(more.data(), more.size(), beyond.data());
      more = beyond.first(more.size());
    }
    if (in_place > 0) last = second.Filled(in_place, sink);
    if (last.ok()) last = second.Consume(more, sink);
    rest = rest.subspan(bytes);
  }
  let_go(0);
  Require(whole == pieces && all.ok() == last.ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 7) {
    case 0:
    case 1:
      static_cast<void>(ParseTable(text));
      break;
    case 2:
      if (const auto database = ParseDatabase(text); database.ok()) {
        Require(ParseDatabase(DatabaseJson(*database)).ok());
      }
      break;
    case 3:
      ReadType(text);
      break;
    case 4:
      ReadPartition(text, data[1]);
      break;
    case 5:
      static_cast<void>(ParseDuration(text));
      break;
    default:
      ReadFrames(text, data[1]);
  }
  return 0;
}
