#include "firth/doors/beneath/subscriptions.h"

#include <condition_variable>
#include <vector>

#include "firth/doors/beneath/gateway.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

// How often a quiet stream is looked at: is its instance still there, may its subscriber still
// read?
constexpr int64_t kSweepNs = 1'000'000'000;
constexpr size_t kStreamsMax = 20'000;

}  // namespace

struct Subscriptions::Shared : std::enable_shared_from_this<Subscriptions::Shared> {
  table::Database* database = nullptr;
  Executor* blocking = nullptr;
  std::mutex mutex;
  std::set<std::shared_ptr<Stream>> streams;  // guarded by mutex
  bool sweeping = false;                      // guarded by mutex
  bool stopped = false;                       // guarded by mutex
  int working = 0;                            // guarded by mutex: tasks that use what the door owns
  std::condition_variable idle;               // waits for working == 0

  /// May a task use what the door owns? Then End must follow.
  bool Begin() {
    std::lock_guard lock(mutex);
    if (!stopped) ++working;
    return !stopped;
  }
  void End() {
    std::lock_guard lock(mutex);
    if (--working == 0) idle.notify_all();
  }
  void Sweep();
  void ScheduleSweep();  // with mutex held
};

/// One stream. It is owned by the set of streams and by callbacks that are on their way; gRPC's own
/// hold on it ends with OnDone.
class Subscriptions::Stream : public Subscriptions::Reactor,
                              public std::enable_shared_from_this<Subscriptions::Stream> {
 public:
  explicit Stream(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  void Open(const std::function<Result<Where>()>& open) {
    auto where = open();
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      if (where.ok()) {
        where_ = std::move(*where);
        open_ = true;
      } else {
        End(where.status());
      }
    }
    if (where.ok()) Advance();
  }

  /// Send a message if there is news, else wait for it. Blocks.
  void Advance() {
    Where where;
    {
      std::lock_guard lock(mutex_);
      if (ended_ || !open_ || writing_ || following_) return;
      following_ = true;  // nobody else gets here until it is known what comes next
      where = where_;
    }
    auto news = Look(where);
    std::lock_guard lock(mutex_);
    following_ = false;
    if (ended_) return;
    if (!news.ok()) {
      End(news.status());
    } else if (!news->empty()) {
      where_.from = where.from;
      message_.set_write_id(std::move(*news));
      writing_ = true;
      StartWrite(&message_);
    } else {
      Follow();
    }
  }

  void Check() {
    std::function<Status()> check;
    {
      std::lock_guard lock(mutex_);
      if (ended_ || !open_) return;
      check = where_.check;
    }
    const Status status = check();
    if (status.ok()) return;
    std::lock_guard lock(mutex_);
    if (!ended_) End(status);
  }

  void Cancel(const Status& status) {
    std::lock_guard lock(mutex_);
    if (!ended_) End(status);
  }

  void OnWriteDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      writing_ = false;
      if (!ok && !ended_) End(Status::OK());
      if (ended_) return;
    }
    Later();
  }
  void OnCancel() override { Cancel(Status::OK()); }
  void OnDone() override {
    // The last reference may be the one in the set: it must outlive the lock.
    const auto self = shared_from_this();
    std::lock_guard lock(shared_->mutex);
    shared_->streams.erase(self);
  }

 private:
  /// The write id of the newest write when the log has grown beyond where.from, which moves to its
  /// end; else "".
  Result<std::string> Look(Where& where) {
    ARROW_ASSIGN_OR_RAISE(const auto range,
                          shared_->database->GetRange(access::Internal(), *where.instance.table,
                                                      where.instance.where));
    if (range.end.value <= where.from) return "";
    const auto fetched = shared_->database->Fetch(access::Internal(),
                                                  {{.table = where.instance.table,
                                                    .where = where.instance.where,
                                                    .from = Offset(range.end.value - 1),
                                                    .bytes_max = 1}},
                                                  1);
    ARROW_RETURN_NOT_OK(fetched[0].status);
    where.from = range.end.value;
    return where.write_id(fetched[0].entries.empty() ? CommitId{0}
                                                     : fetched[0].entries.back().commit);
  }

  void Follow() {  // with mutex_ held
    following_ = true;
    follower_ = shared_->database->Follow({{.table = where_.instance.table,
                                            .where = where_.instance.where,
                                            .from = Offset(where_.from)}},
                                          [self = shared_from_this()] {
                                            self->shared_->blocking->Post([self] {
                                              {
                                                std::lock_guard lock(self->mutex_);
                                                self->following_ = false;
                                              }
                                              self->Go();
                                            });
                                          });
  }

  void Go() {
    if (!shared_->Begin()) return;
    Advance();
    shared_->End();
  }
  void Later() {
    shared_->blocking->Post([self = shared_from_this()] { self->Go(); });
  }

  void End(const Status& status) {  // with mutex_ held
    ended_ = true;
    if (follower_ != 0) shared_->database->Unfollow(follower_);
    Finish(ToWire(status));
  }

  const std::shared_ptr<Shared> shared_;
  std::mutex mutex_;
  Where where_;             // guarded by mutex_
  bool open_ = false;       // guarded by mutex_
  bool ended_ = false;      // guarded by mutex_
  bool writing_ = false;    // guarded by mutex_
  bool following_ = false;  // guarded by mutex_
  uint64_t follower_ = 0;   // guarded by mutex_
  gateway::v1::SubscribeResponse message_;
};

