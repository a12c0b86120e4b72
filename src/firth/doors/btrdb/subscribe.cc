#include "firth/doors/btrdb/subscribe.h"

#include <deque>
#include <optional>
#include <utility>

#include "firth/doors/btrdb/payload.h"
#include "firth/doors/btrdb/reads.h"
#include "firth/table/series_subscription.h"

namespace firth::doors::btrdb {
namespace {

/// Points that wait for one client at most.
constexpr size_t kWaitingPointsMax = 2'000'000;

Result<v5api::SubscriptionResp> MessageOf(const table::SeriesId& series,
                                          const timeview::PointBatch& points) {
  v5api::SubscriptionResp message;
  message.set_uuid(std::string(series.view()));
  ARROW_ASSIGN_OR_RAISE(*message.mutable_arrowbytes(), EncodePoints(points, ValueSchema()));
  return message;
}

/// Inserts as messages: neighbours of one series are joined while their points ascend, long ones
/// are cut.
Result<std::deque<v5api::SubscriptionResp>> MessagesOf(std::vector<table::InsertedPoints> inserts) {
  std::deque<v5api::SubscriptionResp> messages;
  timeview::PointBatch batch;
  for (size_t i = 0; i < inserts.size(); ++i) {
    const auto& points = inserts[i].points;
    for (size_t at = 0; at < points.size(); ++at) {
      batch.times.push_back(points.times[at]);
      batch.values.push_back(points.values[at]);
      if (batch.size() < kRowsAMessage) continue;
      ARROW_ASSIGN_OR_RAISE(auto message, MessageOf(inserts[i].series, batch));
      messages.push_back(std::move(message));
      batch.Clear();
    }
    const bool joins = i + 1 < inserts.size() && inserts[i + 1].series == inserts[i].series &&
                       batch.size() > 0 &&
                       inserts[i + 1].points.times.front() >= batch.times.back();
    if (joins || batch.size() == 0) continue;
    ARROW_ASSIGN_OR_RAISE(auto message, MessageOf(inserts[i].series, batch));
    messages.push_back(std::move(message));
    batch.Clear();
  }
  return messages;
}

}  // namespace

/// One call. gRPC calls its On… methods, inserts call Wake, Stop calls Abort: what each starts is
/// decided under the mutex, so that one write runs at a time and Finish is called once.
class Subscribers::Call : public SubscribeReactor {
 public:
  Call(table::Database* database, access::Caller caller, std::shared_ptr<Shared> shared)
      : caller_(std::move(caller)),
        shared_(std::move(shared)),
        subscription_(
            table::SubscribeToSeries(database->series(), kWaitingPointsMax, [this] { Wake(); })) {}

