#include "firth/doors/aws/sqs.h"

#include <algorithm>
#include <cctype>
#include <memory>

#include "firth/common/text.h"
#include "firth/doors/aws/digests.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kEntriesMax = 10;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kHiddenDefaultS = 30;
constexpr int64_t kHiddenMaxS = 12 * 3600;
constexpr int64_t kWaitMaxS = 20;

Status Invalid(std::string why) {
  return Fault("InvalidParameterValue", std::move(why));
}

std::string Md5Hex(const std::string& text) {
  return ToHex(DigestOf("md5", text));
}

/// A number of a request, in [least, most].
Result<int64_t> Number(const json& request, const char* name, int64_t otherwise, int64_t least,
                       int64_t most) {
  const auto found = request.find(name);
  if (found == request.end() || found->is_null()) return otherwise;
  int64_t value = -1;
  if (found->is_number_integer()) {
    value = found->get<int64_t>();
  } else if (found->is_string()) {
    value = ParseInt64(found->get<std::string>()).ValueOr(-1);
  }
  if (value < least || value > most) {
    return Invalid(std::string(name) + " is " + std::to_string(least) + " to " +
                   std::to_string(most));
  }
  return value;
}

Status CheckBody(const std::string& body) {
  if (body.empty()) return Fault("MissingParameter", "a message has a body");
  if (body.size() > work::kMessageBytesMax) {
    return Invalid("a message's body has at most 1 MiB, not " + std::to_string(body.size()) +
                   " bytes");
  }
  return Status::OK();
}

bool IsQueueName(const std::string& name) {
  return !name.empty() && name.size() <= 80 && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  });
}

net::HttpResponse Written(const Call& call, const std::string& action, const json& answer,
                          bool form) {
  net::HttpResponse response;
  response.content_type = form ? "text/xml" : "application/x-amz-json-1.0";
  response.body = form ? AnswerToXml(action, answer, call.request_id) : JsonText(answer);
  return response;
}

json MessagesOf(const std::vector<work::Message>& messages) {
  if (messages.empty()) return json::object();
  json list = json::array();
  for (const auto& message : messages) {
    list.push_back({{"MessageId", message.id},
                    {"ReceiptHandle", message.receipt},
                    {"Body", message.body},
                    {"MD5OfBody", Md5Hex(message.body)},
                    {"Attributes",
                     {{"SentTimestamp", std::to_string(message.sent_ns / 1'000'000)},
                      {"ApproximateReceiveCount", std::to_string(message.taken)}}}});
  }
  return json{{"Messages", list}};
}

}  // namespace

bool Sqs::IsForm(const net::HttpRequest& request) {
  return request.Header("x-amz-target").empty();
}

const std::map<std::string, Sqs::Action, std::less<>>& Sqs::Actions() {
  static const std::map<std::string, Action, std::less<>> actions{
      {"GetQueueUrl", &Sqs::GetQueueUrl},
      {"SendMessage", &Sqs::SendMessage},
      {"SendMessageBatch", &Sqs::SendMessageBatch},
      {"DeleteMessage", &Sqs::DeleteMessage},
      {"DeleteMessageBatch", &Sqs::DeleteMessageBatch},
      {"ChangeMessageVisibility", &Sqs::ChangeVisibility},
      {"GetQueueAttributes", &Sqs::GetAttributes},
      {"SetQueueAttributes", &Sqs::SetAttributes},
      {"CreateQueue", &Sqs::CreateQueue},
      {"DeleteQueue", &Sqs::DeleteQueue},
      {"ListQueues", &Sqs::ListQueues},
      {"PurgeQueue", &Sqs::PurgeQueue},
      {"ListQueueTags", &Sqs::ListQueueTags},
  };
  return actions;
}

