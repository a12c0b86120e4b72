#include "firth/doors/flight/service.h"

#include <grpcpp/impl/codegen/method_handler.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>

#include <string>
#include <utility>

#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/errors.h"
#include "firth/doors/flight/fields.h"
#include "firth/doors/flight/flight_info.h"
#include "firth/doors/flight/flight_sql.h"
#include "firth/doors/flight/sign_in.h"

namespace firth::doors::flight {
namespace {

/// The place of a call in the service, which is how gRPC's generated code counts its methods.
int IndexOf(const char* method) {
  return protocol::Empty::descriptor()
      ->file()
      ->FindServiceByName("FlightService")
      ->FindMethodByName(method)
      ->index();
}

/// Tables at or below a text that is a path, or a JSON object with `prefix`.
Result<Path> PrefixOf(const std::string& expression) {
  if (expression.empty()) return Path{};
  if (!expression.starts_with('{')) return Path::Parse(expression);
  ARROW_ASSIGN_OR_RAISE(const auto json, ParseJson(expression, "the criteria"));
  Fields fields(json, "the criteria");
  Path prefix = fields.Path("prefix");
  ARROW_RETURN_NOT_OK(fields.Check());
  return prefix;
}

}  // namespace

Service::Service(table::Database* database, Executor* readers)
    : database_(database), gets_(readers, &database->clock()) {
  // The two calls that carry rows do so in frames, which generated code cannot.
  MarkMethodCallback(IndexOf("DoGet"),
                     new grpc::internal::CallbackServerStreamingHandler<protocol::Ticket, Frame>(
                         [this](grpc::CallbackServerContext* context,
                                const protocol::Ticket* ticket) { return Get(context, ticket); }));
  MarkMethodStreamed(IndexOf("DoPut"),
                     new grpc::internal::BidiStreamingHandler<Service, Frame, protocol::PutResult>(
                         [](Service* service, grpc::ServerContext* context, PutStream* stream) {
                           return service->Put(context, stream);
                         },
                         this));
}

Result<Request> Service::SignedIn(const grpc::ServerContextBase& context) const {
  ARROW_ASSIGN_OR_RAISE(auto caller, SignIn(database_->access(), context.client_metadata()));
  return Request{database_, std::move(caller), &queries_};
}

grpc::ServerWriteReactor<Frame>* Service::Get(grpc::CallbackServerContext* context,
                                              const protocol::Ticket* ticket) {
  return gets_.Start(context,
                     [this, context, text = ticket->ticket()]() -> Result<std::unique_ptr<Cursor>> {
                       ARROW_ASSIGN_OR_RAISE(const Request request, SignedIn(*context));
                       return OpenTicket(request, text);
                     });
}

grpc::Status Service::Put(grpc::ServerContext* context, PutStream* stream) {
  const auto request = SignedIn(*context);
  return Answer(context, request.ok() ? RunPut(*request, *context, stream) : request.status());
}

grpc::Status Service::Handshake(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<protocol::HandshakeResponse, protocol::HandshakeRequest>* stream) {
  // Credentials come as a header, or as a BasicAuth message in the payload; a secret is a token.
  auto secret = SecretIn(database_->access(), context->client_metadata());
  if (!secret.ok()) return Answer(context, secret.status());
  if (!secret->empty()) {
    context->AddInitialMetadata("authorization", "Bearer " + *secret);
  }
  protocol::HandshakeRequest message;
  protocol::BasicAuth basic;
  if (secret->empty() && stream->Read(&message) && !message.payload().empty() &&
      basic.ParseFromString(message.payload())) {
    const auto caller = database_->access()->SignInWithName(basic.username(), basic.password());
    if (!caller.ok()) return Answer(context, caller.status());
    secret = basic.password();
  }
  protocol::HandshakeResponse answer;
  answer.set_payload(*secret);
  stream->Write(answer);
  return grpc::Status::OK;
}

grpc::Status Service::ListFlights(grpc::ServerContext* context, const protocol::Criteria* criteria,
                                  grpc::ServerWriter<protocol::FlightInfo>* stream) {
  const auto list = [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const Request request, SignedIn(*context));
    ARROW_ASSIGN_OR_RAISE(const Path prefix, PrefixOf(criteria->expression()));
    ARROW_ASSIGN_OR_RAISE(const auto tables, database_->ListTables(request.caller, prefix));
    for (const auto& table : tables) {
      ARROW_ASSIGN_OR_RAISE(const auto info, InfoOf(request, *table));
      if (!stream->Write(info)) break;
    }
    return Status::OK();
  };
  return Answer(context, list());
}

grpc::Status Service::GetFlightInfo(grpc::ServerContext* context,
                                    const protocol::FlightDescriptor* descriptor,
                                    protocol::FlightInfo* answer) {
  const auto get = [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const Request request, SignedIn(*context));
    ARROW_ASSIGN_OR_RAISE(*answer, InfoOf(request, *descriptor));
    return Status::OK();
  };
  return Answer(context, get());
}

grpc::Status Service::PollFlightInfo(grpc::ServerContext* context,
                                     const protocol::FlightDescriptor* descriptor,
                                     protocol::PollInfo* answer) {
  answer->set_progress(1.0);
  return GetFlightInfo(context, descriptor, answer->mutable_info());
}

grpc::Status Service::GetSchema(grpc::ServerContext* context,
                                const protocol::FlightDescriptor* descriptor,
                                protocol::SchemaResult* answer) {
  protocol::FlightInfo info;
  const grpc::Status status = GetFlightInfo(context, descriptor, &info);
  answer->set_schema(std::move(*info.mutable_schema()));
  return status;
}

grpc::Status Service::DoAction(grpc::ServerContext* context, const protocol::Action* action,
                               grpc::ServerWriter<protocol::Result>* stream) {
  const auto run = [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const Request request, SignedIn(*context));
    protocol::Result result;
    if (IsFlightSqlAction(action->type())) {
      ARROW_ASSIGN_OR_RAISE(*result.mutable_body(),
                            RunFlightSqlAction(request, action->type(), action->body()));
      if (!result.body().empty()) stream->Write(result);
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(*result.mutable_body(),
                          RunAction(request, action->type(), action->body()));
    stream->Write(result);
    return Status::OK();
  };
  return Answer(context, run());
}

grpc::Status Service::ListActions(grpc::ServerContext* context, const protocol::Empty*,
                                  grpc::ServerWriter<protocol::ActionType>* stream) {
  const auto request = SignedIn(*context);
  if (!request.ok()) return Answer(context, request.status());
  for (const Action& action : Actions()) {
    protocol::ActionType type;
    type.set_type(action.name);
    type.set_description(action.description);
    if (!stream->Write(type)) break;
  }
  return grpc::Status::OK;
}

}  // namespace firth::doors::flight
