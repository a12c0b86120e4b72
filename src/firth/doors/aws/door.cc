#include "firth/doors/aws/door.h"

#include <arrow/compute/initialize.h>

#include <utility>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/doors/aws/dynamo.h"
#include "firth/doors/aws/runner.h"
#include "firth/doors/aws/s3.h"
#include "firth/doors/aws/sign_in.h"
#include "firth/doors/aws/sqs.h"
#include "firth/doors/aws/sts.h"
#include "firth/doors/aws/table_rest.h"
#include "firth/net/http_server.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kRequestThreads = 4;
constexpr size_t kJobThreads = 2;
constexpr size_t kQueryThreads = 2;
/// Bodies of objects are not held; others are messages and lists.
constexpr uint64_t kBodyBytesMax = uint64_t{16} << 20;
constexpr int64_t kHousekeepingNs = int64_t{600} * 1'000'000'000;

class RunningDoor : public AwsDoor {
 public:
  explicit RunningDoor(table::Database* database) : database_(database) {}
  ~RunningDoor() override { Stop(0); }

  Status Start(const AwsDoorOptions& options) {
    ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
    ARROW_ASSIGN_OR_RAISE(auto instances, Instances::Make(options.instances));
    instances_ = std::make_unique<Instances>(std::move(instances));
    const Clock* clock = &database_->clock();
    requests_ = std::make_unique<ThreadPool>("aws", kRequestThreads, clock);
    jobs_ = std::make_unique<ThreadPool>("aws-jobs", kJobThreads, clock);
    query_threads_ = std::make_unique<ThreadPool>("aws-queries", kQueryThreads, clock);
    ARROW_RETURN_NOT_OK(OpenStores(clock));
    ARROW_RETURN_NOT_OK(MakeNames());
    BuildParts(clock);
    for (const std::string& queue : instances_->QueueNames()) runner_->Wake(queue);
    jobs_->Post([this] { Housekeep(/*first=*/true); });

    net::HttpServerOptions http;
    http.listen = options.listen;
    http.tls_certificate_file = options.tls_certificate_file;
    http.tls_key_file = options.tls_key_file;
    http.body_bytes_max = kBodyBytesMax;
    http.sink_for = [this](const net::HttpRequest& request) { return TakeBody(request); };
    ARROW_ASSIGN_OR_RAISE(server_,
                          net::HttpServer::Start(
                              options.loops, requests_.get(), std::move(http),
                              [this](const net::HttpRequest& request) { return Answer(request); }));
    return Status::OK();
  }

  std::vector<std::string> endpoints() const override { return server_->endpoints(); }

  void Stop(int64_t grace_ns) override {
    if (std::exchange(stopped_, true)) return;
    if (runner_ != nullptr) runner_->Stop();
    if (queues_ != nullptr) queues_->EndWaiting();
    if (server_ != nullptr) server_->Stop(grace_ns);
    for (const auto& pool : {&query_threads_, &jobs_, &requests_}) {
      if (*pool != nullptr) (*pool)->Stop();  // they finish what was begun, which may post more
    }
  }

 private:
  Status OpenStores(const Clock* clock) {
    ARROW_ASSIGN_OR_RAISE(objects_, work::Objects::Open({.catalog = database_->catalog(),
                                                         .files = database_->files(),
                                                         .clock = clock,
                                                         .random = database_->random()}));
    ARROW_ASSIGN_OR_RAISE(queues_, work::Queues::Open({.catalog = database_->catalog(),
                                                       .clock = clock,
                                                       .random = database_->random(),
                                                       .executor = requests_.get()}));
    return Status::OK();
  }

  /// What every instance has from its first start on.
  Status MakeNames() {
    for (const std::string& bucket : instances_->BucketNames()) {
      if (objects_->GetContainer(bucket).ok()) continue;
      const Status made = objects_->CreateContainer(bucket);
      if (!made.ok() && ReasonOf(made) != Reason::kNamespaceExists) return made;
    }
    for (const std::string& queue : instances_->QueueNames()) {
      if (!queues_->Get(queue).ok()) ARROW_RETURN_NOT_OK(queues_->Create(queue, {}));
    }
    return Status::OK();
  }

