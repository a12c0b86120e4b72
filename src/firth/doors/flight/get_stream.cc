#include "firth/doors/flight/get_stream.h"

#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "firth/doors/flight/errors.h"
#include "firth/doors/flight/row_frames.h"

namespace firth::doors::flight {

/// One call. It is at most two things at a time: writing a frame, and reading the rows after it or
/// waiting for them. What comes next is decided in one place, Advance.
class GetStream : public grpc::ServerWriteReactor<Frame>,
                  public std::enable_shared_from_this<GetStream> {
 public:
  using Open = std::function<Result<std::unique_ptr<Cursor>>()>;

  GetStream(GetStreams* owner, grpc::CallbackServerContext* context, Open open)
      : owner_(owner), context_(context), open_(std::move(open)) {}

  void Begin() {
    self_ = shared_from_this();
    Advance();
  }

  void Drain() {
    {
      const std::lock_guard lock(mutex_);
      draining_ = true;
    }
    Wake();
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (!ok) cancelled_ = true;
    }
    Advance();
  }

  void OnCancel() override {
    Cursor* cursor = nullptr;
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      cursor = opened_;
    }
    if (cursor != nullptr) cursor->Cancel();
    Wake();
    Advance();
  }

  void OnDone() override {
    {
      const std::lock_guard lock(owner_->mutex_);
      owner_->streams_.erase(this);
    }
    std::shared_ptr<GetStream> last = std::move(self_);
  }

 private:
  /// Start whatever can be started now.
  void Advance() {
    bool write = false;
    bool read = false;
    bool finish = false;
    {
      const std::lock_guard lock(mutex_);
      if (cancelled_) {
        ready_.clear();
        if (!end_) end_ = Error(Code::kCancelled, Reason::kNone, "the client cancelled the call");
      }
      if (!writing_ && !ready_.empty()) {
        sent_ = std::move(ready_.front());
        ready_.pop_front();
        write = writing_ = true;
      }
      if (!reading_ && !waiting_ && !end_ && ready_.empty()) read = reading_ = true;
      if (end_ && ready_.empty() && !writing_ && !reading_ && !waiting_ && !finished_) {
        finish = finished_ = true;
      }
    }
    if (write) StartWrite(&sent_);
    if (read) {
      owner_->readers_->Post([self = shared_from_this()] { self->Read(); });
    }
    if (finish) Finish(Answer(context_, *end_));
  }

  /// On a reader's thread: the next frames, the end, or a wait.
  void Read() {
    auto frames = NextFrames();
    bool wait = false;
    {
      const std::lock_guard lock(mutex_);
      if (!frames.ok()) {
        end_ = frames.status();
      } else if (!frames->empty()) {
        for (Frame& frame : *frames) ready_.push_back(std::move(frame));
      } else if (cursor_->ended()) {
        end_ = Status::OK();
      } else if (draining_) {
        end_ = Stopping();
      } else {
        wait = waiting_ = !cancelled_;
      }
      if (!wait) reading_ = false;
    }
    if (wait) Wait();
    Advance();
  }

  Result<std::vector<Frame>> NextFrames() {
    if (cursor_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(cursor_, open_());
      {
        const std::lock_guard lock(mutex_);
        opened_ = cursor_.get();
      }
      std::vector<Frame> frames;
      ARROW_ASSIGN_OR_RAISE(frames.emplace_back(), SchemaFrame(*cursor_->schema()));
      return frames;
    }
    ARROW_ASSIGN_OR_RAISE(const auto rows, cursor_->Next());
    if (rows == nullptr) return std::vector<Frame>();
    return RowFrames(rows);
  }

  /// Ask to be woken. The wake may come before this returns.
  void Wait() {
    const uint64_t follower = cursor_->Follow([self = shared_from_this()] { self->Wake(); });
    uint64_t timer = 0;
    if (const int64_t again_ns = cursor_->look_again_ns(); again_ns > 0) {
      timer = owner_->readers_->PostAt(owner_->clock_->MonotonicNs() + again_ns,
                                       [self = shared_from_this()] { self->Wake(); });
    }
    bool woken = false;
    {
      const std::lock_guard lock(mutex_);
      reading_ = false;
      woken = !waiting_;
      if (!woken) {
        follower_ = follower;
        timer_ = timer;
      }
    }
    if (woken) Forget(follower, timer);
  }

  void Wake() {
    uint64_t follower = 0;
    uint64_t timer = 0;
    {
      const std::lock_guard lock(mutex_);
      if (!waiting_) return;
      waiting_ = false;
      if (draining_ && !end_) end_ = Stopping();
      follower = std::exchange(follower_, 0);
      timer = std::exchange(timer_, 0);
    }
    Forget(follower, timer);
    Advance();
  }

  void Forget(uint64_t follower, uint64_t timer) {
    if (follower != 0) cursor_->Unfollow(follower);
    if (timer != 0) owner_->readers_->Cancel(timer);
  }

  static Status Stopping() {
    return Error(Code::kUnavailable, Reason::kNone,
                 "the server stops; read on from the last offset when it is back");
  }

  GetStreams* const owner_;
  grpc::CallbackServerContext* const context_;
  const Open open_;
  std::unique_ptr<Cursor> cursor_;   // used by the thread that reads
  Frame sent_;                       // gRPC's while writing_
  std::shared_ptr<GetStream> self_;  // until gRPC is done with this

  std::mutex mutex_;          // guards all below; held over no call of another's
  Cursor* opened_ = nullptr;  // cursor_, once it is there: it stays as long as this
  std::deque<Frame> ready_;
  std::optional<Status> end_;
  bool writing_ = false;
  bool reading_ = false;
  bool waiting_ = false;
  bool draining_ = false;
  bool cancelled_ = false;
  bool finished_ = false;
  uint64_t follower_ = 0;
  uint64_t timer_ = 0;
};

grpc::ServerWriteReactor<Frame>* GetStreams::Start(
    grpc::CallbackServerContext* context, std::function<Result<std::unique_ptr<Cursor>>()> open) {
  auto stream = std::make_shared<GetStream>(this, context, std::move(open));
  bool draining = false;
  {
    const std::lock_guard lock(mutex_);
    streams_.insert(stream.get());
    draining = draining_;
  }
  if (draining) stream->Drain();
  stream->Begin();
  return stream.get();
}

void GetStreams::Drain() {
  std::vector<std::shared_ptr<GetStream>> streams;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    for (GetStream* stream : streams_) {
      // One whose last reference is gone is on its way out of the set.
      if (auto held = stream->weak_from_this().lock()) streams.push_back(std::move(held));
    }
  }
  for (const auto& stream : streams) stream->Drain();
}

}  // namespace firth::doors::flight