void Subscriptions::Shared::ScheduleSweep() {
  if (sweeping || stopped || streams.empty()) return;
  sweeping = true;
  blocking->PostAt(database->clock().MonotonicNs() + kSweepNs,
                   [shared = shared_from_this()] { shared->Sweep(); });
}

void Subscriptions::Shared::Sweep() {
  std::vector<std::shared_ptr<Stream>> all;
  {
    std::lock_guard lock(mutex);
    sweeping = false;
    if (stopped) return;
    ++working;
    all.assign(streams.begin(), streams.end());
  }
  for (const auto& stream : all) stream->Check();
  all.clear();
  End();
  std::lock_guard lock(mutex);
  ScheduleSweep();
}

Subscriptions::Subscriptions(table::Database* database, Executor* blocking)
    : shared_(std::make_shared<Shared>()) {
  shared_->database = database;
  shared_->blocking = blocking;
}

Subscriptions::Reactor* Subscriptions::Start(std::function<Result<Where>()> open) {
  auto stream = std::make_shared<Stream>(shared_);
  bool full = false;
  bool stopped = false;
  {
    std::lock_guard lock(shared_->mutex);
    full = shared_->streams.size() >= kStreamsMax;
    stopped = shared_->stopped;
    shared_->streams.insert(stream);
    shared_->ScheduleSweep();
  }
  if (stopped) {
    stream->Cancel(Error(Code::kUnavailable, Reason::kNone, "the server is stopping"));
  } else if (full) {
    stream->Cancel(Exceeded("the server has too many subscriptions"));
  } else {
    shared_->blocking->Post([shared = shared_, stream, open = std::move(open)] {
      if (!shared->Begin()) return;  // Stop has ended the stream
      stream->Open(open);
      shared->End();
    });
  }
  return stream.get();
}

void Subscriptions::Stop() {
  std::vector<std::shared_ptr<Stream>> all;
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
    all.assign(shared_->streams.begin(), shared_->streams.end());
  }
  for (const auto& stream : all) {
    stream->Cancel(Error(Code::kUnavailable, Reason::kNone, "the server is stopping"));
  }
  std::unique_lock lock(shared_->mutex);
  shared_->idle.wait(lock, [this] { return shared_->working == 0; });
}

}  // namespace firth::doors::beneath
