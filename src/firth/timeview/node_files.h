// The files that hold records, reading them by address, and appending to them.
//
// A record's address is the file that it was first written to and its place there, for ever: other
// records hold it. When a file is mostly dead, what lives in it moves to a packed file together
// with what lives in others, and an index there says where each record of which file now lies.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"
#include "firth/timeview/node_cache.h"
#include "firth/timeview/record.h"

namespace firth::timeview {

/// The name of a file of the view, in its folder.
std::string FileName(FileKind kind, uint32_t number);

/// Where a record of another file lies in a packed one.
struct PackedPlace {
  uint32_t file = 0;
  uint32_t offset = 0;  // in units of kRecordAlignment, as all three
  uint32_t position = 0;

  bool operator<(const PackedPlace& other) const {
    return file != other.file ? file < other.file : offset < other.offset;
  }
};

/// The index of the packed file `number`, which stands at `position` behind its records; `places`
/// are sorted.
std::string EncodePackedIndex(uint32_t number, uint64_t position,
                              const std::vector<PackedPlace>& places);

/// Records that were made durable together begin at a multiple of this; what is left before it is
/// zero.
inline constexpr uint64_t kRecordPageBytes = 4096;

/// Room for the bytes of one record after another.
class RecordRoom {
 public:
  std::span<std::byte> Make(size_t bytes) {
    if (bytes > room_bytes_) {
      // Written wholly by whoever asked for it.
      room_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
      room_bytes_ = bytes;
    }
    bytes_ = {room_.get(), bytes};
    return bytes_;
  }
  Bytes bytes() const { return bytes_; }
  /// Give large room back.
  void Trim() {
    if (room_bytes_ > kKept) *this = {};
  }

 private:
  static constexpr size_t kKept = size_t{64} << 10;

  std::unique_ptr<std::byte[]> room_;
  size_t room_bytes_ = 0;
  std::span<std::byte> bytes_;
};

/// A file of records, as it is in the folder. Opened when it is first read. Thread-safe.
class NodeFile {
 public:
  NodeFile(store::FileSystem* files, std::string path, FileKind kind, uint32_t number)
      : files_(files), path_(std::move(path)), kind_(kind), number_(number) {}

  FileKind kind() const { return kind_; }
  uint32_t number() const { return number_; }
  const std::string& path() const { return path_; }

  /// Use a file that is open already: one that was just made.
  void Adopt(std::shared_ptr<store::File> file);
  Result<std::shared_ptr<store::File>> Open() const;
  /// Read the bytes of a record of this file, or, of a packed one, of any file in it, to `room`.
  /// Nothing is checked but that there are so many bytes.
  Status Read(const NodeAddress& address, RecordRoom* room) const;
  /// The same if nothing has to be waited for. False if not, or on any error; always of a packed
  /// file, whose index may have to be.
  bool ReadAtOnce(const NodeAddress& address, RecordRoom* room) const;
  /// Begin to read records of this file, which lie in it in this order; where they are close
  /// together in one go. Of a packed file, nothing: its index would have to be read first.
  void AskAhead(std::span<const NodeAddress> addresses) const;
  /// Of a packed file: the places of all its records, by address. Error kDataLoss.
  Result<std::vector<PackedPlace>> Places() const;
  /// Where the records end of a file of which `bytes` are in use.
  Result<uint64_t> RecordsEnd(uint64_t bytes) const;

 private:
  /// Of a packed file: where its index is, and the first entry of each block of that.
  struct PackedIndex {
    uint64_t position = 0;
    std::vector<PackedPlace> firsts;
  };
  Result<std::shared_ptr<const PackedIndex>> Index() const;
  Result<std::vector<PackedPlace>> ReadIndexBlock(const PackedIndex& index, uint64_t block) const;
  Result<uint32_t> Place(const NodeAddress& address) const;

  store::FileSystem* const files_;
  const std::string path_;
  const FileKind kind_;
  const uint32_t number_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<store::File> file_;         // guarded by mutex_
  mutable std::shared_ptr<const PackedIndex> index_;  // guarded by mutex_
};
using NodeFilePtr = std::shared_ptr<NodeFile>;

/// Which file holds the records of each file number. Immutable once it is shared.
using FileTable = std::unordered_map<uint32_t, NodeFilePtr>;

/// Nodes and other records, from files. Thread-safe.
class FileNodeSource : public NodeSource {
 public:
  /// `helpers` may be null.
  FileNodeSource(FileTable table, std::shared_ptr<NodeCache> cache,
                 std::shared_ptr<ReadHelpers> helpers)
      : table_(std::move(table)), cache_(std::move(cache)), helpers_(std::move(helpers)) {}

