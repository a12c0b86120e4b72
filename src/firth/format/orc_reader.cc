#include "firth/format/orc_reader.h"

#include <arrow/buffer.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "firth/format/child_frame.h"
#include "firth/format/orc_child.h"

namespace firth::format {
namespace {

// A child that asks for more processor time than a file of that size can need is stuck in it.
constexpr int64_t kSeconds = 60;
constexpr int64_t kBytesASecond = 1 << 20;

Status Failed(const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kNone, what);
}

class OrcStream : public arrow::io::InputStream {
 public:
  OrcStream(std::shared_ptr<arrow::io::RandomAccessFile> file, int64_t size, int socket,
            pid_t child)
      : file_(std::move(file)), size_(size), socket_(socket), child_(child) {}
  OrcStream(const OrcStream&) = delete;
  OrcStream& operator=(const OrcStream&) = delete;
  ~OrcStream() override {
    ::close(socket_);
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      Reap();
    }
  }

  Status Close() override {
    closed_ = true;
    return Status::OK();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return read_; }

  double Progress() const {
    return size_ == 0 ? 1.0 : static_cast<double>(reached_.load()) / static_cast<double>(size_);
  }

  Result<int64_t> Read(int64_t bytes, void* out) override {
    auto* next = static_cast<std::byte*>(out);
    int64_t done = 0;
    while (done < bytes) {
      if (left_ == 0) ARROW_RETURN_NOT_OK(Advance());
      if (left_ == 0) break;  // the end
      const int64_t part = std::min(bytes - done, left_);
      ARROW_RETURN_NOT_OK(OrWhy(ReceiveExactly(socket_, {next + done, static_cast<size_t>(part)})));
      done += part;
      left_ -= part;
    }
    read_ += done;
    return done;
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(bytes));
    ARROW_ASSIGN_OR_RAISE(const int64_t count, Read(bytes, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(count));
    return buffer;
  }

 private:
  /// Answer what the child asks until it has rows to give, or none.
  Status Advance() {
    while (!ended_) {
      auto received = ReceiveFrame(socket_);
      ARROW_RETURN_NOT_OK(OrWhy(received.status()));
      const ChildFrame frame = *received;
      switch (frame.kind) {
        case ChildFrame::kWanted:
          ARROW_RETURN_NOT_OK(Answer(frame));
          break;
        case ChildFrame::kBytes:
          if (frame.size == 0) break;
          left_ = static_cast<int64_t>(frame.size);
          return Status::OK();
        case ChildFrame::kEnd:
          ended_ = true;
          break;
        case ChildFrame::kFailed: {
          std::string message(frame.size, '\0');
          ARROW_RETURN_NOT_OK(
              OrWhy(ReceiveExactly(socket_, std::as_writable_bytes(std::span(message)))));
          return Failed(message);
        }
        default:
          return Failed("the process that reads it said something unknown");
      }
    }
    return Status::OK();
  }

  Status Answer(const ChildFrame& wanted) {
    if (wanted.place >= static_cast<uint64_t>(size_)) {
      return Failed("it points behind its own end");
    }
    auto read =
        file_->ReadAt(static_cast<int64_t>(wanted.place), static_cast<int64_t>(wanted.size));
    ARROW_RETURN_NOT_OK(read.status());
    reached_ = static_cast<int64_t>(wanted.place);
    return OrWhy(SendFrame(
        socket_, {.kind = ChildFrame::kBytes, .size = static_cast<uint64_t>((*read)->size())},
        {reinterpret_cast<const std::byte*>((*read)->data()),
         static_cast<size_t>((*read)->size())}));
  }

  /// `status`, or, if it is that the child is gone, how it ended.
  Status OrWhy(const Status& status) {
    if (status.ok()) return status;
    if (child_ > 0) Reap();
    if (WIFSIGNALED(ending_)) {
      return Failed(std::string("it is damaged: the process that read it was ended by ") +
                    ::strsignal(WTERMSIG(ending_)));
    }
    return Failed("it is damaged: the process that read it ended early");
  }

  void Reap() {
    while (::waitpid(child_, &ending_, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
  }

  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  const int64_t size_;
  const int socket_;
  pid_t child_;  // -1 once its end is known
  int ending_ = 0;
  int64_t left_ = 0;  // of the piece that is being received
  int64_t read_ = 0;
  std::atomic<int64_t> reached_ = 0;
  bool ended_ = false;
  bool closed_ = false;
};

/// Start this program with `arguments`, its standard input on `socket` and nothing else open. The
/// environment may hold secrets, so it gets none.
Result<pid_t> Spawn(const std::vector<std::string>& arguments, int socket) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::array<char*, 1> environment = {nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  // Signals that this thread holds back must reach the child.
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, "/proc/self/exe", &actions, &attributes, argv.data(),
                                   environment.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return Error(Code::kUnavailable, Reason::kIo,
                 std::string("no process to read the file in: ") + std::strerror(failed));
  }
  return child;
}

}  // namespace

Result<OrcRows> StartOrcReader(std::shared_ptr<arrow::io::RandomAccessFile> file,
                               int64_t batch_rows) {
  if (!has_orc_readers) {
    return Error(Code::kInvalidArgument, Reason::kNone, "this program does not read ORC files");
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  std::array<int, 2> ends = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Error(Code::kUnavailable, Reason::kIo,
                 std::string("no socket to read the file through: ") + std::strerror(errno));
  }
  auto child = Spawn({"firth", kOrcReaderArgument, std::to_string(size), std::to_string(batch_rows),
                      std::to_string(kSeconds + size / kBytesASecond)},
                     ends[1]);
  ::close(ends[1]);
  if (!child.ok()) {
    ::close(ends[0]);
    return child.status();
  }
  auto stream = std::make_shared<OrcStream>(std::move(file), size, ends[0], *child);
  return OrcRows{.stream = stream, .progress = [stream] { return stream->Progress(); }};
}

}  // namespace firth::format
