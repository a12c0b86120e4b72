#include "firth/doors/beneath/gateway.h"

#include <set>

#include "firth/doors/beneath/filter.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

constexpr int64_t kReadDefault = 50;
constexpr int64_t kReadMax = 1000;
constexpr int kPartitionsMax = 32;

struct ClientVersion {
  std::string_view id, recommended, oldest;
};
constexpr ClientVersion kClients[] = {{"beneath-python", "1.4.2", "1.4.0"},
                                      {"beneath-js", "1.2.0", "1.0.0"},
                                      {"beneath-java", "1.0.0", "1.0.0"}};

/// "1.4.2" as numbers; empty if it is none. What follows the third number is not looked at.
std::vector<int> VersionOf(std::string_view text) {
  std::vector<int> out;
  size_t at = 0;
  while (out.size() < 3) {
    int number = 0;
    size_t digits = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && digits < 6; ++at, ++digits) {
      number = number * 10 + (text[at] - '0');
    }
    if (digits == 0) return {};
    out.push_back(number);
    if (out.size() < 3 && (at >= text.size() || text[at++] != '.')) return {};
  }
  return out;
}

}  // namespace

grpc::Status ToWire(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  grpc::StatusCode code = grpc::StatusCode::INVALID_ARGUMENT;
  switch (CodeOf(status)) {
    case Code::kUnauthenticated:
      code = grpc::StatusCode::UNAUTHENTICATED;
      break;
    case Code::kPermissionDenied:
      code = grpc::StatusCode::PERMISSION_DENIED;
      break;
    case Code::kResourceExhausted:
      code = grpc::StatusCode::RESOURCE_EXHAUSTED;
      break;
    case Code::kUnavailable:
      code = grpc::StatusCode::UNAVAILABLE;
      break;
    case Code::kAborted:
      code = grpc::StatusCode::ABORTED;
      break;
    case Code::kInternal:
    case Code::kUnknown:
      code = grpc::StatusCode::INTERNAL;
      break;
    case Code::kDataLoss:
      code = grpc::StatusCode::DATA_LOSS;
      break;
    default:
      break;
  }
  return {code, MessageOf(status)};
}

Result<Requester> Gateway::SignIn(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  const std::string_view header =
      found == metadata.end() ? std::string_view()
                              : std::string_view(found->second.data(), found->second.size());
  ARROW_ASSIGN_OR_RAISE(Requester who, parts_->rights->SignIn(header));
  ARROW_RETURN_NOT_OK(parts_->control->EnsureAccount(who));
  return who;
}

grpc::Status Gateway::Ping(grpc::ServerContext* context, const wire::PingRequest* request,
                           wire::PingResponse* reply) {
  const auto who = SignIn(*context);
  if (!who.ok()) return ToWire(who.status());
  for (const auto& client : kClients) {
    if (client.id != request->client_id()) continue;
    const auto version = VersionOf(request->client_version());
    if (version.empty()) return ToWire(Invalid("the client's version is not of the form 1.2.3"));
    reply->set_authenticated(who->kind != Requester::Kind::kAnonymous);
    reply->set_recommended_version(std::string(client.recommended));
    reply->set_version_status(version < VersionOf(client.oldest)        ? "deprecated"
                              : version < VersionOf(client.recommended) ? "warning"
                                                                        : "stable");
    return grpc::Status::OK;
  }
  return ToWire(Invalid("the client '" + request->client_id().substr(0, 64) + "' is unknown"));
}

Result<Instance> Gateway::InstanceOf(std::string_view id) {
  if (id.size() != 16) return Invalid("an instance id has 16 bytes");
  const auto number = parts_->facts->ids().Read(IdKind::kInstance, id);
  if (!number.has_value()) return NotFound("Table instance");
  return OpenInstance(parts_->database, parts_->tables.get(), EditionId(*number));
}