  Result<NodePtr> Get(const NodeLink& link) const override;
  Status GetMany(std::span<const NodeLink* const> links, std::span<NodePtr> out) const override;
  ReadHelpers* helpers() const override { return helpers_.get(); }

  /// A record that was read and checked.
  struct Loaded {
    RecordRoom room;
    RecordHeader header;
    Bytes payload;  // a view into `room`
  };
  /// Read a record of a kind. Errors: kDataLoss, kIo; they name the file.
  Result<Loaded> Load(const NodeAddress& address, RecordKind kind) const;
  /// The same of a record of a head, either kind.
  Result<Loaded> LoadHead(const NodeAddress& address) const;
  /// Add the file and place to an error found in what was loaded.
  Status AddPlace(const Status& status, const NodeAddress& address) const;

  const FileTable& table() const { return table_; }
  NodeCache* cache() const { return cache_.get(); }

 private:
  /// Begin to read those of `links` that stand at `places`.
  void AskAhead(std::span<const NodeLink* const> links, std::span<const size_t> places) const;
  /// The file that holds a record.
  Result<const NodeFile*> FileOf(const NodeAddress& address) const;
  /// Read and check a record; what it gives lies in `room`.
  Result<Record> ReadRecord(const NodeAddress& address, RecordRoom* room) const;
  /// Check a record that lies in `room`.
  Result<Record> CheckRecord(const NodeAddress& address, const RecordRoom& room) const;
  /// From its file, as it is there.
  Result<NodePtr> Read(const NodeLink& link) const;
  /// The same if nothing has to be waited for; none if it does, or on any error.
  NodePtr ReadAtOnce(const NodeLink& link) const;
  Result<NodePtr> Decode(const NodeLink& link, const Record& record) const;

  const FileTable table_;
  const std::shared_ptr<NodeCache> cache_;
  const std::shared_ptr<ReadHelpers> helpers_;
};

/// Appends records to one file after another. One thread at a time.
class NodeWriter {
 public:
  /// Where to go on: a file and how much of it is in use, or none.
  struct Position {
    NodeFilePtr file;
    uint64_t bytes = 0;
  };

  NodeWriter(store::FileSystem* files, std::string folder, uint64_t file_bytes_max,
             uint32_t* next_number, Position position)
      : files_(files),
        folder_(std::move(folder)),
        file_bytes_max_(file_bytes_max),
        next_number_(next_number),
        file_(std::move(position.file)),
        written_(position.bytes) {}

  /// Give a record its address and take it; it is in a file after Flush. When a new file is begun,
  /// earlier ones are flushed.
  Result<NodeAddress> Append(const RecordHeader& header, Bytes payload);
  /// Write what was taken. Readable then, not durable. On error nothing that was taken since the
  /// last Flush has an address any more.
  Status Flush();
  /// Flush, make all files durable that were written to, and step to a new page.
  Status Sync();

  /// The files that were begun since the last call.
  std::vector<NodeFilePtr> TakeNewFiles();
  /// The file that is being written, none before the first record, and how much of it is in use.
  const NodeFilePtr& file() const { return file_; }
  uint64_t bytes() const { return written_ + buffer_.size(); }
  /// Bytes in use of files that were full since the view was opened.
  const std::unordered_map<uint32_t, uint64_t>& closed() const { return closed_; }
  /// Bytes of records that were taken since the view was opened.
  uint64_t taken_bytes() const { return taken_bytes_; }

 private:
  Status BeginFile();

  store::FileSystem* const files_;
  const std::string folder_;
  const uint64_t file_bytes_max_;
  uint32_t* const next_number_;
  NodeFilePtr file_;
  std::shared_ptr<store::File> open_;  // the same
  uint64_t written_ = 0;               // of it
  std::string buffer_;                 // what follows
  std::vector<std::shared_ptr<store::File>> unsynced_;
  std::vector<NodeFilePtr> new_files_;
  std::unordered_map<uint32_t, uint64_t> closed_;
  uint64_t taken_bytes_ = 0;
};

}  // namespace firth::timeview
