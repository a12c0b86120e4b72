// One client's connection of a FrameServer.
#pragma once

#include <atomic>
#include <boost/asio.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/net/event_loops_internal.h"
#include "firth/net/frame_assembler.h"
#include "firth/net/frame_server.h"
#include "firth/net/listen_internal.h"
#include "firth/net/read_pace.h"
#include "firth/net/send_queue.h"

namespace firth::net {

/// What all connections of one loop share. It lives as long as any of them.
struct FrameShared {
  FrameServerOptions options;
  std::shared_ptr<TrafficCounters> counters;
};

/// Belongs to one loop. Methods are for the loop's thread unless they say otherwise.
class FrameSocket : public FrameConnection, public std::enable_shared_from_this<FrameSocket> {
 public:
  FrameSocket(std::shared_ptr<const FrameShared> shared, Loop* loop, Socket socket);

  // Any thread.
  void Send(std::vector<std::shared_ptr<arrow::Buffer>> parts) override;
  void SendText(std::string_view frame) override;
  void CloseWhenSent() override;
  uint16_t local_port() const override { return local_port_; }
  const std::string& peer() const override { return peer_; }

  /// Begin to read. `on_gone` is called once, when the connection is closed.
  void Begin(std::shared_ptr<FrameHandler> handler, std::function<void(FrameSocket*)> on_gone);
  /// Close it if its client stalls.
  void Tick(int64_t now_ns);
  /// Read no more; close as soon as what is queued has been sent.
  void Drain();
  void Close();

 private:
  /// Does so much wait to be sent that nothing is to be read? ReadAgain follows when it no more
  /// does.
  bool IsFull() const { return pending_bytes_.load() > shared_->options.pending_bytes_max; }
  void ArmRead();
  void OnReadable(bool in_time);
  void OnDiscardable();
  bool ReadSome(size_t* bytes, size_t* asked);
  bool AfterRead(bool frame_ended);
  void AcknowledgeNow();
  void HoldReads(size_t bytes);
  template <typename Frame>
  void Queue(Frame frame);
  void BeginFlush();
  bool FlushAtOnce();
  void Flush();
  size_t SendSome(boost::system::error_code* error);
  void ReadAgain();
  bool WriteSome(size_t* bytes);
  void WaitToWrite();
  void OnQueueEmpty(bool finish);
  bool ClientTakes();

  const std::shared_ptr<const FrameShared> shared_;
  Loop* const loop_;
  std::optional<Socket> socket_;  // none once closed
  int descriptor_ = -1;           // its; for those who have open_mutex_, and for the loop
  uint16_t local_port_ = 0;
  std::string peer_;
  std::shared_ptr<FrameHandler> handler_;
  std::function<void(FrameSocket*)> on_gone_;

  FrameAssembler assembler_;
  const FrameAssembler::Sink sink_;
  bool read_armed_ = false;
  ReadPace pace_;
  size_t held_bytes_ = 1;  // the kernel tells of what has come once it is so many bytes
  std::optional<boost::asio::steady_timer> hold_;  // runs while that is more than 1
  std::atomic<bool> draining_{false};              // Drain was called
  int64_t frame_since_ns_ = 0;   // when the frame that is incomplete began; 0: none is
  int64_t unsent_since_ns_ = 0;  // when the client last took bytes while some waited; 0: none wait
  int held_by_kernel_ = 0;       // bytes that the client had not taken when it was last asked
  int64_t linger_since_ns_ = 0;  // when the sending side was shut; 0: it is open
  bool flush_after_read_ = false;

  std::atomic<uint64_t> pending_bytes_{0};
  std::atomic<bool> close_when_sent_{false};
  std::mutex mutex_;
  SendQueue queued_;       // guarded by mutex_
  bool flushing_ = false;  // guarded by mutex_: someone sends, is asked to, or waits for the socket
  bool closed_ = false;    // guarded by mutex_
  SendQueue sending_;      // of who set flushing_, and of the loop once it is closed
  // Closing waits for who sends; and the loop outlives the socket's closing, and no more: nobody
  // may post to it later.
  std::mutex open_mutex_;
  bool is_open_ = true;  // guarded by open_mutex_
};

}  // namespace firth::net
