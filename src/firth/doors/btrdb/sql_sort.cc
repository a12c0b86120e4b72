#include "firth/doors/btrdb/sql_sort.h"

#include <algorithm>
#include <atomic>
#include <queue>
#include <utility>

#include "firth/common/bytes.h"

namespace firth::doors::btrdb {
namespace {

// A record in a run: | u32 bytes of the key | u32 bytes of the value | key | value |
constexpr size_t kHeadBytes = 8;
constexpr size_t kChunkBytes = 32 << 10;
constexpr size_t kBufferBytes = 32 << 10;
/// So much is held even where others have all the memory.
constexpr size_t kUnheldBytesMax = 64 << 10;
/// Runs of one level; each needs a buffer while they are merged.
constexpr size_t kRunsMax = 32;

Status Damaged(const store::File& file) {
  return Error(Code::kDataLoss, Reason::kIo,
               file.name() + ": what was written there reads otherwise");
}

}  // namespace

/// The records of a run, one after another.
class SortedRecords::RunReader {
 public:
  RunReader(const store::File* file, const Run& run) : file_(file), at_(run.begin), end_(run.end) {}

  /// Go to the next record, at first to the first one; false behind the last.
  Result<bool> Step() {
    record_ += record_bytes_;
    record_bytes_ = 0;
    if (at_ == end_ && record_ == buffer_.size()) return false;
    ARROW_RETURN_NOT_OK(Fill(kHeadBytes));
    key_bytes_ = LoadLe<uint32_t>(buffer_.data() + record_);
    const size_t value_bytes = LoadLe<uint32_t>(buffer_.data() + record_ + 4);
    record_bytes_ = kHeadBytes + key_bytes_ + value_bytes;
    ARROW_RETURN_NOT_OK(Fill(record_bytes_));
    return true;
  }
  std::string_view key() const { return {buffer_.data() + record_ + kHeadBytes, key_bytes_}; }
  std::string_view value() const {
    const size_t begin = kHeadBytes + key_bytes_;
    return {buffer_.data() + record_ + begin, record_bytes_ - begin};
  }

 private:
  /// Have `bytes` bytes from the record's beginning in memory.
  Status Fill(size_t bytes) {
    if (buffer_.size() - record_ >= bytes) return Status::OK();
    buffer_.erase(0, record_);
    record_ = 0;
    const size_t held = buffer_.size();
    const uint64_t wanted = std::max(bytes, kBufferBytes) - held;
    const auto more = static_cast<size_t>(std::min<uint64_t>(wanted, end_ - at_));
    if (held + more < bytes) return Damaged(*file_);
    buffer_.resize(held + more);
    ARROW_RETURN_NOT_OK(file_->Read(at_, std::as_writable_bytes(std::span(buffer_).subspan(held))));
    at_ += more;
    return Status::OK();
  }

  const store::File* const file_;
  uint64_t at_;
  const uint64_t end_;
  std::string buffer_;
  size_t record_ = 0;  // where it begins in the buffer
  size_t record_bytes_ = 0;
  size_t key_bytes_ = 0;
};

/// Appends a run to the file.
class SortedRecords::RunWriter {
 public:
  RunWriter(SqlSpace* space, store::File* file, uint64_t* file_bytes)
      : space_(space), file_(file), file_bytes_(file_bytes) {}

  Status Add(std::string_view key, std::string_view value) {
    AppendLe(&buffer_, static_cast<uint32_t>(key.size()));
    AppendLe(&buffer_, static_cast<uint32_t>(value.size()));
    buffer_.append(key).append(value);
    return buffer_.size() < kBufferBytes ? Status::OK() : Flush();
  }
  Status Flush() {
    ARROW_RETURN_NOT_OK(space_->Check());
    if (space_->disk_bytes + buffer_.size() > space_->disk_bytes_max) {
      return Error(Code::kResourceExhausted, Reason::kOverBudget,
                   "the statement needs more than the " + std::to_string(space_->disk_bytes_max) +
                       " bytes of disk that it may use");
    }
    ARROW_RETURN_NOT_OK(file_->Write(*file_bytes_, {AsBytes(buffer_)}));
    *file_bytes_ += buffer_.size();
    space_->disk_bytes += buffer_.size();
    buffer_.clear();
    return Status::OK();
  }

 private:
  SqlSpace* const space_;
  store::File* const file_;
  uint64_t* const file_bytes_;
  std::string buffer_;
};

namespace {

/// A file that is gone when it is closed.
Result<std::unique_ptr<store::File>> CreateNameless(const SqlSpace& space) {
  static std::atomic<uint64_t> made{0};
  if (space.files == nullptr || space.disk_bytes_max == 0) {
    return Error(Code::kResourceExhausted, Reason::kOverBudget,
                 "the statement needs more memory than there is for it");
  }
  ARROW_RETURN_NOT_OK(space.files->MakeFolder(space.folder));
  const std::string path = space.folder + "/streams-" + std::to_string(made.fetch_add(1));
  // A process that was killed just here before may have left one.
  ARROW_RETURN_NOT_OK(space.files->Remove(path));
  ARROW_ASSIGN_OR_RAISE(auto file, space.files->Create(path));
  ARROW_RETURN_NOT_OK(space.files->Remove(path));
  return file;
}

}  // namespace

char* SortedRecords::Allocate(size_t bytes) {
  if (bytes > chunk_left_) {
    chunk_left_ = std::max(bytes, kChunkBytes);
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_left_));
    chunk_at_ = chunks_.back().get();
  }
  char* const at = chunk_at_;
  chunk_at_ += bytes;
  chunk_left_ -= bytes;
  return at;
}

