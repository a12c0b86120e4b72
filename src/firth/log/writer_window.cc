#include "firth/log/writer_window.h"

#include <algorithm>
#include <climits>

namespace firth::log {
namespace {

int32_t After(int32_t sequence) {
  return sequence == INT32_MAX ? 0 : sequence + 1;
}

}  // namespace

WriterWindow::Answer WriterWindow::Judge(WriterId writer, int32_t sequence) const {
  Answer answer;
  const auto found = writers_.find(writer);
  if (found == writers_.end()) {
    if (sequence != 0) answer.verdict = Verdict::kOutOfOrder;
    return answer;
  }
  const std::vector<Sent>& held = found->second.sent;
  answer.expected = After(held.back().sequence);
  if (sequence == answer.expected) return answer;
  for (const Sent& sent : held) {
    if (sent.sequence != sequence) continue;
    answer.verdict = Verdict::kDuplicate;
    answer.first = {.base_offset = sent.base, .end_offset = sent.end, .duplicate = true};
    answer.commit = sent.commit;
    answer.time_ns = sent.time_ns;
    return answer;
  }
  answer.verdict = Verdict::kOutOfOrder;
  return answer;
}

void WriterWindow::Add(WriterId writer, const Sent& sent) {
  Held& held = writers_[writer];
  FIRTH_CHECK(held.under_way == 0);
  // A commit may hold several batches of a writer: they are told apart by their offsets.
  if (!held.sent.empty() &&
      (sent.commit < held.sent.back().commit ||
       (sent.commit == held.sent.back().commit && sent.base <= held.sent.back().base))) {
    return;
  }
  Begin(writer, sent);
  Settle(writer);
}

void WriterWindow::Begin(WriterId writer, const Sent& sent) {
  Held& held = writers_[writer];
  held.sent.push_back(sent);
  ++held.under_way;
}

void WriterWindow::Settle(WriterId writer) {
  const auto found = writers_.find(writer);
  FIRTH_CHECK(found != writers_.end() && found->second.under_way > 0);
  Held& held = found->second;
  --held.under_way;
  // Those behind move up: not once for each of a long group.
  if (held.durable() <= kWriterBatches) return;
  const size_t more = held.durable() - kWriterBatches;
  if (more < held.under_way) return;
  held.sent.erase(held.sent.begin(), held.sent.begin() + static_cast<ptrdiff_t>(more));
}

void WriterWindow::TakeBack(WriterId writer) {
  const auto found = writers_.find(writer);
  FIRTH_CHECK(found != writers_.end() && found->second.under_way > 0);
  Held& held = found->second;
  held.sent.pop_back();
  --held.under_way;
  if (held.sent.empty()) writers_.erase(found);
}

std::optional<int32_t> WriterWindow::Last(WriterId writer) const {
  const auto found = writers_.find(writer);
  if (found == writers_.end()) return std::nullopt;
  return found->second.sent.back().sequence;
}

std::string WriterWindow::Encode(int64_t oldest_ns) const {
  std::vector<WriterId> ids;
  for (const auto& [id, held] : writers_) {
    const size_t durable = held.durable();
    if (durable > 0 && held.sent[durable - 1].time_ns >= oldest_ns) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  std::string out;
  for (const WriterId id : ids) {
    const Held& held = writers_.at(id);
    const size_t durable = held.durable();
    const size_t count = std::min(durable, kWriterBatches);
    AppendLe<int64_t>(&out, id.value);
    AppendLe<uint32_t>(&out, static_cast<uint32_t>(count));
    for (size_t i = durable - count; i < durable; ++i) {
      const Sent& sent = held.sent[i];
      AppendLe<int32_t>(&out, sent.sequence);
      AppendLe<int64_t>(&out, sent.base.value);
      AppendLe<int64_t>(&out, sent.end.value);
      AppendLe<int64_t>(&out, sent.commit.value);
      AppendLe<int64_t>(&out, sent.time_ns);
    }
  }
  return out;
}

bool WriterWindow::Decode(Bytes bytes) {
  ByteReader in(bytes);
  while (in.ok() && in.remaining() > 0) {
    const WriterId writer(in.Le<int64_t>());
    const auto count = in.Le<uint32_t>();
    if (!in.ok() || count == 0 || count > kWriterBatches) return false;
    for (uint32_t i = 0; i < count; ++i) {
      Sent sent;
      sent.sequence = in.Le<int32_t>();
      sent.base = Offset(in.Le<int64_t>());
      sent.end = Offset(in.Le<int64_t>());
      sent.commit = CommitId(in.Le<int64_t>());
      sent.time_ns = in.Le<int64_t>();
      if (!in.ok()) return false;
      Add(writer, sent);
    }
  }
  return in.ok();
}

}  // namespace firth::log
