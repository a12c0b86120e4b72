#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "firth/common/clock.h"
#include "firth/common/later.h"
#include "firth/common/logging.h"
#include "firth/net/frame_connection_internal.h"

namespace firth::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// One turn of a connection reads or writes about this much before others have theirs.
constexpr size_t kTurnBytes = 1 << 20;
/// One read takes no more than this past the end of the frame that has begun: what it brought is
/// looked at while it is still in a processor's own cache.
constexpr size_t kBeyondBytesMax = 256 << 10;
/// Runs of bytes given to one system call.
constexpr size_t kGatheredMax = 64;
/// After CloseWhenSent the client has this long to close its side. Until then what it still sends
/// is read and dropped: closing before that would reset the connection and lose the last answer.
constexpr int64_t kLingerNs = int64_t{2} * 1'000'000'000;

/// The connection whose frames this thread hands out; what is sent to it meanwhile leaves together
/// when that is over.
thread_local const void* read_here = nullptr;

int64_t NowNs() {
  return SystemClock().MonotonicNs();
}

}  // namespace

FrameSocket::FrameSocket(std::shared_ptr<const FrameShared> shared, Loop* loop, Socket socket)
    : shared_(std::move(shared)),
      loop_(loop),
      socket_(std::move(socket)),
      assembler_(shared_->options.frame_bytes_max, &loop_->frames),
      sink_([this](std::shared_ptr<arrow::Buffer> frame) {
        if (handler_ && !close_when_sent_) handler_->OnFrame(std::move(frame));
      }) {
  error_code ignored;  // a client that is gone already is noticed by the first read
  PrepareSocket(&*socket_);
  socket_->non_blocking(true, ignored);
  descriptor_ = socket_->native_handle();
  local_port_ = socket_->local_endpoint(ignored).port();
  peer_ = FormatEndpoint(socket_->remote_endpoint(ignored));
}

void FrameSocket::Begin(std::shared_ptr<FrameHandler> handler,
                        std::function<void(FrameSocket*)> on_gone) {
  handler_ = std::move(handler);
  on_gone_ = std::move(on_gone);
  ArmRead();
}

void FrameSocket::Send(std::vector<std::shared_ptr<arrow::Buffer>> parts) {
  Queue(std::move(parts));
}

void FrameSocket::SendText(std::string_view frame) {
  Queue(frame);
}

template <typename Frame>
void FrameSocket::Queue(Frame frame) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    pending_bytes_.fetch_add(queued_.PushFrame(std::move(frame)));
    if (std::exchange(flushing_, true)) return;
  }
  if (read_here == this) {
    flush_after_read_ = true;
  } else {
    // Answers that are made together leave together.
    Later::Do([self = shared_from_this()] { self->BeginFlush(); });
  }
}

void FrameSocket::CloseWhenSent() {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    close_when_sent_ = true;
    if (std::exchange(flushing_, true)) return;
  }
  BeginFlush();
}

/// After flushing_ was set, without mutex_. What the socket takes at once this thread sends, which
/// is cheaper than to wake the loop for it.
void FrameSocket::BeginFlush() {
  std::lock_guard lock(open_mutex_);
  if (!is_open_ || FlushAtOnce()) return;
  asio::post(loop_->context, [self = shared_from_this()] { self->Flush(); });
}

/// In any thread that set flushing_ and has open_mutex_. False when the loop has to go on.
bool FrameSocket::FlushAtOnce() {
  for (size_t turn = 0; turn < kTurnBytes;) {
    if (sending_.empty()) {
      std::lock_guard lock(mutex_);
      sending_.swap(queued_);
      if (sending_.empty()) {
        if (close_when_sent_ || draining_) return false;
        flushing_ = false;
        return true;
      }
    }
    error_code error;
    const size_t bytes = SendSome(&error);
    if (error) return false;  // it comes again in the loop
    turn += bytes;
  }
  return false;
}

void FrameSocket::ArmRead() {
  if (!socket_ || read_armed_) return;
  read_armed_ = true;
  socket_->async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& error) {
    self->read_armed_ = false;
    if (!self->socket_) return;
    if (error) return self->Close();
    if (self->draining_) return;
    self->linger_since_ns_ != 0 ? self->OnDiscardable() : self->OnReadable(/*in_time=*/true);
  });
}

