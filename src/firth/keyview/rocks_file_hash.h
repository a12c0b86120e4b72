// RocksDB hashes its files while it writes them, so that a base knows what must be in them.
#pragma once

#include <rocksdb/file_checksum.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace firth::keyview {

/// Takes Hash64 of every file.
std::shared_ptr<rocksdb::FileChecksumGenFactory> MakeFileHashFactory();

/// The hash that RocksDB keeps of a file, or none if another function made it.
std::optional<uint64_t> FileHashOf(const std::string& function, const std::string& checksum);

}  // namespace firth::keyview