Result<net::HttpResponse> Sqs::Answer(const Call& call) {
  const bool form = IsForm(*call.request);
  std::string action;
  json request;
  if (form) {
    ARROW_ASSIGN_OR_RAISE(auto fields, net::ParseQuery(call.body));
    fields.insert(fields.end(), call.query.begin(), call.query.end());
    for (const auto& [name, value] : fields) {
      if (name == "Action") action = value;
    }
    ARROW_ASSIGN_OR_RAISE(request, FormToRequest(action, fields));
    if (!request.contains("QueueUrl")) request["QueueUrl"] = call.request->path;
  } else {
    const std::string_view target = call.request->Header("x-amz-target");
    action = target.substr(std::min(target.find('.') + 1, target.size()));
    auto parsed = ParseJson(call.body.empty() ? "{}" : call.body);
    if (!parsed.ok() || !parsed->is_object()) return Invalid("the body is to be a JSON object");
    request = std::move(*parsed);
  }
  if (action == "ReceiveMessage") return Receive(call, request, form);
  const auto found = Actions().find(action);
  if (found == Actions().end()) {
    return Fault("UnsupportedOperation",
                 "there is no operation '" + action.substr(0, 64) + "' here");
  }
  ARROW_ASSIGN_OR_RAISE(const json answer, (this->*found->second)(call, request));
  return Written(call, action, answer, form);
}

/// The queue's name: the last part of its address, whatever the host.
Result<std::string> Sqs::QueueOf(const Call&, const json& request) const {
  ARROW_ASSIGN_OR_RAISE(std::string url, TextMember(request, "QueueUrl"));
  while (url.ends_with('/')) url.pop_back();
  std::string name = url.substr(url.rfind('/') + 1);
  if (!IsQueueName(name)) {
    return Error(Code::kNotFound, Reason::kQueueNotFound, "the queue's address names no queue");
  }
  return name;
}

Status Sqs::Check(const access::Caller& caller, uint32_t rights, const std::string& queue) const {
  const auto owned = instances_->FindQueue(queue);
  const Path path{{owned.has_value() ? owned->instance : queue}};
  return database_->access()->Check(caller, rights, path);
}

std::string Sqs::UrlOf(const Call& call, const std::string& queue) const {
  std::string base = instances_->url();
  if (base.empty()) base = "http://" + std::string(call.request->Header("host"));
  return base + "/" + instances_->account() + "/" + queue;
}

// -- messages

Result<std::vector<work::Message>> Sqs::Store(const Call& call, const std::string& queue,
                                              std::vector<std::string> bodies) {
  const auto owned = instances_->FindQueue(queue);
  if (!owned.has_value() || owned->role == QueueRole::kPlain) {
    ARROW_RETURN_NOT_OK(Check(call.caller, access::kWrite, queue));
    return queues_->Send(queue, call.caller, std::move(bodies));
  }
  const auto changes_for =
      [&](const std::vector<work::Message>& messages) -> Result<std::vector<catalog::ValueChange>> {
    std::vector<catalog::ValueChange> changes;
    for (const work::Message& message : messages) {
      ARROW_ASSIGN_OR_RAISE(auto more, taker_->ChangesFor(*owned, message));
      changes.insert(changes.end(), more.begin(), more.end());
    }
    return changes;
  };
  ARROW_ASSIGN_OR_RAISE(auto messages,
                        queues_->SendWith(queue, call.caller, std::move(bodies), changes_for));
  for (const work::Message& message : messages) {
    ARROW_RETURN_NOT_OK(taker_->Sent(*owned, message));
  }
  return messages;
}

Result<json> Sqs::SendMessage(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  ARROW_ASSIGN_OR_RAISE(std::string body, TextMember(request, "MessageBody"));
  ARROW_RETURN_NOT_OK(CheckBody(body));
  const std::string md5 = Md5Hex(body);
  ARROW_ASSIGN_OR_RAISE(const auto messages, Store(call, queue, {std::move(body)}));
  return json{{"MessageId", messages.front().id}, {"MD5OfMessageBody", md5}};
}

Result<json> Sqs::SendMessageBatch(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  const auto entries = request.find("Entries");
  if (entries == request.end() || !entries->is_array() || entries->empty()) {
    return Fault("EmptyBatchRequest", "Entries is to be a list of at least one entry");
  }
  if (entries->size() > kEntriesMax) {
    return Fault("TooManyEntriesInBatchRequest", "a batch has at most 10 entries");
  }
  std::vector<std::string> ids;
  std::vector<std::string> bodies;
  size_t bytes = 0;
  for (const json& entry : *entries) {
    if (!entry.is_object()) return Invalid("an entry is to be an object");
    ARROW_ASSIGN_OR_RAISE(std::string id, TextMember(entry, "Id"));
    ARROW_ASSIGN_OR_RAISE(std::string body, TextMember(entry, "MessageBody"));
    ARROW_RETURN_NOT_OK(CheckBody(body));
    bytes += body.size();
    if (std::find(ids.begin(), ids.end(), id) != ids.end()) {
      return Fault("BatchEntryIdsNotDistinct", "two entries have one Id");
    }
    ids.push_back(std::move(id));
    bodies.push_back(std::move(body));
  }
  if (bytes > work::kMessageBytesMax) {
    return Fault("BatchRequestTooLong", "the bodies of a batch have at most 1 MiB together");
  }
  ARROW_ASSIGN_OR_RAISE(const auto messages, Store(call, queue, bodies));
  json sent = json::array();
  for (size_t i = 0; i < messages.size(); ++i) {
    sent.push_back({{"Id", ids[i]},
                    {"MessageId", messages[i].id},
                    {"MD5OfMessageBody", Md5Hex(messages[i].body)}});
  }
  return json{{"Successful", sent}, {"Failed", json::array()}};
}

