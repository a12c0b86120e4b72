#include "firth/doors/fluss/fetch_messages.h"

#include <utility>

#include "firth/doors/fluss/errors.h"
#include "firth/doors/fluss/frame.h"
#include "firth/doors/fluss/wire.h"
#include "firth/schema/schema.h"

namespace firth::doors::fluss {
namespace {

constexpr size_t kBucketsMax = size_t{1} << 16;

bool ReadBucket(Bytes message, FetchLogBucket* out) {
  WireReader reader(message);
  unsigned seen = 0;
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        out->partition_id = reader.Int64();
        break;
      case 2:
        out->bucket = reader.Int32();
        break;
      case 3:
        out->offset = reader.Int64();
        break;
      case 4:
        out->bytes_max = reader.Int32();
        break;
      default:
        continue;
    }
    seen |= 1u << reader.field();
  }
  return reader.ok() && (seen & 0b11100) == 0b11100;
}

bool ReadTable(Bytes message, size_t* buckets, FetchLogTable* out) {
  WireReader reader(message);
  bool projected = false;
  unsigned seen = 0;
  std::vector<int> columns;
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        out->table_id = reader.Int64();
        break;
      case 2:
        projected = reader.Bool();
        break;
      case 3:
        reader.Numbers([&](int64_t column) {
          // One more than there can be is enough to be refused later.
          if (columns.size() <= schema::kColumnsMax) columns.push_back(static_cast<int>(column));
        });
        break;
      case 4:
        if (++*buckets > kBucketsMax) return false;
        if (!ReadBucket(reader.Run(), &out->buckets.emplace_back())) return false;
        break;
      default:  // filters are hints that may be passed over
        continue;
    }
    seen |= 1u << reader.field();
  }
  if (projected) out->columns = std::move(columns);
  return reader.ok() && (seen & 0b110) == 0b110;
}

/// Messages are nested, so each level's length must be known before its first byte is written: the
/// parts of a level, and how long they are together.
struct Parts {
  std::vector<std::shared_ptr<arrow::Buffer>> parts;
  size_t bytes = 0;
  std::string text;  // what follows the last part, not yet a buffer

  void Add(std::shared_ptr<arrow::Buffer> part) {
    Flush();
    bytes += static_cast<size_t>(part->size());
    parts.push_back(std::move(part));
  }
  void Flush() {
    if (text.empty()) return;
    bytes += text.size();
    parts.push_back(ToBuffer(std::exchange(text, std::string())));
  }
  /// Add a whole message as field `field`.
  void AddMessage(uint32_t field, Parts message) {
    message.Flush();
    PutRunHead(&text, field, message.bytes);
    for (auto& part : message.parts) {
      const bool small = part->size() <= 512;
      if (small) {
        text.append(reinterpret_cast<const char*>(part->data()), static_cast<size_t>(part->size()));
      } else {
        Add(std::move(part));
      }
    }
  }
};

Parts WriteBucket(const FetchLogBucket& asked, FetchedLogBucket fetched) {
  Parts out;
  if (asked.partition_id) PutInt(&out.text, 1, *asked.partition_id);
  PutInt(&out.text, 2, asked.bucket);
  if (!fetched.status.ok()) {
    PutInt(&out.text, 3, CodeFor(fetched.status, Asked::kRead));
    PutText(&out.text, 4, MessageOf(fetched.status));
    return out;
  }
  PutInt(&out.text, 5, fetched.end_offset);
  PutInt(&out.text, 6, fetched.start_offset);
  size_t bytes = 0;
  for (const auto& batch : fetched.batches) bytes += static_cast<size_t>(batch->size());
  PutRunHead(&out.text, 8, bytes);
  for (auto& batch : fetched.batches) out.Add(std::move(batch));
  return out;
}

}  // namespace

bool ReadFetchLog(Bytes message, FetchLogRequest* out) {
  WireReader reader(message);
  size_t buckets = 0;
  bool has_bytes_max = false;
  while (reader.Next()) {
    switch (reader.field()) {
      case 2:
        out->bytes_max = reader.Int32();
        has_bytes_max = true;
        break;
      case 3:
        if (!ReadTable(reader.Run(), &buckets, &out->tables.emplace_back())) return false;
        if (out->tables.size() > kBucketsMax) return false;
        break;
      case 4:
        out->wait_ms_max = reader.Int32();
        break;
      case 5:
        out->bytes_min = reader.Int32();
        break;
      default:
        break;
    }
  }
  return reader.ok() && has_bytes_max;
}

std::vector<std::shared_ptr<arrow::Buffer>> WriteFetchLog(const FetchLogRequest& request,
                                                          std::vector<FetchedLogBucket> fetched) {
  Parts answer;
  size_t next = 0;
  for (const FetchLogTable& table : request.tables) {
    Parts out;
    PutInt(&out.text, 1, table.table_id);
    for (const FetchLogBucket& bucket : table.buckets) {
      out.AddMessage(2, WriteBucket(bucket, std::move(fetched[next++])));
    }
    answer.AddMessage(1, std::move(out));
  }
  answer.Flush();
  return std::move(answer.parts);
}

}  // namespace firth::doors::fluss
