#include "firth/catalog/wal_format.h"

#include <algorithm>
#include <span>

#include "firth/common/checksum.h"

namespace firth::catalog {
namespace {

constexpr uint32_t kMagic = 0x377f0682;  // the lowest bit: are words big endian in checksums?
constexpr uint32_t kVersion = 3007000;
constexpr uint64_t kSaltAt = 16;  // in the log's header
constexpr uint64_t kHeaderChecksumAt = 24;
constexpr uint64_t kFrameSaltAt = 8;  // in a frame's header
constexpr uint64_t kFrameChecksumAt = 16;

/// SQLite's running checksum: two sums over pairs of 32-bit words.
class WalChecksum {
 public:
  explicit WalChecksum(bool big_endian) : big_endian_(big_endian) {}

  void Add(Bytes bytes) {
    for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      first_ += Word(bytes.data() + i) + second_;
      second_ += Word(bytes.data() + i + 4) + first_;
    }
  }
  bool Equals(const std::byte* stored) const {
    return LoadBe<uint32_t>(stored) == first_ && LoadBe<uint32_t>(stored + 4) == second_;
  }

 private:
  uint32_t Word(const std::byte* p) const {
    return big_endian_ ? LoadBe<uint32_t>(p) : LoadLe<uint32_t>(p);
  }

  const bool big_endian_;
  uint32_t first_ = 0;
  uint32_t second_ = 0;
};

}  // namespace

WalSalt SaltOfHeader(Bytes header) {
  WalSalt salt;
  std::copy_n(header.begin() + kSaltAt, salt.size(), salt.begin());
  return salt;
}

bool EndsTransaction(Bytes frame_header) {
  return LoadBe<uint32_t>(frame_header.data() + 4) != 0;
}

Result<WalScan> ScanWal(const store::File& file, uint64_t bytes) {
  WalScan scan;
  std::array<std::byte, kWalHeaderBytes> header;
  if (bytes < header.size()) return scan;
  ARROW_RETURN_NOT_OK(file.Read(0, header));
  const auto magic = LoadBe<uint32_t>(header.data());
  WalChecksum checksum((magic & 1) != 0);
  checksum.Add(Bytes(header).first(kHeaderChecksumAt));
  if ((magic & ~1U) != kMagic || LoadBe<uint32_t>(header.data() + 4) != kVersion ||
      LoadBe<uint32_t>(header.data() + 8) != kPageBytes ||
      !checksum.Equals(header.data() + kHeaderChecksumAt)) {
    return scan;
  }
  scan.has_header = true;
  scan.salt = SaltOfHeader(header);

  std::vector<std::byte> frame(kWalFrameBytes);
  for (uint64_t i = 0; FrameBegin(i + 1) <= bytes; ++i) {
    ARROW_RETURN_NOT_OK(file.Read(FrameBegin(i), frame));
    const Bytes page = Bytes(frame).subspan(kWalFrameHeaderBytes);
    checksum.Add(Bytes(frame).first(kFrameSaltAt));
    checksum.Add(page);
    const bool is_whole =
        LoadBe<uint32_t>(frame.data()) != 0 &&
        std::equal(scan.salt.begin(), scan.salt.end(), frame.begin() + kFrameSaltAt) &&
        checksum.Equals(frame.data() + kFrameChecksumAt);
    if (!is_whole) break;
    scan.page_hashes.push_back(Hash64(page));
    if (EndsTransaction(frame)) scan.frames_committed = i + 1;
  }
  scan.page_hashes.resize(scan.frames_committed);
  return scan;
}

}  // namespace firth::catalog
