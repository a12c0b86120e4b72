#include "firth/work/queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "firth/common/text.h"

namespace firth::work {
namespace {

using catalog::ValueChange;
using nlohmann::json;

constexpr char kInfoPrefix[] = "queue/info/";
constexpr char kMessagePrefix[] = "queue/message/";
constexpr char kTakenPrefix[] = "queue/taken/";
constexpr char kSequence[] = "queue.message";
constexpr int64_t kSequencesTaken = 1000;
constexpr int64_t kScanStep = 1000;

std::string InfoName(const std::string& queue) {
  return kInfoPrefix + queue;
}
std::string MessageName(const std::string& queue, int64_t sequence) {
  return fmt::format("{}{}/{:019}", kMessagePrefix, queue, sequence);
}
std::string TakenName(const std::string& queue, int64_t sequence) {
  return fmt::format("{}{}/{:019}", kTakenPrefix, queue, sequence);
}

Status NoQueue(const std::string& name) {
  return Error(Code::kNotFound, Reason::kQueueNotFound,
               "there is no queue '" + name.substr(0, 80) + "'");
}

Status LeaseLost() {
  return Error(Code::kFailedPrecondition, Reason::kLeaseLost,
               "the receipt names no message that is taken: it was removed, or taken again");
}

Status CheckName(const std::string& name) {
  const auto bad = [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20; };
  if (name.empty() || name.size() > 255 || !IsUtf8(name) ||
      std::any_of(name.begin(), name.end(), bad)) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName,
                 "a queue's name has 1 to 255 bytes of UTF-8 without '/'");
  }
  return Status::OK();
}

/// One line of JSON, then the body as it is.
std::string EncodeMessage(const Message& message) {
  const json head{{"id", message.id},
                  {"sent_ns", message.sent_ns},
                  {"principal", message.sender.principal.value},
                  {"name", message.sender.name}};
  return head.dump(-1, ' ', false, json::error_handler_t::replace) + "\n" + message.body;
}

Result<Message> DecodeMessage(const std::string& queue, int64_t sequence, const std::string& text) {
  Message message{.queue = queue, .sequence = sequence};
  try {
    const size_t end = text.find('\n');
    const json head = json::parse(text.substr(0, end));
    head.at("id").get_to(message.id);
    head.at("sent_ns").get_to(message.sent_ns);
    message.sender.principal = PrincipalId(head.at("principal").get<int64_t>());
    head.at("name").get_to(message.sender.name);
    message.body = text.substr(std::min(end + 1, text.size()));
  } catch (const json::exception&) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 fmt::format("message {} of queue '{}' cannot be read", sequence, queue));
  }
  return message;
}

Result<QueueInfo> DecodeInfo(std::string name, const std::string& text) {
  QueueInfo info{.name = std::move(name)};
  try {
    const json record = json::parse(text);
    record.at("created_ns").get_to(info.created_ns);
    record.at("attributes").get_to(info.attributes);
  } catch (const json::exception&) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the record of queue '" + info.name + "' cannot be read");
  }
  return info;
}

}  // namespace

Result<std::unique_ptr<Queues>> Queues::Open(const QueuesOptions& options) {
  std::unique_ptr<Queues> queues(new Queues(options));
  ARROW_RETURN_NOT_OK(queues->Load());
  return queues;
}

Status Queues::Load() {
  ARROW_ASSIGN_OR_RAISE(const auto infos, options_.catalog->ListValues(kInfoPrefix));
  for (const auto& [name, value] : infos) queues_[name.substr(sizeof kInfoPrefix - 1)];
  for (auto& [name, queue] : queues_) {
    std::string from = MessageName(name, 0);
    const std::string to = MessageName(name, INT64_MAX);
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const auto values, options_.catalog->ScanValues(from, to, kScanStep));
      for (const auto& [message, value] : values) {
        ARROW_ASSIGN_OR_RAISE(const int64_t sequence,
                              ParseInt64(message.substr(message.rfind('/') + 1)));
        queue.messages.emplace(sequence, Taken{.until_ns = INT64_MIN});
      }
      if (values.size() < kScanStep) break;
      from = values.back().first + '\0';
    }
    ARROW_RETURN_NOT_OK(LoadTaken(name, &queue));
  }
  return Status::OK();
}