  void Start() {
    std::lock_guard lock(mutex_);
    if (!finished_) StartRead(&update_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {  // the client has said all it wants: what waits is still sent
      std::lock_guard lock(mutex_);
      closing_ = true;
      Continue();
      return;
    }
    grpc::Status denied;
    const auto refused = Follow(&denied);
    std::lock_guard lock(mutex_);
    if (!denied.ok()) failed_ = denied;
    if (refused.has_value()) {
      Fail(*refused);
    } else if (!finished_) {
      StartRead(&update_);
    }
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    writing_ = false;
    if (!ok) {
      End(grpc::Status::CANCELLED);
      return;
    }
    if (!messages_.empty()) messages_.pop_front();
    Continue();
  }

  void OnCancel() override { Abort(grpc::Status::CANCELLED); }

  void OnDone() override {
    {
      std::lock_guard lock(shared_->mutex);
      shared_->calls.erase(this);
    }
    subscription_.reset();  // no Wake after this
    delete this;
  }

  void Abort(const grpc::Status& why) {
    std::lock_guard lock(mutex_);
    if (writing_) {
      failed_ = why;
    } else {
      End(why);
    }
  }

 private:
  void Wake() {
    std::lock_guard lock(mutex_);
    Continue();
  }

  /// Do what an update asks for, or say why not: by a message, or by the status of the call.
  std::optional<v5api::SubscriptionResp> Follow(grpc::Status* denied) {
    std::vector<table::SeriesId> ids(static_cast<size_t>(update_.uuid_size()));
    v5api::SubscriptionResp refused;
    if (!v5api::SubscriptionUpdateOp_IsValid(update_.op())) {
      Refuse(Refusal{kWrongArguments, "an update adds (0) or removes (1)"}, &refused);
      return refused;
    }
    for (int i = 0; i < update_.uuid_size(); ++i) {
      if (auto why = ReadId(update_.uuid(i), &ids[static_cast<size_t>(i)])) {
        Refuse(*why, &refused);
        return refused;
      }
    }
    if (update_.op() == v5api::REMOVE_UUIDS) {
      subscription_->Remove(ids);
      return std::nullopt;
    }
    const Status added = subscription_->Add(caller_, ids);
    if (added.ok()) return std::nullopt;
    *denied = Refuse(added, &refused);
    return refused;
  }

  // The rest runs under mutex_.

  /// Begin the next write, or end the call, unless a write runs.
  void Continue() {
    if (writing_ || finished_) return;
    if (failed_.has_value()) {
      End(*failed_);
      return;
    }
    if (messages_.empty() && !ending_) Fetch();
    if (!messages_.empty()) {
      writing_ = true;
      StartWrite(&messages_.front());
    } else if (ending_ || closing_) {
      End(grpc::Status::OK);
    }
  }

  void Fetch() {
    auto taken = subscription_->Take(kRowsAMessage);
    auto messages = taken.ok() ? MessagesOf(std::move(*taken))
                               : Result<std::deque<v5api::SubscriptionResp>>(taken.status());
    if (messages.ok()) {
      messages_ = std::move(*messages);
      return;
    }
    v5api::SubscriptionResp refused;
    Refuse(messages.status(), &refused);
    messages_.push_back(std::move(refused));
    ending_ = true;
  }

  /// Send an error as the last message.
  void Fail(const v5api::SubscriptionResp& refused) {
    if (!failed_.has_value()) {
      if (writing_) {
        messages_.resize(1);  // the one that is on its way
      } else {
        messages_.clear();
      }
      messages_.push_back(refused);
      ending_ = true;
    }
    Continue();
  }

  void End(const grpc::Status& status) {
    if (finished_) return;
    finished_ = true;
    Finish(status);
  }

  const access::Caller caller_;
  const std::shared_ptr<Shared> shared_;
  v5api::SubscriptionUpdate update_;  // of the one read that runs
  std::mutex mutex_;
  std::deque<v5api::SubscriptionResp> messages_;  // the first is being written, if one is
  std::optional<grpc::Status> failed_;            // end with this as soon as no write runs
  bool writing_ = false;
  bool closing_ = false;  // the client sends no more updates
  bool ending_ = false;   // nothing is sent after what is in messages_
  bool finished_ = false;
  std::unique_ptr<table::SeriesSubscription> subscription_;  // calls Wake, so it is made last
};

namespace {

/// A call that is refused at once.
class Refused : public SubscribeReactor {
 public:
  explicit Refused(const grpc::Status& why) { Finish(why); }
  void OnDone() override { delete this; }
};

}  // namespace

Subscribers::~Subscribers() {
  Stop();
}

SubscribeReactor* Subscribers::Begin(const grpc::ServerContextBase& context) {
  access::Caller caller;
  if (auto status = SignIn(context, database_, &caller); !status.ok()) return new Refused(status);
  Call* call = new Call(database_, std::move(caller), shared_);
  {
    std::lock_guard lock(shared_->mutex);
    shared_->calls.insert(call);
    if (shared_->stopped) {
      call->Abort(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server stops"));
      return call;
    }
  }
  call->Start();
  return call;
}

void Subscribers::Stop() {
  std::lock_guard lock(shared_->mutex);
  shared_->stopped = true;
  for (Call* call : shared_->calls) {
    call->Abort(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server stops"));
  }
}

}  // namespace firth::doors::btrdb