Result<net::HttpResponse> Sqs::Receive(const Call& call, const json& request, bool form) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kRead, queue));
  ARROW_ASSIGN_OR_RAISE(const int64_t count, Number(request, "MaxNumberOfMessages", 1, 1, 10));
  ARROW_ASSIGN_OR_RAISE(const int64_t wait_s, Number(request, "WaitTimeSeconds", 0, 0, kWaitMaxS));
  ARROW_ASSIGN_OR_RAISE(const int64_t hidden_s,
                        Number(request, "VisibilityTimeout", kHiddenDefaultS, 0, kHiddenMaxS));
  ARROW_RETURN_NOT_OK(queues_->Get(queue).status());
  const auto owned = instances_->FindQueue(queue);
  if (owned.has_value() && owned->role != QueueRole::kPlain) {
    return Written(call, "ReceiveMessage", json::object(), form);  // the server reads these itself
  }
  const auto take = [this, queue, count, hidden_s] {
    return queues_->Take(queue, static_cast<size_t>(count), hidden_s * kSecondNs, /*durable=*/true);
  };
  ARROW_ASSIGN_OR_RAISE(const auto messages, take());
  if (!messages.empty() || wait_s == 0) {
    return Written(call, "ReceiveMessage", MessagesOf(messages), form);
  }
  // No thread waits for a message: the answer is made when there is one, or when time is up.
  const int64_t until_ns = database_->clock().MonotonicNs() + wait_s * kSecondNs;
  Call kept{.service = call.service, .request_id = call.request_id};
  net::HttpResponse response;
  response.later = [this, queue, take, form, until_ns,
                    kept](std::function<void(net::HttpResponse)> answer) {
    const auto attempt = std::make_shared<work::Queues::WakeUp>();
    *attempt = [this, queue, take, form, until_ns, kept, answer,
                weak = std::weak_ptr<work::Queues::WakeUp>(attempt)](bool more) {
      const auto found = take();
      const auto self = weak.lock();
      if (!found.ok()) {
        answer(ErrorAnswer(found.status(), Service::kSqs,
                           {.request_id = kept.request_id, .query_protocol = form}));
      } else if (!found->empty() || !more || self == nullptr) {
        answer(Written(kept, "ReceiveMessage", MessagesOf(*found), form));
      } else {
        queues_->Wait(queue, until_ns, [self](bool again) { (*self)(again); });
      }
    };
    queues_->Wait(queue, until_ns, [attempt](bool more) { (*attempt)(more); });
  };
  return response;
}

Result<json> Sqs::DeleteMessage(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kRead, queue));
  ARROW_ASSIGN_OR_RAISE(const std::string receipt, TextMember(request, "ReceiptHandle"));
  ARROW_RETURN_NOT_OK(queues_->Finish(queue, receipt));
  return json::object();
}

Result<json> Sqs::DeleteMessageBatch(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kRead, queue));
  const auto entries = request.find("Entries");
  if (entries == request.end() || !entries->is_array() || entries->size() > kEntriesMax) {
    return Fault("TooManyEntriesInBatchRequest", "Entries is a list of at most 10 entries");
  }
  json done = json::array();
  json failed = json::array();
  for (const json& entry : *entries) {
    if (!entry.is_object()) return Invalid("an entry is to be an object");
    ARROW_ASSIGN_OR_RAISE(const std::string id, TextMember(entry, "Id"));
    ARROW_ASSIGN_OR_RAISE(const std::string receipt, TextMember(entry, "ReceiptHandle"));
    const Status removed = queues_->Finish(queue, receipt);
    if (removed.ok()) {
      done.push_back({{"Id", id}});
    } else {
      failed.push_back({{"Id", id},
                        {"SenderFault", true},
                        {"Code", WireCode(removed, Service::kSqs)},
                        {"Message", MessageOf(removed)}});
    }
  }
  return json{{"Successful", done}, {"Failed", failed}};
}

