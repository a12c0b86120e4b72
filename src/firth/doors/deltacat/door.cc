#include "firth/doors/deltacat/door.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "firth/common/logging.h"
#include "firth/doors/deltacat/service.h"
#include "firth/net/http_server.h"
#include "firth/table/files.h"
#include "firth/table/transactions.h"

namespace firth::doors::deltacat {
namespace {

constexpr uint64_t kBodyBytesMax = uint64_t{64} << 20;
/// How often what nobody needs any more is looked for.
constexpr int64_t kCollectEveryNs = int64_t{300} * 1'000'000'000;

class Door : public DeltacatDoor {
 public:
  explicit Door(const DeltacatDoorOptions& options)
      : options_(options), service_(options.database, options.root, options.folders) {}
  ~Door() override { Stop(0); }

  Status Listen() {
    net::HttpServerOptions http;
    http.listen = options_.listen;
    http.tls_certificate_file = options_.tls_certificate_file;
    http.tls_key_file = options_.tls_key_file;
    http.body_bytes_max = kBodyBytesMax;
    ARROW_ASSIGN_OR_RAISE(
        server_, net::HttpServer::Start(
                     options_.loops, options_.blocking, std::move(http),
                     [this](const net::HttpRequest& request) { return service_.Serve(request); }));
    Schedule();
    return Status::OK();
  }

  std::vector<std::string> endpoints() const override { return server_->endpoints(); }

  void Stop(int64_t grace_ns) override {
    {
      std::unique_lock lock(mutex_);
      if (std::exchange(stopped_, true)) return;
      options_.blocking->Cancel(timer_);
      idle_.wait(lock, [this] { return !collecting_; });
    }
    if (server_ != nullptr) server_->Stop(grace_ns);
  }

 private:
  void Schedule() {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    timer_ = options_.blocking->PostAt(options_.database->clock().MonotonicNs() + kCollectEveryNs,
                                       [this] { Collect(); });
  }

  void Collect() {
    {
      std::lock_guard lock(mutex_);
      if (stopped_) return;
      collecting_ = true;
    }
    Status collected = options_.database->transactions()->Collect();
    if (collected.ok()) collected = options_.database->file_store()->Collect();
    if (collected.ok()) collected = service_.ForgetOldRecords();
    if (!collected.ok()) {
      logging::Warning("deltacat", "files could not be collected: {}", MessageOf(collected));
    }
    {
      std::lock_guard lock(mutex_);
      collecting_ = false;
      idle_.notify_all();
    }
    Schedule();
  }

  const DeltacatDoorOptions options_;
  Service service_;
  std::unique_ptr<net::HttpServer> server_;
  std::mutex mutex_;
  std::condition_variable idle_;
  uint64_t timer_ = 0;       // guarded by mutex_
  bool collecting_ = false;  // guarded by mutex_
  bool stopped_ = false;     // guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<DeltacatDoor>> DeltacatDoor::Start(const DeltacatDoorOptions& options) {
  auto door = std::make_unique<Door>(options);
  ARROW_RETURN_NOT_OK(door->Listen());
  return std::unique_ptr<DeltacatDoor>(std::move(door));
}

}  // namespace firth::doors::deltacat