Status Queues::LoadTaken(const std::string& name, Queue* queue) {
  const int64_t since_ns = options_.clock->NowNs() - options_.clock->MonotonicNs();
  std::string from = TakenName(name, 0);
  const std::string to = TakenName(name, INT64_MAX);
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto values, options_.catalog->ScanValues(from, to, kScanStep));
    for (const auto& [key, value] : values) {
      ARROW_ASSIGN_OR_RAISE(const int64_t sequence, ParseInt64(key.substr(key.rfind('/') + 1)));
      const auto message = queue->messages.find(sequence);
      const json record = json::parse(value, nullptr, /*allow_exceptions=*/false);
      if (message == queue->messages.end() || !record.is_object()) continue;
      message->second = {.until_ns = record.value("until_ns", int64_t{0}) - since_ns,
                         .count = record.value("count", 1),
                         .receipt = record.value("receipt", ""),
                         .durable = true};
    }
    if (values.size() < kScanStep) return Status::OK();
    from = values.back().first + '\0';
  }
}

ValueChange Queues::KeepTaken(const std::string& name, int64_t sequence, const Taken& taken) {
  const int64_t since_ns = options_.clock->NowNs() - options_.clock->MonotonicNs();
  const json record{
      {"until_ns", taken.until_ns + since_ns}, {"count", taken.count}, {"receipt", taken.receipt}};
  return {.name = TakenName(name, sequence), .value = record.dump()};
}

// -- queues

Status Queues::Create(const std::string& name,
                      const std::map<std::string, std::string>& attributes) {
  ARROW_RETURN_NOT_OK(CheckName(name));
  const json record{{"created_ns", options_.clock->NowNs()}, {"attributes", attributes}};
  const Status made = options_.catalog->ChangeValues(
      {{.name = InfoName(name),
        .value = record.dump(-1, ' ', false, json::error_handler_t::replace),
        .compare = true}});
  if (!made.ok() && ReasonOf(made) != Reason::kConflict) return made;
  std::lock_guard lock(mutex_);
  queues_[name];
  return Status::OK();
}

Status Queues::Remove(const std::string& name) {
  ARROW_RETURN_NOT_OK(Get(name).status());
  // Without its record the queue takes no more messages.
  ARROW_RETURN_NOT_OK(options_.catalog->RemoveValue(InfoName(name)));
  const Status purged = Purge(name);
  std::lock_guard lock(mutex_);
  queues_.erase(name);
  return purged;
}

Status Queues::Purge(const std::string& name) {
  while (true) {
    std::vector<ValueChange> changes;
    {
      std::lock_guard lock(mutex_);
      const auto queue = queues_.find(name);
      if (queue == queues_.end()) return NoQueue(name);
      for (const auto& [sequence, taken] : queue->second.messages) {
        if (taken.durable) changes.push_back({.name = TakenName(name, sequence)});
        changes.push_back({.name = MessageName(name, sequence)});
        if (changes.size() >= kScanStep) break;
      }
    }
    if (changes.empty()) return Status::OK();
    ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(changes));
    std::lock_guard lock(mutex_);
    for (const ValueChange& change : changes) {
      ARROW_ASSIGN_OR_RAISE(const int64_t sequence,
                            ParseInt64(change.name.substr(change.name.rfind('/') + 1)));
      queues_[name].messages.erase(sequence);
    }
  }
}

Result<QueueInfo> Queues::Get(const std::string& name) {
  ARROW_RETURN_NOT_OK(CheckName(name));
  ARROW_ASSIGN_OR_RAISE(const auto value, options_.catalog->GetValue(InfoName(name)));
  if (!value.has_value()) return NoQueue(name);
  return DecodeInfo(name, *value);
}

Result<std::vector<QueueInfo>> Queues::List(const std::string& prefix) {
  std::vector<QueueInfo> infos;
  ARROW_ASSIGN_OR_RAISE(const auto values, options_.catalog->ListValues(InfoName(prefix)));
  for (const auto& [name, value] : values) {
    ARROW_ASSIGN_OR_RAISE(infos.emplace_back(),
                          DecodeInfo(name.substr(sizeof kInfoPrefix - 1), value));
  }
  return infos;
}

Result<QueueDepth> Queues::Depth(const std::string& name) {
  const int64_t now_ns = options_.clock->MonotonicNs();
  std::lock_guard lock(mutex_);
  const auto queue = queues_.find(name);
  if (queue == queues_.end()) return NoQueue(name);
  QueueDepth depth;
  for (const auto& [sequence, taken] : queue->second.messages) {
    ++(taken.until_ns <= now_ns ? depth.ready : depth.hidden);
  }
  return depth;
}

// -- messages

