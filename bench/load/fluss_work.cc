#include "fluss_work.h"

#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>
#include <bit>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"
#include "firth/log/batch.h"
#include "firth/schema/row.h"
#include "fluss_wire.h"

namespace firth::bench {
namespace {

/// Letters that do not compress to nothing.
std::string Text(size_t bytes, uint64_t seed) {
  std::string text(bytes, ' ');
  for (char& c : text) {
    seed = Mix(seed);
    c = static_cast<char>('0' + seed % 64);
  }
  return text;
}

}  // namespace

Keys::Keys(const Zipf* zipf, uint64_t count, int buckets, int bucket, uint64_t seed)
    : zipf_(zipf), count_(count), buckets_(buckets), bucket_(bucket), seed_(seed) {
  if (count > UINT32_MAX) Fail("so many keys are not served");
  if (zipf != nullptr) return;
  for (uint64_t key = 0; key < count; ++key) {
    if (IsOurs(key)) keys_.push_back(static_cast<uint32_t>(key));
  }
  for (size_t i = keys_.size(); i > 1; --i) std::swap(keys_[i - 1], keys_[Mix(seed + i) % i]);
}

bool Keys::IsOurs(uint64_t key) {
  bytes_.clear();
  AppendVarint(&bytes_, key);
  return schema::BucketOf(bytes_, buckets_) == bucket_;
}

const std::string& Keys::Next() {
  if (zipf_ == nullptr) {
    bytes_.clear();
    AppendVarint(&bytes_, keys_[next_++ % keys_.size()]);
    return bytes_;
  }
  // The likely keys lie scattered: neighbours in rank are none in the table.
  while (!IsOurs(Mix(zipf_->Draw(Mix(Mix(seed_) + draws_++))) % count_)) {
  }
  return bytes_;
}

LogBatch::LogBatch(int rows, int row_bytes, const std::string& compression, uint64_t seed) {
  arrow::Int64Builder k;
  arrow::StringBuilder v;
  for (int i = 0; i < rows; ++i) {
    const auto at = static_cast<uint64_t>(i);
    const auto bytes = static_cast<size_t>(std::max(0, row_bytes - 8));
    if (!k.Append(static_cast<int64_t>(Mix(seed + at))).ok() ||
        !v.Append(Text(bytes, seed * 7919 + at)).ok()) {
      Fail("no memory for a batch");
    }
  }
  const auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("k", arrow::int64()), arrow::field("v", arrow::utf8())}), rows,
      {*k.Finish(), *v.Finish()});
  const auto type = compression == "ZSTD"        ? arrow::Compression::ZSTD
                    : compression == "LZ4_FRAME" ? arrow::Compression::LZ4_FRAME
                                                 : arrow::Compression::UNCOMPRESSED;
  const auto encoded = log::EncodeBatch(*batch, {}, {.compression = type});
  if (!encoded.ok()) Fail(encoded.status().ToString());
  bytes_ = (*encoded)->ToString();
}

const std::string& LogBatch::Numbered(int64_t writer, int32_t sequence) {
  StoreLe(bytes_.data() + 32, writer);
  StoreLe(bytes_.data() + 40, sequence);
  StoreLe(bytes_.data() + 21, Crc32c(AsBytes(std::string_view(bytes_).substr(25))));
  return bytes_;
}

const std::string& KeyedBatch::Numbered(Keys* keys, int64_t writer, int32_t sequence) {
  bytes_.assign(28, '\0');
  static const std::string kText = Text(1 << 16, 5);
  const auto value_bytes = static_cast<size_t>(value_bytes_);
  std::string length;
  AppendVarint(&length, value_bytes);
  for (int i = 0; i < rows_; ++i) {
    const std::string& key = keys->Next();
    // The row: no nulls, the key as it is in a key, the text.
    const size_t row = 1 + key.size() + length.size() + value_bytes;
    const size_t record = 1 + key.size() + row;
    AppendLe(&bytes_, static_cast<int32_t>(record));
    bytes_.push_back(static_cast<char>(key.size()));
    bytes_ += key;
    bytes_.push_back('\0');
    bytes_ += key;
    bytes_ += length;
    bytes_.append(kText, Mix(++draws_) % (kText.size() - value_bytes), value_bytes);
  }
  StoreLe(bytes_.data(), static_cast<int32_t>(bytes_.size() - 4));
  StoreLe(bytes_.data() + 9, int16_t{1});
  StoreLe(bytes_.data() + 12, writer);
  StoreLe(bytes_.data() + 20, sequence);
  StoreLe(bytes_.data() + 24, static_cast<int32_t>(rows_));
  StoreLe(bytes_.data() + 5, Crc32c(AsBytes(std::string_view(bytes_).substr(9))));
  return bytes_;
}

}  // namespace firth::bench