void FrameSocket::OnReadable(bool in_time) {
  const Later later;  // what one read brings goes on together
  const uint64_t frames_before = assembler_.frames();
  size_t taken = 0;
  read_here = this;
  bool open = true;
  while (open && taken < kTurnBytes && !IsFull()) {
    size_t bytes = 0;
    size_t asked = 0;
    open = ReadSome(&bytes, &asked);
    taken += bytes;
    if (bytes < asked) break;  // nothing is left; the wait tells of what comes
  }
  const bool answered_soon = open && AfterRead(assembler_.frames() != frames_before);
  read_here = nullptr;
  if (std::exchange(flush_after_read_, false)) {
    Flush();
  } else if (open && taken < kTurnBytes && !answered_soon) {
    AcknowledgeNow();
  }
  if (!open || !socket_) return;
  HoldReads(pace_.After({.now_ns = NowNs(),
                         .frames = assembler_.frames() - frames_before,
                         .bytes = taken,
                         .in_time = in_time}));
  if (!IsFull()) ArmRead();
}

/// What is answered later is acknowledged at once (see OnPause): the system would wait for the
/// answer to carry it, up to 40 ms.
void FrameSocket::AcknowledgeNow() {
  const int on = 1;
  setsockopt(socket_->native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/// Read when `bytes` are there, or when ReadPace::kHoldNs are over.
void FrameSocket::HoldReads(size_t bytes) {
  if (bytes != held_bytes_) {
    const int wanted = static_cast<int>(bytes);
    if (setsockopt(socket_->native_handle(), SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted) ==
        0) {
      held_bytes_ = bytes;
    }
  }
  if (held_bytes_ == 1) return hold_.reset();
  if (!hold_) hold_.emplace(loop_->context);
  hold_->expires_after(std::chrono::nanoseconds(ReadPace::kHoldNs));
  hold_->async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (cancelled || !self->hold_ || self->draining_ || self->linger_since_ns_ != 0) return;
    // It may have run out just when it was set anew.
    if (self->hold_->expiry() <= std::chrono::steady_clock::now()) {
      self->OnReadable(/*in_time=*/false);
    }
  });
}

/// Read once: into the frame that has begun, and past its end where large frames lie or into the
/// loop's scratch. False when the connection was closed.
bool FrameSocket::ReadSome(size_t* bytes, size_t* asked) {
  const auto direct = assembler_.Direct();
  auto beyond = assembler_.Beyond();
  beyond = beyond.empty() ? std::span<std::byte>(loop_->scratch)
                          : beyond.first(std::min(beyond.size(), kBeyondBytesMax));
  const std::array<asio::mutable_buffer, 2> into{asio::buffer(direct.data(), direct.size()),
                                                 asio::buffer(beyond.data(), beyond.size())};
  *asked = direct.size() + beyond.size();
  error_code error;
  *bytes = socket_->read_some(into, error);
  if (error == asio::error::would_block) return true;
  if (error) {
    Close();
    return false;
  }
  shared_->counters->bytes_in.fetch_add(*bytes);
  const size_t in_place = std::min(*bytes, direct.size());
  Status status = in_place > 0 ? assembler_.Filled(in_place, sink_) : Status::OK();
  if (status.ok()) {
    status = assembler_.Consume(beyond.first(*bytes - in_place), sink_);
  }
  if (status.ok()) return true;
  logging::Warning("net", "connection from {} closed: {}", peer_, MessageOf(status));
  Close();
  return false;
}

/// Whether an answer follows soon that acknowledges what was read.
bool FrameSocket::AfterRead(bool frame_ended) {
  const bool soon = frame_ended && handler_ && handler_->OnPause();
  if (!assembler_.begun()) {
    frame_since_ns_ = 0;
  } else if (frame_ended || frame_since_ns_ == 0) {
    frame_since_ns_ = NowNs();
  }
  return soon && !assembler_.begun();
}

/// The sending side is shut: read what still comes, and drop it.
void FrameSocket::OnDiscardable() {
  error_code error;
  for (size_t turn = 0; turn < kTurnBytes && !error;) {
    turn += socket_->read_some(asio::buffer(loop_->scratch), error);
  }
  if (error && error != asio::error::would_block) return Close();
  ArmRead();
}

void FrameSocket::Flush() {
  if (!socket_) return;
  for (size_t turn = 0; turn < kTurnBytes;) {
    if (sending_.empty()) {
      std::unique_lock lock(mutex_);
      sending_.swap(queued_);
      if (sending_.empty()) {
        flushing_ = false;
        const bool finish = close_when_sent_;
        lock.unlock();
        return OnQueueEmpty(finish);
      }
    }
    size_t bytes = 0;
    if (!WriteSome(&bytes)) return;
    turn += bytes;
  }
  asio::post(loop_->context, [self = shared_from_this()] { self->Flush(); });
}

