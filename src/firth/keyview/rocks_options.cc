#include "firth/keyview/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>

#include "firth/keyview/key_format.h"
#include "firth/keyview/merge_pace.h"
#include "firth/keyview/rocks_file_hash.h"
#include "firth/keyview/rocks_priority.h"

namespace firth::keyview {
namespace {

constexpr int kBackgroundJobs = 2;  // RocksDB makes one flush and one compaction of them
constexpr int kOpenFilesMax = 256;
constexpr int kMemtables = 2;  // one is written to while the other is flushed
constexpr uint64_t kMemtableBytesMin = uint64_t{64} << 10;
constexpr size_t kBlockBytes = size_t{4} << 10;
constexpr size_t kMetadataBytes = size_t{32} << 10;
/// A shard must hold many indexes and filters of files, which take up to a megabyte each: what does
/// not fit in one is read, checked and unpacked again at every lookup.
constexpr int kCacheShardBits = 1;
/// With so many of them writers wait for the merging.
constexpr int kFlushedFilesMax = 32;
/// Up to here, or as much as the view has memory, everything else is one level: what flushes made
/// is merged into it at once, which writes a row fewer times than two levels would.
constexpr uint64_t kFirstLevelBytes = uint64_t{2} << 30;
constexpr uint64_t kFileBytes = uint64_t{128} << 20;
/// So much at a time is given to the disk while a file is written, rather than all in the end, and
/// merges write what they may in so short a time: a sync of the log waits behind it.
constexpr uint64_t kSyncBytes = uint64_t{256} << 10;
constexpr int64_t kPacedUs = 4'000;
constexpr size_t kReadAheadBytes = size_t{1} << 20;
constexpr double kFilterBitsPerKey = 10;

rocksdb::CompressionType FirstSupported(std::initializer_list<rocksdb::CompressionType> preferred) {
  const auto supported = rocksdb::GetSupportedCompressions();
  for (const auto type : preferred) {
    if (std::find(supported.begin(), supported.end(), type) != supported.end()) return type;
  }
  return rocksdb::kNoCompression;
}

rocksdb::BlockBasedTableOptions MakeTableOptions(const KeyViewOptions& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.cache_bytes, kCacheShardBits);
  table.block_size = kBlockBytes;
  // Index and filters are in the cache, so that its bound holds for them, too.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // In small parts: what the cache does not hold of them is little to read again.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = kMetadataBytes;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
  table.whole_key_filtering = true;
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  return table;
}

}  // namespace

rocksdb::Options MakeRocksOptions(const KeyViewOptions& options, rocksdb::Env* env, bool to_disk) {
  rocksdb::Options rocks;
  rocks.env = env;
  rocks.paranoid_checks = true;
  rocks.write_buffer_size =
      std::max<uint64_t>(options.memtable_bytes / kMemtables, kMemtableBytesMin);
  rocks.max_write_buffer_number = kMemtables;
  rocks.memtable_prefix_bloom_size_ratio = 0.05;
  rocks.memtable_whole_key_filtering = true;
  rocks.allow_concurrent_memtable_write = false;  // there is one writer
  rocks.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(kLogPrefixBytes));
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(MakeTableOptions(options)));
  rocks.file_checksum_gen_factory = MakeFileHashFactory();
  rocks.max_open_files = kOpenFilesMax;
  rocks.max_background_jobs = kBackgroundJobs;
  rocks.max_subcompactions = 1;
  if (to_disk) {
    rocks.rate_limiter.reset(
        rocksdb::NewGenericRateLimiter(MergePace::kBytesPerSecondMax, kPacedUs));
  }
  rocks.level_compaction_dynamic_level_bytes = true;
  rocks.level0_file_num_compaction_trigger = kFlushedFilesMerged;
  rocks.level0_slowdown_writes_trigger = kFlushedFilesMax;
  rocks.level0_stop_writes_trigger = kFlushedFilesMax;
  rocks.max_bytes_for_level_base = std::max(kFirstLevelBytes, options.memory_bytes());
  rocks.target_file_size_base = kFileBytes;
  rocks.bytes_per_sync = kSyncBytes;
  rocks.listeners.push_back(MakePriorityListener());
  rocks.compaction_readahead_size = kReadAheadBytes;
  // What a flush makes, and the level that it is merged into, is written anew soon.
  constexpr size_t kLevelsPlain = 2;
  const auto compression = FirstSupported({rocksdb::kLZ4Compression, rocksdb::kSnappyCompression});
  rocks.compression = compression;
  rocks.compression_per_level.assign(static_cast<size_t>(rocks.num_levels), compression);
  std::fill_n(rocks.compression_per_level.begin(), kLevelsPlain, rocksdb::kNoCompression);
  rocks.skip_stats_update_on_db_open = true;
  // RocksDB's own diary in the folder stays small, and no thread wakes up for statistics.
  rocks.info_log_level = rocksdb::WARN_LEVEL;
  rocks.max_log_file_size = size_t{1} << 20;
  rocks.keep_log_file_num = 2;
  rocks.stats_dump_period_sec = 0;
  rocks.stats_persist_period_sec = 0;
  return rocks;
}

rocksdb::ReadOptions MakeReadOptions() {
  rocksdb::ReadOptions read;
  read.verify_checksums = true;
  return read;
}

rocksdb::WriteOptions MakeWriteOptions() {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  return write;
}

}  // namespace firth::keyview
