// The SQS part: queues over work/queues.h, and the instances' own queues, which the server reads.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "firth/doors/aws/call.h"
#include "firth/doors/aws/instances.h"
#include "firth/doors/aws/json.h"
#include "firth/table/database.h"
#include "firth/work/queues.h"

namespace firth::doors::aws {

/// Who acts on the messages of the instances' queues.
class MessageTaker {
 public:
  virtual ~MessageTaker() = default;
  /// The changes that are to be made with a message to such a queue.
  virtual Result<std::vector<catalog::ValueChange>> ChangesFor(const InstanceQueue& queue,
                                                               const work::Message& message) = 0;
  /// The message is durable: get to work, and have done before its sender is answered what must be.
  virtual Status Sent(const InstanceQueue& queue, const work::Message& message) = 0;
};

/// Answers SQS requests, in JSON and as forms. Thread-safe; blocks, but not for a long poll, whose
/// answer comes later. Rights: who may sign in may send to the instances' queues, since each
/// message is acted on with the rights of its sender; a user's own queues need rights on the path
/// that is the queue's name.
class Sqs {
 public:
  Sqs(table::Database* database, work::Queues* queues, const Instances* instances,
      MessageTaker* taker)
      : database_(database), queues_(queues), instances_(instances), taker_(taker) {}

  Result<net::HttpResponse> Answer(const Call& call);

  /// Is the request a form, as clients of 2023 and before write it?
  static bool IsForm(const net::HttpRequest& request);

 private:
  using Action = Result<json> (Sqs::*)(const Call& call, const json& request);

  static const std::map<std::string, Action, std::less<>>& Actions();
  Result<std::string> QueueOf(const Call& call, const json& request) const;
  Status Check(const access::Caller& caller, uint32_t rights, const std::string& queue) const;
  std::string UrlOf(const Call& call, const std::string& queue) const;
  Result<std::vector<work::Message>> Store(const Call& call, const std::string& queue,
                                           std::vector<std::string> bodies);
  Result<net::HttpResponse> Receive(const Call& call, const json& request, bool form);

  Result<json> GetQueueUrl(const Call& call, const json& request);
  Result<json> SendMessage(const Call& call, const json& request);
  Result<json> SendMessageBatch(const Call& call, const json& request);
  Result<json> DeleteMessage(const Call& call, const json& request);
  Result<json> DeleteMessageBatch(const Call& call, const json& request);
  Result<json> ChangeVisibility(const Call& call, const json& request);
  Result<json> GetAttributes(const Call& call, const json& request);
  Result<json> SetAttributes(const Call& call, const json& request);
  Result<json> CreateQueue(const Call& call, const json& request);
  Result<json> DeleteQueue(const Call& call, const json& request);
  Result<json> ListQueues(const Call& call, const json& request);
  Result<json> PurgeQueue(const Call& call, const json& request);
  Result<json> ListQueueTags(const Call& call, const json& request);

  table::Database* const database_;
  work::Queues* const queues_;
  const Instances* const instances_;
  MessageTaker* const taker_;
};

/// A form's fields as the JSON request that means the same; and an answer as XML. sqs_form.cc.
Result<json> FormToRequest(const std::string& action,
                           const std::vector<std::pair<std::string, std::string>>& fields);
std::string AnswerToXml(const std::string& action, const json& answer,
                        const std::string& request_id);

}  // namespace firth::doors::aws