Result<int64_t> Queues::TakeSequences(int64_t count) {
  std::lock_guard lock(sequence_mutex_);
  if (sequence_end_ - next_sequence_ < count) {
    const int64_t wanted = std::max(count, kSequencesTaken);
    ARROW_ASSIGN_OR_RAISE(next_sequence_, options_.catalog->TakeIds(kSequence, wanted));
    sequence_end_ = next_sequence_ + wanted;
  }
  return std::exchange(next_sequence_, next_sequence_ + count);
}

Result<std::vector<Message>> Queues::Send(const std::string& queue, const access::Caller& sender,
                                          std::vector<std::string> bodies,
                                          const std::vector<ValueChange>& changes) {
  return SendWith(queue, sender, std::move(bodies),
                  [&](const std::vector<Message>&) { return changes; });
}

Result<std::vector<Message>> Queues::SendWith(const std::string& queue,
                                              const access::Caller& sender,
                                              std::vector<std::string> bodies,
                                              const ChangesFor& changes_for) {
  const std::string info = InfoName(queue);
  ARROW_RETURN_NOT_OK(CheckName(queue));
  ARROW_ASSIGN_OR_RAISE(const auto held, options_.catalog->GetValue(info));
  if (!held.has_value()) return NoQueue(queue);
  {
    std::lock_guard lock(mutex_);
    if (queues_[queue].messages.size() + bodies.size() > options_.messages_max) {
      return Error(Code::kResourceExhausted, Reason::kOverBudget,
                   fmt::format("the queue '{}' holds {} messages, and takes no more", queue,
                               options_.messages_max));
    }
  }
  ARROW_ASSIGN_OR_RAISE(int64_t sequence, TakeSequences(static_cast<int64_t>(bodies.size())));
  std::vector<Message> messages;
  std::vector<ValueChange> changes{
      {.name = info, .value = held, .compare = true, .expected = held}};
  for (std::string& body : bodies) {
    if (body.size() > kMessageBytesMax) {
      return Error(
          Code::kInvalidArgument, Reason::kOverBudget,
          fmt::format("a message has at most {} bytes, not {}", kMessageBytesMax, body.size()));
    }
    Message& message = messages.emplace_back(Message{.queue = queue, .sequence = sequence++});
    message.id = UuidToText(options_.random->Uuid());
    message.body = std::move(body);
    message.sender = sender;
    message.sent_ns = options_.clock->NowNs();
    changes.push_back(
        {.name = MessageName(queue, message.sequence), .value = EncodeMessage(message)});
  }
  ARROW_ASSIGN_OR_RAISE(auto more, changes_for(messages));
  std::move(more.begin(), more.end(), std::back_inserter(changes));
  ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(changes));
  {
    std::lock_guard lock(mutex_);
    for (const Message& message : messages) {
      queues_[queue].messages.emplace(message.sequence, Taken{.until_ns = INT64_MIN});
    }
  }
  for (size_t i = 0; i < messages.size(); ++i) WakeOne(queue);
  return messages;
}

Result<std::vector<Message>> Queues::Take(const std::string& name, size_t limit, int64_t hidden_ns,
                                          bool durable) {
  const int64_t now_ns = options_.clock->MonotonicNs();
  std::vector<Message> messages;
  std::vector<ValueChange> kept;
  {
    std::lock_guard lock(mutex_);
    const auto queue = queues_.find(name);
    if (queue == queues_.end()) return NoQueue(name);
    for (auto& [sequence, taken] : queue->second.messages) {
      if (messages.size() == limit) break;
      if (taken.until_ns > now_ns) continue;
      taken.until_ns = now_ns + hidden_ns;
      taken.receipt = fmt::format("{:019}-{}", sequence, ToHex(options_.random->Uuid()));
      Message& message = messages.emplace_back(Message{.queue = name, .sequence = sequence});
      message.taken = ++taken.count;
      message.receipt = taken.receipt;
      if (!durable) continue;
      taken.durable = true;
      kept.push_back(KeepTaken(name, sequence, taken));
    }
  }
  if (!kept.empty()) ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(kept));
  for (Message& message : messages) {
    ARROW_ASSIGN_OR_RAISE(const auto value,
                          options_.catalog->GetValue(MessageName(name, message.sequence)));
    if (!value.has_value()) continue;  // removed meanwhile
    ARROW_ASSIGN_OR_RAISE(Message stored, DecodeMessage(name, message.sequence, *value));
    stored.taken = message.taken;
    stored.receipt = message.receipt;
    message = std::move(stored);
  }
  std::erase_if(messages, [](const Message& message) { return message.id.empty(); });
  return messages;
}

