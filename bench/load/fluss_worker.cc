#include "fluss_worker.h"

#include <algorithm>
#include <mutex>
#include <optional>

namespace firth::bench {

Message TableName(const std::string& table) {
  const size_t dot = table.find('.');
  Message name;
  name.Bytes(1, table.substr(0, dot)).Bytes(2, table.substr(dot + 1));
  return name;
}

Target Find(const Options& options, bool with_table) {
  const Address address = ParseAddress(options.Text("server", "127.0.0.1:9123"));
  Link link(address);
  Message asked;
  const std::string table = options.Text("table", "bench.t");
  if (with_table) asked.Bytes(1, TableName(table).text());
  const std::string answer = link.Call(kMetadata, asked.text());
  Target target{.coordinator = address, .tablet = address};
  target.buckets = static_cast<int>(options.Int("buckets", 1));
  const auto node = [](std::string_view bytes) {
    Address found;
    for (Fields fields(bytes); fields.Next();) {
      if (fields.field() == 2) found.host = fields.bytes();
      if (fields.field() == 3) found.port = static_cast<int>(fields.number());
    }
    return found;
  };
  for (Fields fields(answer); fields.Next();) {
    if (fields.field() == 1) target.coordinator = node(fields.bytes());
    if (fields.field() == 2) target.tablet = node(fields.bytes());
    if (fields.field() != 3) continue;
    for (Fields entry(fields.bytes()); entry.Next();) {
      if (entry.field() == 2) target.table_id = entry.number();
    }
  }
  return target;
}

void CheckBuckets(std::string_view answer) {
  for (Fields fields(answer); fields.Next();) {
    if (fields.field() != 1) continue;
    int64_t code = 0;
    std::string text;
    for (Fields bucket(fields.bytes()); bucket.Next();) {
      if (bucket.field() == 3) code = bucket.number();
      if (bucket.field() == 4) text = bucket.bytes();
    }
    if (code != 0) Fail("a bucket answers code " + std::to_string(code) + ": " + text);
  }
}

int64_t Requests::NewWriter(Link* link) const {
  Message asked;
  asked.Bytes(1, TableName(options_.Text("table", "bench.t")).text());
  const std::string answer = link->Call(kInitWriter, asked.text());
  Fields fields(answer);
  if (!fields.Next()) Fail("no writer's number in the answer");
  return fields.number();
}

int32_t Requests::SendBatch(Link* link, Api api, int field, const std::string& batch) const {
  Message bucket;
  bucket.Int(2, bucket_).Begin(3, batch.size());
  Message head;
  head.Int(1, -1).Int(2, target_.table_id).Int(3, 30'000);
  head.Begin(field, bucket.text().size() + batch.size());
  head.text() += bucket.text();
  const std::string_view parts[] = {head.text(), batch};
  return link->Send(api, parts);
}

void Worker::Run() {
  const double rate = options_.Real("rate", 0);  // requests a second of this connection
  const int64_t step_ns = rate > 0 ? static_cast<int64_t>(1e9 / rate) : 0;
  int64_t next_ns = NowNs() + (step_ns > 0 ? step_ns * number_ / 7 % step_ns : 0);
  while (true) {
    const int64_t now = NowNs();
    const bool over = now >= period_.end_ns || Done();
    if (over && sent_.empty()) break;
    Kind* const next = over ? nullptr : Next();
    if (next != nullptr && (step_ns == 0 || now >= next_ns)) {
      const int32_t id = next->requests->Send(&link_);
      sent_[id] = {.at_ns = step_ns == 0 ? now : next_ns, .kind = next};
      next->rows_sent += next->requests->rows();
      ++next->under_way;
      next_ns += step_ns;
      continue;
    }
    std::optional<int64_t> deadline;
    if (next != nullptr && step_ns > 0) deadline = next_ns;
    const auto answer = link_.Receive(deadline);
    if (answer.has_value()) Take(*answer);
  }
  for (Kind& kind : kinds_) {
    std::lock_guard lock(kind.totals->mutex);
    kind.totals->latencies.Add(kind.latencies);
  }
}

/// Null while the kind whose turn it is waits for answers.
Worker::Kind* Worker::Next() {
  Kind& behind = *std::ranges::min_element(kinds_, {}, &Kind::rows_sent);
  return behind.under_way < behind.depth ? &behind : nullptr;
}

bool Worker::Done() const {
  return std::ranges::any_of(kinds_, [](const Kind& kind) { return kind.requests->Done(); });
}

void Worker::Take(const Answer& answer) {
  const auto found = sent_.find(answer.id);
  if (found == sent_.end()) Fail("an answer to nothing that was asked");
  const Sent sent = found->second;
  sent_.erase(found);
  --sent.kind->under_way;
  const Counted counted = sent.kind->requests->Read(answer.bytes);
  const int64_t now = NowNs();
  if (now < period_.warm_ns || now > period_.end_ns) return;
  Totals& totals = *sent.kind->totals;
  totals.rows += counted.rows;
  totals.bytes += counted.bytes;
  ++totals.requests;
  sent.kind->latencies.Add(now - sent.at_ns);
}

}  // namespace firth::bench