  void BuildParts(const Clock* clock) {
    trackers_ = std::make_unique<Trackers>(database_->catalog(), clock);
    s3_ = std::make_unique<S3>(database_, objects_.get(), instances_.get());
    runner_ = std::make_unique<Runner>(TakerParts{.database = database_,
                                                  .objects = objects_.get(),
                                                  .queues = queues_.get(),
                                                  .instances = instances_.get(),
                                                  .trackers = trackers_.get(),
                                                  .s3 = s3_.get()},
                                       jobs_.get(), query_threads_.get());
    sqs_ = std::make_unique<Sqs>(database_, queues_.get(), instances_.get(), runner_.get());
    dynamo_ = std::make_unique<Dynamo>(database_, trackers_.get(), instances_.get());
    rest_ = std::make_unique<TableRest>(database_, objects_.get(), instances_.get());
  }

  void Housekeep(bool first) {
    const auto report = [](const char* what, const Status& status) {
      if (!status.ok()) logging::Warning("aws", "{}: {}", what, MessageOf(status));
    };
    if (first) report("removing what a crash left", objects_->RemoveOrphans());
    report("removing old objects", objects_->RemoveGarbage());
    report("removing old items", trackers_->RemoveExpired());
    jobs_->PostAt(database_->clock().MonotonicNs() + kHousekeepingNs,
                  [this] { Housekeep(/*first=*/false); });
  }

  std::shared_ptr<net::HttpBodySink> TakeBody(const net::HttpRequest& request) {
    if (ServiceOf(request) != Service::kS3 || !S3::HasObjectBody(request)) return nullptr;
    auto body = std::make_shared<TakenBody>(objects_.get(), request);
    Status checked = SignInHead(database_, body->call(), body->proof());
    if (checked.ok()) checked = s3_->CheckObjectBody(*body->call());
    body->Begin(std::move(checked));
    return body;
  }

  net::HttpResponse Answer(const net::HttpRequest& request) {
    Call call;
    Status signed_in;
    if (request.sink != nullptr) {
      auto& body = static_cast<TakenBody&>(*request.sink);  // TakeBody made it
      call = *body.call();
      call.request = &request;
      signed_in = body.status();
    } else {
      call.request = &request;
      call.service = ServiceOf(request);
      signed_in = SignIn(database_, &call);
    }
    call.request_id = UuidToText(database_->random()->Uuid());
    auto answer = signed_in.ok() ? Route(call) : Result<net::HttpResponse>(signed_in);
    net::HttpResponse response;
    if (answer.ok()) {
      response = std::move(*answer);
    } else {
      const bool form = call.service == Service::kSqs && Sqs::IsForm(request);
      response = ErrorAnswer(
          answer.status(), call.service,
          {.request_id = call.request_id, .resource = request.path, .query_protocol = form});
      if (response.status >= 500) {
        logging::Warning("aws", "{} {}: {}", request.method, request.path,
                         answer.status().ToString());
      }
    }
    if (!response.later) {
      const bool s3 = call.service == Service::kS3;
      response.headers.emplace_back(s3 ? "x-amz-request-id" : "x-amzn-requestid", call.request_id);
    }
    return response;
  }

  Result<net::HttpResponse> Route(const Call& call) {
    switch (call.service) {
      case Service::kS3:
        return s3_->Answer(call);
      case Service::kSqs:
        return sqs_->Answer(call);
      case Service::kDynamo:
        return dynamo_->Answer(call);
      case Service::kSts:
        return AnswerSts(call, *instances_);
      case Service::kRest:
        return rest_->Answer(call);
    }
    return Fault("InternalError", "there is no such service");
  }

  table::Database* const database_;
  std::unique_ptr<Instances> instances_;
  std::unique_ptr<work::Objects> objects_;
  std::unique_ptr<work::Queues> queues_;
  std::unique_ptr<Trackers> trackers_;
  std::unique_ptr<S3> s3_;
  std::unique_ptr<Runner> runner_;
  std::unique_ptr<Sqs> sqs_;
  std::unique_ptr<Dynamo> dynamo_;
  std::unique_ptr<TableRest> rest_;
  // Stopped before what their tasks use.
  std::unique_ptr<ThreadPool> requests_;
  std::unique_ptr<ThreadPool> jobs_;
  std::unique_ptr<ThreadPool> query_threads_;
  std::unique_ptr<net::HttpServer> server_;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<AwsDoor>> AwsDoor::Start(const AwsDoorOptions& options) {
  auto door = std::make_unique<RunningDoor>(options.database);
  ARROW_RETURN_NOT_OK(door->Start(options));
  return door;
}

}  // namespace firth::doors::aws