/// Send once what is first in sending_; how many bytes went. For the thread that flushes.
size_t FrameSocket::SendSome(error_code* error) {
  std::array<Bytes, kGatheredMax> runs;
  std::array<iovec, kGatheredMax> buffers;
  const size_t count = sending_.Peek(runs);
  for (size_t i = 0; i < count; ++i) {
    buffers[i] = {.iov_base = const_cast<std::byte*>(runs[i].data()), .iov_len = runs[i].size()};
  }
  msghdr message{};
  message.msg_iov = buffers.data();
  message.msg_iovlen = count;
  ssize_t sent = 0;
  do {
    sent = sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    *error = error_code(errno, boost::system::system_category());
    return 0;
  }
  const auto bytes = static_cast<size_t>(sent);
  sending_.Pop(bytes);
  shared_->counters->bytes_out.fetch_add(bytes);
  const uint64_t max = shared_->options.pending_bytes_max;
  const uint64_t before = pending_bytes_.fetch_sub(bytes);
  if (before > max && before - bytes <= max) {
    asio::post(loop_->context, [self = shared_from_this()] { self->ReadAgain(); });
  }
  return bytes;
}

/// What waits to be sent has become little enough.
void FrameSocket::ReadAgain() {
  if (!socket_ || draining_ || linger_since_ns_ != 0) return;
  if (frame_since_ns_ != 0) frame_since_ns_ = NowNs();  // it was us who did not read
  ArmRead();
}

/// Write once. False when the socket takes no more now, or the connection was closed.
bool FrameSocket::WriteSome(size_t* bytes) {
  error_code error;
  *bytes = SendSome(&error);
  if (error == asio::error::would_block) {
    if (unsent_since_ns_ == 0) unsent_since_ns_ = NowNs();
    WaitToWrite();
    return false;
  }
  if (error) {
    Close();
    return false;
  }
  unsent_since_ns_ = 0;
  return true;
}

void FrameSocket::WaitToWrite() {
  socket_->async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& error) {
    if (!self->socket_) return;
    error ? self->Close() : self->Flush();
  });
}

void FrameSocket::OnQueueEmpty(bool finish) {
  if (draining_) return Close();
  if (!finish || linger_since_ns_ != 0) return;
  linger_since_ns_ = NowNs();
  HoldReads(1);
  error_code error;
  socket_->shutdown(Socket::shutdown_send, error);
  if (error) return Close();
  ArmRead();
}

void FrameSocket::Tick(int64_t now_ns) {
  const int64_t stall_ns = shared_->options.stall_ns;
  if (unsent_since_ns_ != 0 && ClientTakes()) unsent_since_ns_ = now_ns;
  if (linger_since_ns_ != 0) {
    if (now_ns - linger_since_ns_ > std::min(stall_ns, kLingerNs)) Close();
  } else if (unsent_since_ns_ != 0 && now_ns - unsent_since_ns_ > stall_ns) {
    logging::Info("net", "connection from {} closed: it took nothing of {} bytes for {} ms", peer_,
                  pending_bytes_.load(), (now_ns - unsent_since_ns_) / 1'000'000);
    Close();
  } else if (!IsFull() && frame_since_ns_ != 0 && now_ns - frame_since_ns_ > stall_ns) {
    logging::Info("net", "connection from {} closed: a frame is incomplete after {} ms", peer_,
                  (now_ns - frame_since_ns_) / 1'000'000);
    Close();
  }
}

/// Did the client take bytes that the kernel holds for it, since the last call? The socket becomes
/// writable only when a good part of the kernel's buffer is free, which a slow client may be long
/// in coming to.
bool FrameSocket::ClientTakes() {
  int held = 0;
  if (ioctl(socket_->native_handle(), SIOCOUTQ, &held) != 0) return false;
  return held < std::exchange(held_by_kernel_, held);
}

void FrameSocket::Drain() {
  draining_ = true;
  {
    std::lock_guard lock(mutex_);
    if (closed_ || std::exchange(flushing_, true)) return;
  }
  BeginFlush();
}

void FrameSocket::Close() {
  if (!socket_) return;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    queued_ = {};
  }
  {
    std::lock_guard lock(open_mutex_);
    is_open_ = false;
  }
  sending_ = {};
  hold_.reset();
  error_code ignored;
  socket_->close(ignored);
  socket_.reset();
  if (const auto handler = std::exchange(handler_, nullptr)) handler->OnClosed();
  if (const auto on_gone = std::exchange(on_gone_, nullptr)) on_gone(this);
}

}  // namespace firth::net
