#include <arrow/adapters/orc/adapter.h>
#include <arrow/ipc/writer.h>
#include <arrow/memory_pool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "firth/format/child_frame.h"
#include "firth/format/orc_child.h"
#include "firth/format/orc_reader.h"
#include "firth/format/positioned_input.h"
#include "firth/format/thrown.h"

namespace firth::format {
namespace {

constexpr rlim_t kMostMemory = rlim_t{1} << 30;

/// The file that the parent has.
class ParentFile : public PositionedInput {
 public:
  ParentFile(int socket, int64_t size) : socket_(socket), size_(size) {}

  using PositionedInput::ReadAt;
  Result<int64_t> GetSize() override { return size_; }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    if (position < 0 || bytes < 0) return Status::Invalid("a read at a negative place");
    const int64_t most = std::min(bytes, std::max<int64_t>(0, size_ - position));
    auto* next = static_cast<std::byte*>(out);
    int64_t done = 0;
    while (done < most) {
      const auto part = std::min<uint64_t>(kMostFrameBytes, static_cast<uint64_t>(most - done));
      ARROW_RETURN_NOT_OK(SendFrame(socket_,
                                    {.kind = ChildFrame::kWanted,
                                     .place = static_cast<uint64_t>(position + done),
                                     .size = part},
                                    {}));
      ARROW_ASSIGN_OR_RAISE(const ChildFrame answer, ReceiveFrame(socket_));
      if (answer.kind != ChildFrame::kBytes || answer.size == 0 || answer.size > part) {
        return Error(Code::kUnavailable, Reason::kIo, "the file cannot be read");
      }
      ARROW_RETURN_NOT_OK(ReceiveExactly(socket_, {next + done, answer.size}));
      done += static_cast<int64_t>(answer.size);
    }
    return done;
  }

 private:
  const int socket_;
  const int64_t size_;
};

/// Rows on their way to the parent.
class ParentStream : public arrow::io::OutputStream {
 public:
  explicit ParentStream(int socket) : socket_(socket) {}

  Status Close() override {
    closed_ = true;
    return Status::OK();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return sent_; }
  using arrow::io::OutputStream::Write;
  Status Write(const void* data, int64_t bytes) override {
    const std::span all(static_cast<const std::byte*>(data), static_cast<size_t>(bytes));
    for (size_t done = 0; done < all.size(); done += kMostFrameBytes) {
      const auto part = all.subspan(done, std::min<size_t>(kMostFrameBytes, all.size() - done));
      ARROW_RETURN_NOT_OK(
          SendFrame(socket_, {.kind = ChildFrame::kBytes, .size = part.size()}, part));
    }
    sent_ += bytes;
    return Status::OK();
  }

 private:
  const int socket_;
  int64_t sent_ = 0;
  bool closed_ = false;
};

Status SendRows(int socket, int64_t size, int64_t batch_rows) {
  ARROW_ASSIGN_OR_RAISE(
      auto file, arrow::adapters::orc::ORCFileReader::Open(
                     std::make_shared<ParentFile>(socket, size), arrow::system_memory_pool()));
  ARROW_ASSIGN_OR_RAISE(const auto schema, file->ReadSchema());
  ParentStream out(socket);
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(&out, schema));
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto stripe, file->NextStripeReader(batch_rows));
    if (stripe == nullptr) break;
    while (true) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(stripe->ReadNext(&batch));
      if (batch == nullptr) break;
      // What the library made of a damaged file may point anywhere.
      ARROW_RETURN_NOT_OK(batch->ValidateFull());
      ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
    }
  }
  ARROW_RETURN_NOT_OK(writer->Close());
  return SendFrame(socket, {.kind = ChildFrame::kEnd}, {});
}

void Limit(decltype(RLIMIT_AS) what, rlim_t most) {
  const rlimit limit{.rlim_cur = most, .rlim_max = most};
  ::setrlimit(what, &limit);
}

bool Number(const char* text, int64_t* number) {
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, *number);
  return parsed.ec == std::errc() && parsed.ptr == end && *number >= 0;
}

int Serve(int argc, char** argv) {
  int64_t size = 0;
  int64_t batch_rows = 0;
  int64_t seconds = 0;
  if (argc != 5 || !Number(argv[2], &size) || !Number(argv[3], &batch_rows) ||
      !Number(argv[4], &seconds) || batch_rows < 1) {
    return 2;
  }
  constexpr int kSocket = STDIN_FILENO;
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  Limit(RLIMIT_CORE, 0);
  Limit(RLIMIT_FSIZE, 0);
  Limit(RLIMIT_DATA, kMostMemory);
  Limit(RLIMIT_CPU, static_cast<rlim_t>(seconds));
  Status status;
  try {
    status = Catch([&] { return SendRows(kSocket, size, batch_rows); });
  } catch (const std::bad_alloc&) {
    status = Error(Code::kInvalidArgument, Reason::kOverBudget,
                   "reading it takes more than 1 GiB of memory");
  }
  if (status.ok()) return 0;
  std::string message = MessageOf(status);
  message.resize(std::min<size_t>(message.size(), 4096));
  (void)SendFrame(kSocket, {.kind = ChildFrame::kFailed, .size = message.size()},
                  std::as_bytes(std::span(message)));
  return 1;
}

}  // namespace

void BeOrcReaderIfAsked(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], kOrcReaderArgument) == 0) std::_Exit(Serve(argc, argv));
  has_orc_readers = true;
}

}  // namespace firth::format
