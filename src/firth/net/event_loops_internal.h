// The event loops as the servers of this room see them.
#pragma once

#include <atomic>
#include <boost/asio.hpp>
#include <cstddef>
#include <future>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "firth/common/status.h"
#include "firth/net/event_loops.h"
#include "firth/net/frame_memory.h"

namespace firth::net {

/// The counters of one server, which its connections add to from any loop.
struct TrafficCounters {
  std::vector<std::string> endpoints;  // constant once registered
  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> connections_total{0};
  std::atomic<uint64_t> connections_refused{0};
  std::atomic<uint64_t> bytes_in{0};
  std::atomic<uint64_t> bytes_out{0};

  Traffic Read() const;
};

/// One event loop and its thread.
struct Loop {
  static constexpr size_t kScratchBytes = 16 << 10;

  explicit Loop(std::shared_ptr<BlockMemory> pieces) : frames(std::move(pieces)) {}

  boost::asio::io_context context{1};
  /// Room for one read, shared by all connections of the loop, so that an idle one holds none. What
  /// is in it is valid only until the handler that read it returns.
  std::vector<std::byte> scratch = std::vector<std::byte>(kScratchBytes);
  FrameMemory frames;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      context.get_executor()};
  std::thread thread;

  /// Run `task` in the loop's thread and wait until it has run. Not for a loop's thread.
  template <typename Task>
  void RunAndWait(Task task) {
    FIRTH_CHECK(std::this_thread::get_id() != thread.get_id());
    std::promise<void> done;
    boost::asio::post(context, [&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
};

struct EventLoops::Impl {
  /// What large frames of all connections lie in, until there is no more of it.
  static constexpr size_t kFramePieceBytes = 4 << 20;
  static constexpr size_t kFramePiecesMax = 8;

  explicit Impl(size_t held_bytes)
      : frame_pieces(std::make_shared<BlockMemory>(
            kFramePieceBytes, kFramePiecesMax + held_bytes / kFramePieceBytes)) {}

  const std::shared_ptr<BlockMemory> frame_pieces;
  std::vector<std::unique_ptr<Loop>> loops;

  /// Make the counters of a server known for as long as the server holds them.
  void Register(const std::shared_ptr<TrafficCounters>& counters);

  mutable std::mutex mutex;
  std::vector<std::weak_ptr<TrafficCounters>> servers;  // guarded by mutex
};

}  // namespace firth::net