void SortedRecords::Append(std::string_view key, std::string_view value) {
  char* const at = Allocate(key.size() + value.size());
  std::copy(key.begin(), key.end(), at);
  std::copy(value.begin(), value.end(), at + key.size());
  entries_.push_back({.bytes = at,
                      .key_bytes = static_cast<uint32_t>(key.size()),
                      .value_bytes = static_cast<uint32_t>(value.size()),
                      .number = added_++});
}

Status SortedRecords::Add(std::string_view key, std::string_view value) {
  FIRTH_CHECK(key.size() <= UINT32_MAX && value.size() <= UINT32_MAX);
  if (!Hold(BytesOf(key.size() + value.size())) && unheld_bytes_ > kUnheldBytesMax) {
    ARROW_RETURN_NOT_OK(MakeRoom());
  }
  Append(key, value);
  return Status::OK();
}

bool SortedRecords::Hold(uint64_t bytes) {
  in_memory_bytes_ += bytes;
  if (held_.Take(bytes)) return true;
  unheld_bytes_ += bytes;
  return false;
}

void SortedRecords::Forget() {
  entries_.clear();
  chunks_.clear();
  chunk_left_ = 0;
  held_.Give();
  in_memory_bytes_ = unheld_bytes_ = 0;
}

void SortedRecords::Sort() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    const int order = a.key().compare(b.key());
    return order != 0 ? order < 0 : a.number < b.number;
  });
}

void SortedRecords::Cut() {
  if (entries_.size() <= wanted_) return;
  const auto chunks = std::exchange(chunks_, {});
  auto entries = std::exchange(entries_, {});
  entries.resize(wanted_);
  Forget();
  for (const Entry& entry : entries) {
    Hold(BytesOf(entry.key_bytes + entry.value_bytes));
    Append(entry.key(), entry.value());
    entries_.back().number = entry.number;
  }
}

Status SortedRecords::MakeRoom() {
  ARROW_RETURN_NOT_OK(space_->Check());
  const uint64_t before = in_memory_bytes_;
  Sort();
  Cut();
  return in_memory_bytes_ <= before / 2 ? Status::OK() : WriteRun();
}

Status SortedRecords::WriteRun() {
  if (file_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(file_, CreateNameless(*space_));
  }
  RunWriter writer(space_, file_.get(), &file_bytes_);
  const uint64_t begin = file_bytes_;
  for (const Entry& entry : entries_) {
    ARROW_RETURN_NOT_OK(writer.Add(entry.key(), entry.value()));
  }
  ARROW_RETURN_NOT_OK(writer.Flush());
  runs_.push_back({.begin = begin, .end = file_bytes_});
  Forget();
  return MergeLast();
}

Status SortedRecords::MergeLast() {
  while (true) {
    const int level = runs_.back().level;
    size_t first = runs_.size();
    while (first > 0 && runs_[first - 1].level == level) --first;
    if (runs_.size() - first < kRunsMax) return Status::OK();
    RunWriter writer(space_, file_.get(), &file_bytes_);
    const uint64_t begin = file_bytes_;
    uint64_t written = 0;
    ARROW_RETURN_NOT_OK(
        Merge(first, [&](std::string_view key, std::string_view value) -> Result<bool> {
          ARROW_RETURN_NOT_OK(writer.Add(key, value));
          return ++written < wanted_;
        }));
    ARROW_RETURN_NOT_OK(writer.Flush());
    runs_.resize(first);
    runs_.push_back({.begin = begin, .end = file_bytes_, .level = level + 1});
  }
}

Status SortedRecords::Merge(size_t first_run, const Visit& visit) {
  std::vector<RunReader> readers;
  readers.reserve(runs_.size() - first_run);
  for (size_t i = first_run; i < runs_.size(); ++i) readers.emplace_back(file_.get(), runs_[i]);
  const auto later = [&](size_t a, size_t b) {
    const int order = readers[a].key().compare(readers[b].key());
    return order != 0 ? order > 0 : a > b;
  };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> next(later);
  for (size_t i = 0; i < readers.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const bool any, readers[i].Step());
    if (any) next.push(i);
  }
  for (uint64_t visited = 0; !next.empty(); ++visited) {
    if (visited % 1024 == 0) ARROW_RETURN_NOT_OK(space_->Check());
    const size_t first = next.top();
    next.pop();
    ARROW_ASSIGN_OR_RAISE(const bool more, visit(readers[first].key(), readers[first].value()));
    if (!more) break;
    ARROW_ASSIGN_OR_RAISE(const bool another, readers[first].Step());
    if (another) next.push(first);
  }
  return Status::OK();
}

Status SortedRecords::ForEach(const Visit& visit) {
  if (!runs_.empty() && !entries_.empty()) {
    Sort();
    ARROW_RETURN_NOT_OK(WriteRun());
  }
  if (!runs_.empty()) return Merge(0, visit);
  Sort();
  for (const Entry& entry : entries_) {
    ARROW_ASSIGN_OR_RAISE(const bool more, visit(entry.key(), entry.value()));
    if (!more) break;
  }
  return Status::OK();
}

}  // namespace firth::doors::btrdb