Result<Instance> Gateway::ReadableInstance(const Requester& who, std::string_view id) {
  ARROW_ASSIGN_OR_RAISE(Instance instance, InstanceOf(id));
  ARROW_ASSIGN_OR_RAISE(const TableRights rights,
                        parts_->rights->OnTable(who, instance.table->path));
  if (!rights.read) return NotAllowed("read this table");
  return instance;
}

Status Gateway::DoQueryLog(const Requester& who, const wire::QueryLogRequest& request,
                           wire::QueryLogResponse* reply) {
  ARROW_ASSIGN_OR_RAISE(const Instance instance, ReadableInstance(who, request.instance_id()));
  if (request.partitions() < 0 || request.partitions() > kPartitionsMax) {
    return Invalid("partitions must be between 1 and 32");
  }
  if (request.peek() && request.partitions() > 1) return Invalid("a peek has one partition only");
  ARROW_ASSIGN_OR_RAISE(const auto range, parts_->reading->Range(instance));
  Cursor cursor{.id = request.instance_id()};
  if (range.start < range.end || request.peek()) {
    cursor.kind = request.peek() ? Cursor::Kind::kPeek : Cursor::Kind::kReplay;
    cursor.from = request.peek() ? range.end.value : range.start.value;
    cursor.to = range.end.value;
    ARROW_ASSIGN_OR_RAISE(*reply->add_replay_cursors(), parts_->cursors->Write(cursor));
  }
  cursor.kind = Cursor::Kind::kChanges;
  cursor.from = range.end.value;
  cursor.to = 0;
  ARROW_ASSIGN_OR_RAISE(*reply->add_change_cursors(), parts_->cursors->Write(cursor));
  return Status::OK();
}

Status Gateway::DoQueryIndex(const Requester& who, const wire::QueryIndexRequest& request,
                             wire::QueryIndexResponse* reply) {
  ARROW_ASSIGN_OR_RAISE(const Instance instance, ReadableInstance(who, request.instance_id()));
  if (request.partitions() < 0 || request.partitions() > kPartitionsMax) {
    return Invalid("partitions must be between 1 and 32");
  }
  if (!instance.facts->use_index) return Invalid("the table has no index: useIndex is false");
  ARROW_ASSIGN_OR_RAISE(const Json filter, ParseFilter(request.filter()));
  Cursor cursor{.kind = Cursor::Kind::kIndex, .id = request.instance_id()};
  ARROW_ASSIGN_OR_RAISE(cursor.keys, RangeOfFilter(*instance.facts, filter));
  ARROW_ASSIGN_OR_RAISE(const auto range, parts_->reading->Range(instance));
  const auto replay = parts_->cursors->Write(cursor);
  if (!replay.ok()) return Invalid("error parsing query: " + MessageOf(replay.status()));
  reply->add_replay_cursors(*replay);
  cursor.kind = Cursor::Kind::kChanges;
  cursor.from = range.end.value;
  ARROW_ASSIGN_OR_RAISE(*reply->add_change_cursors(), parts_->cursors->Write(cursor));
  return Status::OK();
}

Status Gateway::DoRead(const Requester& who, const wire::ReadRequest& request,
                       wire::ReadResponse* reply) {
  if (request.limit() < 0 || request.limit() > kReadMax) {
    return Invalid("the limit of a read is between 1 and 1000");
  }
  const int64_t limit = request.limit() == 0 ? kReadDefault : request.limit();
  ARROW_ASSIGN_OR_RAISE(const Cursor cursor, parts_->cursors->Read(request.cursor()));
  ARROW_ASSIGN_OR_RAISE(const access::Payers payer,
                        PayersOf(parts_->control.get(), parts_->metering.get(), who));
  if (cursor.kind == Cursor::Kind::kResult) {
    ARROW_RETURN_NOT_OK(payer.Check(Using::kRead));
    ARROW_ASSIGN_OR_RAISE(Page page, parts_->warehouse->Read(who, cursor, limit));
    return AddPage(payer, std::move(page), {}, reply);
  }
  ARROW_ASSIGN_OR_RAISE(const Instance instance, ReadableInstance(who, cursor.id));
  ARROW_RETURN_NOT_OK(payer.Check(Using::kRead));
  ARROW_ASSIGN_OR_RAISE(Page page, parts_->reading->Read(instance, cursor, limit));
  return AddPage(payer, std::move(page),
                 {MeterOfTable(instance.table->id), MeterOfInstance(instance.table->current->id)},
                 reply);
}