Result<json> Sqs::ChangeVisibility(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kRead, queue));
  ARROW_ASSIGN_OR_RAISE(const std::string receipt, TextMember(request, "ReceiptHandle"));
  ARROW_ASSIGN_OR_RAISE(const int64_t hidden_s,
                        Number(request, "VisibilityTimeout", 0, 0, kHiddenMaxS));
  ARROW_RETURN_NOT_OK(queues_->Hide(queue, receipt, hidden_s * kSecondNs));
  return json::object();
}

// -- queues

Result<json> Sqs::GetQueueUrl(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string name, TextMember(request, "QueueName"));
  ARROW_RETURN_NOT_OK(queues_->Get(name).status());
  return json{{"QueueUrl", UrlOf(call, name)}};
}

Result<json> Sqs::GetAttributes(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kSee, queue));
  ARROW_ASSIGN_OR_RAISE(const auto info, queues_->Get(queue));
  ARROW_ASSIGN_OR_RAISE(const auto depth, queues_->Depth(queue));
  const json all{{"ApproximateNumberOfMessages", std::to_string(depth.ready)},
                 {"ApproximateNumberOfMessagesNotVisible", std::to_string(depth.hidden)},
                 {"ApproximateNumberOfMessagesDelayed", "0"},
                 {"CreatedTimestamp", std::to_string(info.created_ns / kSecondNs)},
                 {"VisibilityTimeout", std::to_string(kHiddenDefaultS)},
                 {"MaximumMessageSize", std::to_string(work::kMessageBytesMax)},
                 {"QueueArn", "arn:aws:sqs:eu-west-2:" + instances_->account() + ":" + queue}};
  const auto names = request.find("AttributeNames");
  json chosen = json::object();
  if (names == request.end() || !names->is_array()) return json{{"Attributes", chosen}};
  for (const json& name : *names) {
    if (name == "All") return json{{"Attributes", all}};
    if (name.is_string() && all.contains(name.get<std::string>())) {
      chosen[name.get<std::string>()] = all[name.get<std::string>()];
    }
  }
  return json{{"Attributes", chosen}};
}

Result<json> Sqs::SetAttributes(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  ARROW_RETURN_NOT_OK(queues_->Get(queue).status());
  return Fault("UnsupportedOperation", "a queue's attributes stay as it was made with");
}

Result<json> Sqs::CreateQueue(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string name, TextMember(request, "QueueName"));
  if (!IsQueueName(name)) {
    return Invalid("a queue's name has 1 to 80 letters, digits, '-', '_' and '.'");
  }
  const auto owned = instances_->FindQueue(name);
  if (!owned.has_value()) {
    ARROW_RETURN_NOT_OK(database_->access()->Check(call.caller, access::kCreate, Path{}));
  }
  ARROW_RETURN_NOT_OK(queues_->Create(name, {}));
  return json{{"QueueUrl", UrlOf(call, name)}};
}

Result<json> Sqs::DeleteQueue(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  if (instances_->FindQueue(queue).has_value()) {
    return Fault("AccessDenied", "the queues of an instance stay");
  }
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kAdmin, queue));
  ARROW_RETURN_NOT_OK(queues_->Remove(queue));
  return json::object();
}

Result<json> Sqs::ListQueues(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string prefix, TextMember(request, "QueueNamePrefix"));
  ARROW_ASSIGN_OR_RAISE(const auto infos, queues_->List(prefix));
  json urls = json::array();
  for (const auto& info : infos) {
    if (Check(call.caller, access::kSee, info.name).ok()) urls.push_back(UrlOf(call, info.name));
  }
  return urls.empty() ? json::object() : json{{"QueueUrls", urls}};
}

Result<json> Sqs::PurgeQueue(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kAdmin, queue));
  ARROW_RETURN_NOT_OK(queues_->Purge(queue));
  return json::object();
}

Result<json> Sqs::ListQueueTags(const Call& call, const json& request) {
  ARROW_ASSIGN_OR_RAISE(const std::string queue, QueueOf(call, request));
  ARROW_RETURN_NOT_OK(queues_->Get(queue).status());
  return json::object();
}

}  // namespace firth::doors::aws