Result<int64_t> Queues::SequenceOf(const std::string& queue, const std::string& receipt) {
  ARROW_RETURN_NOT_OK(CheckName(queue));
  const auto sequence = ParseInt64(receipt.substr(0, receipt.find('-')));
  if (!sequence.ok() || *sequence < 0) return LeaseLost();
  return sequence;
}

Status Queues::Finish(const std::string& name, const std::string& receipt) {
  ARROW_ASSIGN_OR_RAISE(const int64_t sequence, SequenceOf(name, receipt));
  {
    std::lock_guard lock(mutex_);
    const auto queue = queues_.find(name);
    if (queue == queues_.end()) return NoQueue(name);
    const auto taken = queue->second.messages.find(sequence);
    if (taken == queue->second.messages.end()) return Status::OK();
    // A receipt of an earlier process is as good as none by another taker since.
    if (taken->second.receipt != receipt && taken->second.count > 0) return LeaseLost();
  }
  ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(
      {{.name = MessageName(name, sequence)}, {.name = TakenName(name, sequence)}}));
  std::lock_guard lock(mutex_);
  const auto queue = queues_.find(name);
  if (queue != queues_.end()) queue->second.messages.erase(sequence);
  return Status::OK();
}

Status Queues::Hide(const std::string& name, const std::string& receipt, int64_t hidden_ns) {
  ARROW_ASSIGN_OR_RAISE(const int64_t sequence, SequenceOf(name, receipt));
  const int64_t until_ns = options_.clock->MonotonicNs() + hidden_ns;
  std::vector<ValueChange> kept;
  {
    std::lock_guard lock(mutex_);
    const auto queue = queues_.find(name);
    if (queue == queues_.end()) return NoQueue(name);
    const auto taken = queue->second.messages.find(sequence);
    if (taken == queue->second.messages.end() || taken->second.receipt != receipt) {
      return LeaseLost();
    }
    taken->second.until_ns = until_ns;
    if (taken->second.durable) kept.push_back(KeepTaken(name, sequence, taken->second));
  }
  if (!kept.empty()) ARROW_RETURN_NOT_OK(options_.catalog->ChangeValues(kept));
  if (hidden_ns <= 0) WakeOne(name);
  return Status::OK();
}

Result<ValueChange> Queues::Removal(const Message& message) {
  const std::string name = MessageName(message.queue, message.sequence);
  ARROW_ASSIGN_OR_RAISE(const auto held, options_.catalog->GetValue(name));
  if (!held.has_value()) return LeaseLost();
  return ValueChange{.name = name, .compare = true, .expected = held};
}

void Queues::Removed(const Message& message) {
  std::lock_guard lock(mutex_);
  const auto queue = queues_.find(message.queue);
  if (queue != queues_.end()) queue->second.messages.erase(message.sequence);
}

// -- those who wait

void Queues::Wait(const std::string& name, int64_t until_ns, WakeUp wake) {
  const int64_t now_ns = options_.clock->MonotonicNs();
  std::lock_guard lock(mutex_);
  const uint64_t id = next_waiter_++;
  const auto queue = queues_.find(name);
  int64_t first_ns = until_ns;
  if (queue == queues_.end() || ended_) {
    first_ns = now_ns;
  } else {
    // A hidden message may become ready before that.
    for (const auto& [sequence, taken] : queue->second.messages) {
      first_ns = std::min(first_ns, std::max(now_ns, taken.until_ns));
    }
  }
  Waiter& waiter = waiters_[id];
  waiter = {.queue = name, .until_ns = until_ns, .wake = std::move(wake)};
  waiter.timer = options_.executor->PostAt(first_ns, [this, id] { Fire(id); });
}

void Queues::Fire(uint64_t id) {
  WakeUp wake;
  bool more = false;
  {
    std::lock_guard lock(mutex_);
    const auto waiter = waiters_.find(id);
    if (waiter == waiters_.end()) return;
    options_.executor->Cancel(waiter->second.timer);
    wake = std::move(waiter->second.wake);
    more = !ended_ && options_.clock->MonotonicNs() < waiter->second.until_ns;
    waiters_.erase(waiter);
  }
  wake(more);
}

void Queues::WakeOne(const std::string& name) {
  std::lock_guard lock(mutex_);
  for (const auto& [id, waiter] : waiters_) {
    if (waiter.queue != name) continue;
    options_.executor->Post([this, id = id] { Fire(id); });
    return;
  }
}

void Queues::EndWaiting() {
  std::vector<uint64_t> ids;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    for (const auto& [id, waiter] : waiters_) ids.push_back(id);
  }
  for (const uint64_t id : ids) Fire(id);
}

}  // namespace firth::work
