// Lookup and PrefixLookup: rows of keyed tables by their key bytes.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/value_shape.h"

namespace firth::doors::fluss {
namespace {

constexpr size_t kKeysMax = size_t{1} << 17;

using Rows = std::vector<std::optional<table::StoredRow>>;
using RowLists = std::vector<std::vector<table::StoredRow>>;

Status Fill(const ValueShape& shape, const Rows& rows, pb::LookedUpBucket* out) {
  for (const auto& row : rows) {
    auto* value = out->add_values();
    if (!row) continue;
    ARROW_ASSIGN_OR_RAISE(*value->mutable_value(), shape.Of(*row));
  }
  return Status::OK();
}

Status Fill(const ValueShape& shape, const RowLists& lists, pb::PrefixLookedUpBucket* out) {
  for (const auto& rows : lists) {
    auto* list = out->add_lists();
    for (const auto& row : rows) {
      ARROW_ASSIGN_OR_RAISE(*list->add_values(), shape.Of(row));
    }
  }
  return Status::OK();
}

/// Collects the buckets' answers, each a part of one message; answers when all are there.
template <typename Message>
class Answers {
 public:
  Answers(RequestPtr request, const pb::LookupRequest& in, ValueShape shape)
      : request_(std::move(request)),
        shape_(std::move(shape)),
        missing_(static_cast<size_t>(in.buckets_size())) {
    for (const auto& asked : in.buckets()) {
      auto* bucket = message_.add_buckets();
      if (asked.has_partition_id()) bucket->set_partition_id(asked.partition_id());
      bucket->set_bucket(asked.bucket());
    }
    if (missing_ == 0) request_->Answer(message_);
  }

  template <typename Found>
  void Finish(int i, const Result<Found>& found) {
    auto* bucket = message_.mutable_buckets(i);
    const Status filled = found.ok() ? Fill(shape_, *found, bucket) : found.status();
    if (!filled.ok()) {
      bucket->set_error_code(CodeFor(filled, Asked::kRead));
      bucket->set_error_message(MessageOf(filled));
    }
    // The one that finishes last sees what all others wrote.
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1) request_->Answer(message_);
  }

 private:
  const RequestPtr request_;
  const ValueShape shape_;
  Message message_;
  std::atomic<size_t> missing_;
};

/// The engine's keys for those of one bucket; with `prefix` they may be parts of keys.
Result<std::vector<std::string>> KeysFor(const Request& request, const TableById& table,
                                         table::BucketRef where, bool prefix,
                                         pb::LookupBucket* bucket) {
  ARROW_ASSIGN_OR_RAISE(const auto of_partition, table.KeysOf(request, where.partition));
  std::vector<std::string> keys;
  for (std::string& key : *bucket->mutable_keys()) {
    if (of_partition) {
      ARROW_ASSIGN_OR_RAISE(key, of_partition->Full(key, prefix));
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

/// Ask `start(table, where, keys, done)` for every bucket.
template <bool kPrefix, typename Message, typename Found, typename Start>
void Serve(const RequestPtr& request, Start start) {
  pb::LookupRequest in;
  if (!request->Parse(&in)) return;
  if (in.insert_if_absent()) {
    return request->Refuse(Wire::kUnsupportedVersion, "a lookup does not insert; use PutKv");
  }
  size_t keys = 0;
  for (const auto& bucket : in.buckets()) keys += static_cast<size_t>(bucket.keys_size());
  if (keys > kKeysMax) {
    return request->Refuse(Wire::kRecordTooLarge, "a lookup takes at most 131,072 keys");
  }
  const Result<TableById> table = TableById::Find(*request, in.table_id());
  Result<ValueShape> shape = ValueShape();
  if (table.ok()) shape = ValueShape::Make(table->table());
  if (!shape.ok()) return request->Refuse(Wire::kUnknown, MessageOf(shape.status()));
  const auto answers = std::make_shared<Answers<Message>>(request, in, std::move(*shape));
  for (int i = 0; i < in.buckets_size(); ++i) {
    auto* bucket = in.mutable_buckets(i);
    const auto partition =
        bucket->has_partition_id() ? std::optional<int64_t>(bucket->partition_id()) : std::nullopt;
    const auto where = table.ok() ? table->Bucket(partition, bucket->bucket())
                                  : Result<table::BucketRef>(table.status());
    auto wanted = where.ok() ? KeysFor(*request, *table, *where, kPrefix, bucket)
                             : Result<std::vector<std::string>>(where.status());
    if (!wanted.ok()) {
      answers->Finish(i, Result<Found>(wanted.status()));
      continue;
    }
    start(table->table(), *where, std::move(*wanted),
          [answers, i](const Result<Found>& found) { answers->Finish(i, found); });
  }
}

}  // namespace

void ServeLookup(const RequestPtr& request) {
  Serve<false, pb::LookupAnswer, Rows>(request, [&](const auto& table, auto where, auto keys,
                                                    auto done) {
    request->database().Lookup(request->caller(), table, where, std::move(keys), std::move(done));
  });
}

void ServePrefixLookup(const RequestPtr& request) {
  Serve<true, pb::PrefixLookupAnswer, RowLists>(
      request, [&](const auto& table, auto where, auto keys, auto done) {
        request->database().PrefixLookup(request->caller(), table, where, std::move(keys),
                                         std::move(done));
      });
}

}  // namespace firth::doors::fluss
