// Lookup and PrefixLookup: rows of keyed tables by their key bytes.
//
// A lookup is read and answered by hand (wire.h). The thread that read it finds the bucket; rows
// are looked up elsewhere, together with those of other lookups.
#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/lookup_places.h"
#include "firth/doors/fluss/wire.h"

namespace firth::doors::fluss {
namespace {

constexpr size_t kKeysMax = size_t{1} << 17;
/// More than this takes an event loop too long.
constexpr size_t kKeysAtOnceMax = 2048;

using Rows = table::FoundRows;
using RowLists = std::vector<std::vector<table::StoredRow>>;

struct AskedBucket {
  BucketName name;
  std::vector<std::string_view> keys;  // views into the request
};

struct AskedRows {
  std::optional<int64_t> table_id;
  std::vector<AskedBucket> buckets;
  size_t keys = 0;
  bool inserts = false;
};

bool ReadBucket(Bytes message, AskedBucket* out) {
  WireReader reader(message);
  bool has_bucket = false;
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        out->name.partition = reader.Int64();
        break;
      case 2:
        out->name.bucket = reader.Int32();
        has_bucket = true;
        break;
      case 3:
        out->keys.push_back(AsText(reader.Run()));
        break;
      default:
        break;
    }
  }
  return reader.ok() && has_bucket;
}

bool ReadAsked(const Request& request, AskedRows* out) {
  WireReader reader(request.body());
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        out->table_id = reader.Int64();
        break;
      case 2:
        if (!ReadBucket(reader.Run(), &out->buckets.emplace_back())) return false;
        out->keys += out->buckets.back().keys.size();
        break;
      case 3:
        out->inserts = reader.Bool();
        break;
      default:
        break;
    }
  }
  if (!reader.ok() || !out->table_id) return false;
  for (AskedBucket& bucket : out->buckets) bucket.name.table = *out->table_id;
  return true;
}

/// Read a request; if it cannot be served, refuse it and return false.
bool Read(const RequestPtr& request, AskedRows* asked) {
  if (!ReadAsked(*request, asked)) {
    request->Refuse(Wire::kCorruptRecord,
                    "the request's message cannot be read, or lacks a required field");
    return false;
  }
  if (asked->inserts) {
    request->Refuse(Wire::kUnsupportedVersion, "a lookup does not insert; use PutKv");
    return false;
  }
  if (asked->keys > kKeysMax) {
    request->Refuse(Wire::kRecordTooLarge, "a lookup takes at most 131,072 keys");
    return false;
  }
  return true;
}

/// The values of a bucket's answer: {5 {1 value?}} for each row.
Status PutRows(const LookupPlace& place, const Rows& rows, std::string* out) {
  size_t bytes = 0;
  for (const auto& row : rows) bytes += row ? row->value().size() + 12 : 2;
  out->reserve(out->size() + bytes);
  for (const auto& row : rows) {
    if (!row) {
      PutRunHead(out, 5, 0);
      continue;
    }
    std::string remade;
    std::string_view value = row->value();
    if (place.shape.Remakes(row->schema_id())) {
      ARROW_ASSIGN_OR_RAISE(remade, place.shape.Remake(row->schema_id(), row->row()));
      value = remade;
    }
    PutRunHead(out, 5, RunHeadBytes(1, value.size()) + value.size());
    PutText(out, 1, value);
  }
  return Status::OK();
}

/// {5 {1 value…}} for each prefix.
Status PutRows(const LookupPlace& place, const RowLists& lists, std::string* out) {
  for (const auto& rows : lists) {
    std::string list;
    for (const auto& row : rows) {
      ARROW_ASSIGN_OR_RAISE(const std::string value, place.shape.Of(row));
      PutText(&list, 1, value);
    }
    PutText(out, 5, list);
  }
  return Status::OK();
}

