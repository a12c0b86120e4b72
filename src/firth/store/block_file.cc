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

/// A write takes memory for as many segments at once.
constexpr size_t kSegmentsAtOnce = 2;

class BlockFileImpl : public BlockFile {
 public:
  BlockFileImpl(std::unique_ptr<File> file, std::shared_ptr<RecentBytes> recent)
      : file_(std::move(file)), recent_(std::move(recent)) {
    if (const auto* const direct = dynamic_cast<const WritesDirectly*>(file_.get())) {
      align_bytes_ = direct->align_bytes();
    }
  }
  ~BlockFileImpl() override { recent_->Forget(this); }

  uint64_t align_bytes() const override { return align_bytes_; }

  Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
    std::vector<HeldBytes> held;
    held.reserve(parts.size());
    for (const Bytes part : parts) held.push_back({.bytes = part, .owner = nullptr});
    return WriteHeld(position, held);
  }

  Status WriteHeld(uint64_t position, const std::vector<HeldBytes>& parts) override {
    uint64_t end = position;
    for (const HeldBytes& part : parts) end += part.bytes.size();
    if (end == position) return Status::OK();
    Run run;
    ARROW_RETURN_NOT_OK(Begin(position, &run));
    for (const HeldBytes& part : parts) {
      for (Bytes rest = part.bytes; !rest.empty();) {
        if (run.at == run.segment_end) ARROW_RETURN_NOT_OK(GoOn(&run));
        const Bytes here = rest.first(std::min<uint64_t>(rest.size(), run.segment_end - run.at));
        // The last block is written again by the next write, from the segment's memory.
        Put(here, part.owner, BlockBegin(end), &run);
        rest = rest.subspan(here.size());
      }
    }
    std::memset(MemoryAt(run, end), 0, BlockEnd(end) - end);
    run.at = BlockEnd(end);
    return WriteOut(end, &run);
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
  /// What a write has put together and not yet written.
  struct Run {
    std::vector<RecentSegmentPtr> segments;  // the last one is filled
    uint64_t segment_from = 0;               // where in the file that one begins
    uint64_t segment_end = 0;
    uint64_t write_from = 0;    // all from here on is to be written:
    std::vector<Bytes> pieces;  // these, and
    uint64_t copied_from = 0;   // what lies in the segment's memory from here on
    uint64_t at = 0;            // up to here
  };

  static std::byte* MemoryAt(const Run& run, uint64_t at) {
    return run.segments.back()->memory() + (at - run.segment_from);
  }

  Status Begin(uint64_t position, Run* run) {
    ARROW_ASSIGN_OR_RAISE(auto segment, SegmentOf(position));
    run->segments.push_back(std::move(segment));
    run->segment_from = number_ * recent_->segment_bytes();
    run->segment_end = run->segment_from + recent_->segment_bytes();
    run->write_from = BlockBegin(position);
    run->copied_from = run->write_from;
    run->at = position;
    return Status::OK();
  }

  /// To the next segment.
  Status GoOn(Run* run) {
    EndPiece(run->at, run);
    if (run->segments.size() == kSegmentsAtOnce) {
      ARROW_RETURN_NOT_OK(WriteOut(run->at, run));
      run->segments.clear();
    }
    run->segments.push_back(recent_->Make(this, ++number_, run->at));
    run->segment_from = run->at;
    run->segment_end = run->at + recent_->segment_bytes();
    return Status::OK();
  }

  void Put(Bytes bytes, const std::shared_ptr<arrow::Buffer>& owner, uint64_t last_block,
           Run* run) {
    const uint64_t end = run->at + bytes.size();
    uint64_t from = end;  // what is not copied
    uint64_t to = end;
    if (owner != nullptr && align_bytes_ != 0 &&
        reinterpret_cast<uintptr_t>(bytes.data()) % align_bytes_ == run->at % align_bytes_) {
      from = (run->at + align_bytes_ - 1) / align_bytes_ * align_bytes_;
      to = std::min(end, last_block) / align_bytes_ * align_bytes_;
    }
    const Bytes held = to > from ? bytes.subspan(from - run->at, to - from) : Bytes();
    if (!held.empty() && recent_->Hold(run->segments.back(), from, held, owner)) {
      std::memcpy(MemoryAt(*run, run->at), bytes.data(), from - run->at);
      EndPiece(from, run);
      run->pieces.push_back(held);
      run->copied_from = to;
      std::memcpy(MemoryAt(*run, to), held.data() + held.size(), end - to);
    } else {
      std::memcpy(MemoryAt(*run, run->at), bytes.data(), bytes.size());
    }
    run->at = end;
  }

  /// What was copied, up to `at`, is a piece.
  static void EndPiece(uint64_t at, Run* run) {
    if (run->copied_from < at) {
      run->pieces.emplace_back(MemoryAt(*run, run->copied_from), at - run->copied_from);
    }
    run->copied_from = at;
  }

  /// Write all up to the end of a block, or of a segment; then readers may see what lies before
  /// `end`.
  Status WriteOut(uint64_t end, Run* run) {
    EndPiece(run->at, run);
    if (Status written = file_->Write(run->write_from, run->pieces); !written.ok()) {
      recent_->Forget(this);  // nobody knows what the file has there
      return written;
    }
    for (size_t i = 0; i + 1 < run->segments.size(); ++i) {
      run->segments[i]->to.store(run->segments[i + 1]->from, std::memory_order_release);
    }
    run->segments.back()->to.store(end, std::memory_order_release);
    run->write_from = run->at;
    run->pieces.clear();
    return Status::OK();
  }

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
    const RecentSegmentPtr held = recent_->Find(this, position / recent_->segment_bytes());
    if (held == nullptr) return 0;
    const uint64_t to = held->to.load(std::memory_order_acquire);
    if (position < held->from || position >= to) return 0;
    return held->Copy(position, out.first(std::min<uint64_t>(out.size(), to - position)));
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
  uint64_t align_bytes_ = 0;
  uint64_t number_ = 0;  // of the segment written last; of the one writer
};

}  // namespace

std::unique_ptr<BlockFile> MakeBlockFile(std::unique_ptr<File> file,
                                         std::shared_ptr<RecentBytes> recent) {
  if (recent == nullptr) recent = std::make_shared<RecentBytes>(0);
  return std::make_unique<BlockFileImpl>(std::move(file), std::move(recent));
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

Result<std::unique_ptr<BlockFile>> OpenToAppend(FileSystem* files, const std::string& path,
                                                std::shared_ptr<RecentBytes> recent) {
  ARROW_ASSIGN_OR_RAISE(auto file, OpenPastCache(files, path));
  return MakeBlockFile(std::move(file), std::move(recent));
}

Result<std::unique_ptr<BlockFile>> CreateToAppend(FileSystem* files, const std::string& path,
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
