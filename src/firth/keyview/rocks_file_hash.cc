#include "firth/keyview/rocks_file_hash.h"

#include "firth/common/bytes.h"
#include "firth/common/hash_stream.h"

namespace firth::keyview {
namespace {

constexpr const char* kFunction = "xxh3-64";

class FileHash final : public rocksdb::FileChecksumGenerator {
 public:
  void Update(const char* data, size_t bytes) override { stream_.Add(AsBytes({data, bytes})); }
  void Finalize() override { AppendLe(&checksum_, stream_.Digest()); }
  std::string GetChecksum() const override { return checksum_; }
  const char* Name() const override { return kFunction; }

 private:
  HashStream stream_;
  std::string checksum_;
};

class FileHashFactory final : public rocksdb::FileChecksumGenFactory {
 public:
  std::unique_ptr<rocksdb::FileChecksumGenerator> CreateFileChecksumGenerator(
      const rocksdb::FileChecksumGenContext& context) override {
    const bool ours = context.requested_checksum_func_name.empty() ||
                      context.requested_checksum_func_name == kFunction;
    return ours ? std::make_unique<FileHash>() : nullptr;
  }
  const char* Name() const override { return "firth"; }
};

}  // namespace

std::shared_ptr<rocksdb::FileChecksumGenFactory> MakeFileHashFactory() {
  return std::make_shared<FileHashFactory>();
}

std::optional<uint64_t> FileHashOf(const std::string& function, const std::string& checksum) {
  if (function != kFunction || checksum.size() != sizeof(uint64_t)) return std::nullopt;
  return LoadLe<uint64_t>(checksum.data());
}

}  // namespace firth::keyview