/// One bucket's part of an answer: repeated 1 {1 partition id?, 2 bucket, 3 error code?, 4 text?,
/// 5 …}. `place` may be null where `status` is an error.
template <typename Found>
void PutBucket(const BucketName& name, const LookupPlace* place, Status status, const Found& found,
               std::string* message) {
  std::string head;
  if (name.partition) PutInt(&head, 1, *name.partition);
  PutInt(&head, 2, name.bucket);
  std::string rows;
  if (status.ok()) status = PutRows(*place, found, &rows);
  if (!status.ok()) {
    rows.clear();
    PutInt(&rows, 3, CodeFor(status, Asked::kRead));
    PutText(&rows, 4, MessageOf(status));
  }
  const size_t bytes = head.size() + rows.size();
  message->reserve(message->size() + RunHeadBytes(1, bytes) + bytes);
  PutRunHead(message, 1, bytes);
  *message += head;
  *message += rows;
}

/// Put what another bucket holds beside what is there.
void Merge(Rows&& from, Rows* into) {
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i]) (*into)[i] = std::move(from[i]);
  }
}
void Merge(RowLists&& from, RowLists* into) {
  for (size_t i = 0; i < from.size(); ++i) {
    std::move(from[i].begin(), from[i].end(), std::back_inserter((*into)[i]));
  }
}

/// Collects the buckets' answers; answers the request when all are there. Thread-safe.
template <typename Found>
class Answers {
 public:
  Answers(RequestPtr request, std::shared_ptr<const AskedRows> asked)
      : request_(std::move(request)), asked_(std::move(asked)), buckets_(asked_->buckets.size()) {
    missing_ = buckets_.size();
    if (buckets_.empty()) request_->AnswerParts({});
  }

  const Request& request() const { return *request_; }
  const AskedRows& asked() const { return *asked_; }

  /// Say that `count` answers come for bucket `i`.
  void Expect(size_t i, LookupPlacePtr place, size_t count) {
    buckets_[i].place = std::move(place);
    buckets_[i].found.resize(asked_->buckets[i].keys.size());
    missing_.fetch_add(count - 1);
  }
  void Fail(size_t i, const Status& status) {
    buckets_[i].status = status;
    Done();
  }
  /// One answer for the keys at `places` of bucket `i`; all of them where it is empty.
  void Finish(size_t i, const std::vector<size_t>& places, Result<Found> found) {
    {
      Bucket& bucket = buckets_[i];
      std::lock_guard lock(mutex_);
      if (!found.ok()) {
        bucket.status = found.status();
      } else if (places.empty()) {
        Merge(std::move(*found), &bucket.found);
      } else {
        Found spread(bucket.found.size());
        for (size_t k = 0; k < places.size(); ++k) spread[places[k]] = std::move((*found)[k]);
        Merge(std::move(spread), &bucket.found);
      }
    }
    Done();
  }

 private:
  struct Bucket {
    LookupPlacePtr place;
    Status status;
    Found found;
  };

  // The one that finishes last sees what all others wrote.
  void Done() {
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) == 1) Answer();
  }

  void Answer() {
    std::string message;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      const Bucket& bucket = buckets_[i];
      PutBucket(asked_->buckets[i].name, bucket.place.get(), bucket.status, bucket.found, &message);
    }
    request_->AnswerParts({ToBuffer(std::move(message))});
  }

  const RequestPtr request_;
  const std::shared_ptr<const AskedRows> asked_;
  std::vector<Bucket> buckets_;
  std::atomic<size_t> missing_;
  std::mutex mutex_;
};

void Look(const Request& request, const LookupPlace& place, size_t b,
          const std::vector<std::string_view>& keys, table::FoundRowsDone done) {
  request.database().FindRows(request.caller(), place.buckets[b], keys, std::move(done));
}
void Look(const Request& request, const LookupPlace& place, size_t b,
          const std::vector<std::string_view>& keys, table::PrefixLookupDone done) {
  request.database().PrefixLookup(request.caller(), place.table, place.wheres[b],
                                  {keys.begin(), keys.end()}, std::move(done));
}