Status Gateway::AddPage(const access::Payers& payer, Page page,
                        const std::vector<std::string>& meters, wire::ReadResponse* reply) {
  int64_t bytes = 0;
  for (auto& shown : page.records) {
    bytes += static_cast<int64_t>(shown.avro.size());
    auto* record = reply->add_records();
    record->set_avro_data(std::move(shown.avro));
    record->set_timestamp(shown.time_ms);
  }
  if (page.more) {
    ARROW_ASSIGN_OR_RAISE(*reply->mutable_next_cursor(), parts_->cursors->Write(page.next));
  }
  return payer.Count(Using::kRead, bytes, reply->records_size(), meters);
}

Result<Subscriptions::Where> Gateway::DoSubscribe(const Requester& who,
                                                  const wire::SubscribeRequest& request) {
  if (who.kind == Requester::Kind::kAnonymous) return NotAllowed("subscribe without a secret");
  ARROW_ASSIGN_OR_RAISE(const Cursor cursor, parts_->cursors->Read(request.cursor()));
  if (cursor.kind == Cursor::Kind::kIndex || cursor.kind == Cursor::Kind::kResult) {
    return Invalid("only cursors of a log or of changes can be subscribed to");
  }
  Subscriptions::Where where;
  ARROW_ASSIGN_OR_RAISE(where.instance, ReadableInstance(who, cursor.id));
  where.from = cursor.from;
  where.check = [this, who, id = cursor.id] { return ReadableInstance(who, id).status(); };
  where.write_id = [this](CommitId commit) {
    return parts_->facts->ids().Make(IdKind::kWrite, commit.value);
  };
  return where;
}

grpc::Status Gateway::QueryLog(grpc::ServerContext* context, const wire::QueryLogRequest* request,
                               wire::QueryLogResponse* reply) {
  const auto who = SignIn(*context);
  return ToWire(who.ok() ? DoQueryLog(*who, *request, reply) : who.status());
}

grpc::Status Gateway::QueryIndex(grpc::ServerContext* context,
                                 const wire::QueryIndexRequest* request,
                                 wire::QueryIndexResponse* reply) {
  const auto who = SignIn(*context);
  return ToWire(who.ok() ? DoQueryIndex(*who, *request, reply) : who.status());
}

grpc::Status Gateway::Read(grpc::ServerContext* context, const wire::ReadRequest* request,
                           wire::ReadResponse* reply) {
  const auto who = SignIn(*context);
  return ToWire(who.ok() ? DoRead(*who, *request, reply) : who.status());
}

grpc::Status Gateway::Write(grpc::ServerContext* context, const wire::WriteRequest* request,
                            wire::WriteResponse* reply) {
  const auto who = SignIn(*context);
  return ToWire(who.ok() ? DoWrite(*who, *request, reply) : who.status());
}

grpc::ServerWriteReactor<wire::SubscribeResponse>* Gateway::Subscribe(
    grpc::CallbackServerContext* context, const wire::SubscribeRequest* request) {
  // The metadata is only there until the stream ends: it is read now, and checked by the executor.
  const auto& metadata = context->client_metadata();
  const auto found = metadata.find("authorization");
  std::string header =
      found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
  return subscriptions_.Start(
      [this, header = std::move(header), request = *request]() -> Result<Subscriptions::Where> {
        ARROW_ASSIGN_OR_RAISE(const Requester who, parts_->rights->SignIn(header));
        return DoSubscribe(who, request);
      });
}

}  // namespace firth::doors::beneath
