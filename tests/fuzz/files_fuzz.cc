// Files that somebody hands in, in the formats that there are readers for; the first byte chooses.
// ORC is not among them: the library for it can end the process that it runs in, so a process of
// its own reads such files, and tests/clients/deltacat/test_orc.py hands it damaged ones.
// With: common/* schema/* format/*
#include <arrow/api.h>
#include <arrow/io/memory.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "firth/format/name.h"
#include "firth/format/reader.h"

using namespace firth;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const char* const kNames[] = {"a.parquet", "a.csv",    "a.tsv",     "a.psv",  "a.jsonl",
                                       "a.feather", "a.arrows", "a.parquet", "a.avro", "a.csv.gz",
                                       "a.csv.zst", "a.zip",    "a.csv.zip"};
  // A small file that says to be large is found by its readers; a large one only takes longer.
  constexpr size_t kBytesMax = 64 << 10;
  constexpr int kBatchesMax = 64;
  if (size < 2 || size > kBytesMax) return 0;
  format::ReadOptions options;
  options.batch_rows = 1 + data[1] % 64;
  options.header = (data[1] & 64) == 0;
  if ((data[1] & 128) != 0) {
    options.schema =
        arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8()),
                       arrow::field("c", arrow::timestamp(arrow::TimeUnit::MICRO))});
  }
  const auto input = std::make_shared<arrow::io::BufferReader>(
      arrow::Buffer::FromString(std::string(reinterpret_cast<const char*>(data) + 2, size - 2)));
  const auto reader = format::OpenInput(input, kNames[data[0] % std::size(kNames)], options);
  if (!reader.ok()) return 0;
  for (int i = 0; i < kBatchesMax; ++i) {
    const auto batch = (*reader)->Next();
    if (!batch.ok() || *batch == nullptr) return 0;
    if (!(*batch)->ValidateFull().ok()) __builtin_trap();
    if (!(*batch)->schema()->Equals(*(*reader)->schema())) __builtin_trap();
  }
  return 0;
}
