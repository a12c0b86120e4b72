#include "firth/store/block_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace firth::store {
namespace {

uint64_t BlockBegin(uint64_t position) {
  return position / kBlockBytes * kBlockBytes;
}
uint64_t BlockEnd(uint64_t position) {
  return BlockBegin(position + kBlockBytes - 1);
}

/// The parts of a write, taken bit by bit.
class Taker {
 public:
  explicit Taker(const std::vector<Bytes>& parts) : parts_(parts) {
    for (const Bytes part : parts) left_ += part.size();
  }
  uint64_t left() const { return left_; }

  void Take(std::byte* out, uint64_t bytes) {
    left_ -= bytes;
    while (bytes > 0) {
      const Bytes part = parts_[next_].subspan(at_);
      const size_t taken = std::min<uint64_t>(part.size(), bytes);
      if (taken > 0) std::memcpy(out, part.data(), taken);
      out += taken;
      bytes -= taken;
      at_ += taken;
      if (taken == part.size()) {
        ++next_;
        at_ = 0;
      }
    }
  }

 private:
  const std::vector<Bytes>& parts_;
  size_t next_ = 0;
  size_t at_ = 0;
  uint64_t left_ = 0;
};

class BlockFile : public File {
 public:
  BlockFile(std::unique_ptr<File> file, std::shared_ptr<RecentBytes> recent)
      : file_(std::move(file)), recent_(std::move(recent)) {}
  ~BlockFile() override { recent_->Forget(this); }

  Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
    Taker taker(parts);
    while (taker.left() > 0) {
      ARROW_ASSIGN_OR_RAISE(const RecentSegmentPtr current, SegmentOf(position));
      const uint64_t segment = recent_->segment_bytes();
      const uint64_t base = position / segment * segment;
      const uint64_t end = std::min(base + segment, position + taker.left());
      std::byte* const memory = current->memory();
      taker.Take(memory + (position - base), end - position);
      const uint64_t from = BlockBegin(position);
      std::memset(memory + (end - base), 0, BlockEnd(end) - end);
      ARROW_RETURN_NOT_OK(
          file_->Write(from, {Bytes(memory + (from - base), BlockEnd(end) - from)}));
      current->to.store(end, std::memory_order_release);
      position = end;
    }
    return Status::OK();
  }

  Status Read(uint64_t position, std::span<std::byte> out) const override {
    while (!out.empty()) {
      size_t taken = ReadRecent(position, out);
      if (taken == 0) {
        taken = Unknown(position, out.size());
        ARROW_RETURN_NOT_OK(file_->Read(position, out.first(taken)));
      }
      position += taken;
      out = out.subspan(taken);
    }
    return Status::OK();
  }

  Status Sync() override { return file_->Sync(); }
  Status Reserve(uint64_t bytes) override { return file_->Reserve(BlockEnd(bytes)); }

  Status Truncate(uint64_t bytes) override {
    const RecentSegmentPtr current = recent_->Find(this, number_);
    if (current == nullptr || bytes < current->to) recent_->Forget(this);
    return file_->Truncate(bytes);
  }

  Result<uint64_t> Size() const override { return file_->Size(); }
  const std::string& name() const override { return file_->name(); }

 private:
  /// The segment of `position`, with what its block holds before that.
  Result<RecentSegmentPtr> SegmentOf(uint64_t position) {
    const uint64_t segment = recent_->segment_bytes();
    const uint64_t number = position / segment;
    RecentSegmentPtr current = recent_->Find(this, number_);
    const bool goes_on = current != nullptr && position == current->to;
    if (goes_on && number == number_) return current;
    if (!goes_on) recent_->Forget(this);  // what was known may change
    const uint64_t from = BlockBegin(position);
    current = recent_->Make(this, number, from);
    if (from < position) {
      ARROW_RETURN_NOT_OK(file_->Read(
          from, std::span(current->memory() + (from - number * segment), position - from)));
    }
    current->to.store(position, std::memory_order_release);
    number_ = number;
    return current;
  }

  /// Read what is in memory at the begin of `out`; how much that was.
  size_t ReadRecent(uint64_t position, std::span<std::byte> out) const {
    const uint64_t segment = recent_->segment_bytes();
    const uint64_t base = position / segment * segment;
    const RecentSegmentPtr held = recent_->Find(this, position / segment);
    if (held == nullptr) return 0;
    const uint64_t to = held->to.load(std::memory_order_acquire);
    if (position < held->from || position >= to) return 0;
    const size_t taken = std::min<uint64_t>(out.size(), to - position);
    std::memcpy(out.data(), held->memory() + (position - base), taken);
    return taken;
  }

  /// How many bytes from `position` on, at most `bytes`, are to be read from the file.
  size_t Unknown(uint64_t position, size_t bytes) const {
    const uint64_t segment = recent_->segment_bytes();
    const uint64_t end = position + bytes;
    for (uint64_t number = position / segment; number * segment < end; ++number) {
      const RecentSegmentPtr held = recent_->Find(this, number);
      if (held != nullptr && held->from > position) {
        return static_cast<size_t>(std::min(held->from, end) - position);
      }
    }
    return bytes;
  }

  const std::unique_ptr<File> file_;
  const std::shared_ptr<RecentBytes> recent_;
  uint64_t number_ = 0;  // of the segment written last; of the one writer
};

}  // namespace

std::unique_ptr<File> MakeBlockFile(std::unique_ptr<File> file,
                                    std::shared_ptr<RecentBytes> recent) {
  if (recent == nullptr) recent = std::make_shared<RecentBytes>(0);
  return std::make_unique<BlockFile>(std::move(file), std::move(recent));
}

Result<std::unique_ptr<File>> OpenPastCache(FileSystem* files, const std::string& path) {
  auto* const direct = dynamic_cast<DirectFiles*>(files);
  return direct != nullptr ? direct->OpenDirect(path) : files->Open(path);
}

Result<std::unique_ptr<File>> OpenSettled(FileSystem* files, const std::string& path,
                                          std::shared_ptr<LatelyRead> lately) {
  auto* const direct = dynamic_cast<DirectFiles*>(files);
  return direct != nullptr ? direct->OpenSettled(path, std::move(lately)) : files->Open(path);
}

Result<std::unique_ptr<File>> OpenToAppend(FileSystem* files, const std::string& path,
                                           std::shared_ptr<RecentBytes> recent) {
  ARROW_ASSIGN_OR_RAISE(auto file, OpenPastCache(files, path));
  return MakeBlockFile(std::move(file), std::move(recent));
}

Result<std::unique_ptr<File>> CreateToAppend(FileSystem* files, const std::string& path,
                                             std::shared_ptr<RecentBytes> recent) {
  ARROW_ASSIGN_OR_RAISE(auto file, files->Create(path));
  // A simulated disk gives the same file; opened once more it would only be asked once more.
  if (dynamic_cast<DirectFiles*>(files) == nullptr) {
    return MakeBlockFile(std::move(file), std::move(recent));
  }
  auto opened = OpenToAppend(files, path, std::move(recent));
  if (!opened.ok()) static_cast<void>(files->Remove(path));
  return opened;
}

}  // namespace firth::store