/// Ask for one bucket's keys.
template <typename Found>
void AskBucket(const std::shared_ptr<Answers<Found>>& answers, size_t i,
               const LookupPlacePtr& place) {
  constexpr bool kPrefix = std::is_same_v<Found, RowLists>;
  const std::vector<std::string_view>& given = answers->asked().buckets[i].keys;
  std::vector<std::string> stored;
  std::vector<std::string_view> keys;
  std::vector<size_t> places;  // of those keys that there may be rows of
  if (!place->KeysAreStored()) {
    stored.reserve(given.size());
    for (size_t k = 0; k < given.size(); ++k) {
      auto key = place->StoredKey(given[k], kPrefix);
      if (!key.ok()) return answers->Fail(i, key.status());
      if (!*key) continue;
      stored.push_back(std::move(**key));
      places.push_back(k);
    }
    keys.assign(stored.begin(), stored.end());
  }
  const auto& wanted = place->KeysAreStored() ? given : keys;
  answers->Expect(i, place, place->buckets.size());
  for (size_t b = 0; b < place->buckets.size(); ++b) {
    if (wanted.empty()) {
      answers->Finish(i, {}, Found(given.size()));
      continue;
    }
    Look(answers->request(), *place, b, wanted, [answers, i, places](Result<Found> found) {
      answers->Finish(i, places, std::move(found));
    });
  }
}

/// Find the places, which may block, and ask.
template <typename Found>
void FindAndAsk(const RequestPtr& request, const std::shared_ptr<const AskedRows>& asked) {
  const auto answers = std::make_shared<Answers<Found>>(request, asked);
  for (size_t i = 0; i < asked->buckets.size(); ++i) {
    const BucketName& name = asked->buckets[i].name;
    const auto place = request->services().places->Get(
        request->database(), name, [&] { return LookupPlace::Make(*request, name); });
    if (place.ok()) {
      AskBucket(answers, i, *place);
    } else {
      answers->Fail(i, place.status());
    }
  }
}

/// What most lookups are: rows of one bucket, under the keys that the client sent.
void AskAlone(const RequestPtr& request, const AskedBucket& asked, const LookupPlacePtr& place) {
  request->database().FindRows(request->caller(), place->buckets.front(), asked.keys,
                               [request, place, name = asked.name](const Result<Rows>& found) {
                                 std::string message;
                                 PutBucket(name, place.get(), found.status(),
                                           found.ok() ? *found : Rows(), &message);
                                 request->AnswerParts({ToBuffer(std::move(message))});
                               });
}

}  // namespace

void ServeLookup(const RequestPtr& request) {
  AskedRows read;
  if (!Read(request, &read)) return;
  std::vector<LookupPlacePtr> places;
  if (read.keys <= kKeysAtOnceMax) {
    for (const AskedBucket& bucket : read.buckets) {
      places.push_back(request->services().places->Find(request->database(), bucket.name));
      if (places.back() == nullptr) break;
    }
  }
  const bool found =
      places.size() == read.buckets.size() && (places.empty() || places.back() != nullptr);
  if (found && places.size() == 1 && places[0]->KeysAreStored() && read.keys > 0) {
    return AskAlone(request, read.buckets[0], places[0]);
  }
  const auto asked = std::make_shared<const AskedRows>(std::move(read));
  if (!found) {
    return request->services().blocking->Post(
        [request, asked] { FindAndAsk<Rows>(request, asked); });
  }
  const auto answers = std::make_shared<Answers<Rows>>(request, asked);
  for (size_t i = 0; i < places.size(); ++i) AskBucket(answers, i, places[i]);
}

void ServePrefixLookup(const RequestPtr& request) {
  AskedRows read;
  if (!Read(request, &read)) return;
  FindAndAsk<RowLists>(request, std::make_shared<const AskedRows>(std::move(read)));
}

}  // namespace firth::doors::fluss
