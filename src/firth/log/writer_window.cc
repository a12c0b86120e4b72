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
  for (const Sent& sent : found->second) {
    if (sent.sequence != sequence) continue;
    answer.verdict = Verdict::kDuplicate;
    answer.first = {.base_offset = sent.base, .end_offset = sent.end, .duplicate = true};
    answer.commit = sent.commit;
    answer.time_ns = sent.time_ns;
    return answer;
  }
  answer.expected = After(found->second.back().sequence);
  if (sequence != answer.expected) answer.verdict = Verdict::kOutOfOrder;
  return answer;
}

void WriterWindow::Add(WriterId writer, const Sent& sent) {
  auto& held = writers_[writer];
  // A commit may hold several batches of a writer: they are told apart by their offsets.
  if (!held.empty() && (sent.commit < held.back().commit ||
                        (sent.commit == held.back().commit && sent.base <= held.back().base))) {
    return;
  }
  if (held.size() == kWriterBatches) held.erase(held.begin());
  held.push_back(sent);
}

void WriterWindow::TakeBack(WriterId writer) {
  const auto found = writers_.find(writer);
  FIRTH_CHECK(found != writers_.end() && !found->second.empty());
  found->second.pop_back();
  if (found->second.empty()) writers_.erase(found);
}

std::optional<int32_t> WriterWindow::Last(WriterId writer) const {
  const auto found = writers_.find(writer);
  if (found == writers_.end()) return std::nullopt;
  return found->second.back().sequence;
}

std::string WriterWindow::Encode(int64_t oldest_ns) const {
  std::vector<WriterId> ids;
  for (const auto& [id, held] : writers_) {
    if (held.back().time_ns >= oldest_ns) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  std::string out;
  for (const WriterId id : ids) {
    const auto& held = writers_.at(id);
    AppendLe<int64_t>(&out, id.value);
    AppendLe<uint32_t>(&out, static_cast<uint32_t>(held.size()));
    for (const Sent& sent : held) {
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
