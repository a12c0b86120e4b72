// The last batches of each writer of one log, so that a batch that is sent again is told apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/log/entry.h"

namespace firth::log {

/// A writer that sent nothing to a log for this long is forgotten when the log's state is written.
inline constexpr int64_t kWriterKeptNs = int64_t{7} * 24 * 3600 * 1'000'000'000;
/// Batches of each writer that are remembered.
inline constexpr size_t kWriterBatches = 5;

class WriterWindow {
 public:
  enum class Verdict { kNew, kDuplicate, kOutOfOrder };
  struct Answer {
    Verdict verdict = Verdict::kNew;
    EntryResult first;     // of a duplicate
    CommitId commit;       // of a duplicate
    int64_t time_ns = 0;   // of a duplicate
    int32_t expected = 0;  // of one out of order
  };
  struct Sent {
    int32_t sequence = 0;
    Offset base;
    Offset end;
    CommitId commit;
    int64_t time_ns = 0;
  };

  /// What is a batch (writer, sequence)? After 2^31-1 comes 0. A writer that is not known begins at
  /// 0.
  Answer Judge(WriterId writer, int32_t sequence) const;
  /// Remember a batch that is durable; the oldest beyond kWriterBatches is forgotten. One that is
  /// not after the writer's last is known already. Not while the writer has one under way.
  void Add(WriterId writer, const Sent& sent);
  /// Remember a batch that is under way: Judge knows it as any other, Encode leaves it out.
  void Begin(WriterId writer, const Sent& sent);
  /// The writer's first batch under way is durable.
  void Settle(WriterId writer);
  /// Forget the writer's last batch under way, which was not committed after all.
  void TakeBack(WriterId writer);
  std::optional<int32_t> Last(WriterId writer) const;
  bool empty() const { return writers_.empty(); }

  /// What is durable as bytes, without writers whose last batch is older than `oldest_ns`.
  std::string Encode(int64_t oldest_ns) const;
  /// Add what Encode gave. False: the bytes are not such.
  bool Decode(Bytes bytes);

 private:
  struct Held {
    std::vector<Sent> sent;
    size_t under_way = 0;  // so many of them, the last ones
    size_t durable() const { return sent.size() - under_way; }
  };
  std::unordered_map<WriterId, Held> writers_;
};

}  // namespace firth::log
