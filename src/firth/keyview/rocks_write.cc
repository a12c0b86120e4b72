#include "firth/keyview/rocks_write.h"

#include <rocksdb/sst_file_writer.h>
#include <rocksdb/write_batch.h>

#include <string>
#include <string_view>

#include "firth/common/clock.h"
#include "firth/keyview/key_format.h"
#include "firth/keyview/rocks_options.h"
#include "firth/keyview/rocks_status.h"

namespace firth::keyview {
namespace {

rocksdb::Slice ToSlice(std::string_view text) {
  return {text.data(), text.size()};
}

std::string WatermarkBytes(int64_t watermark) {
  std::string bytes;
  AppendLe(&bytes, watermark);
  return bytes;
}

/// Put everything into a WriteBatch or an SstFileWriter, in the order of keys.
template <typename Target>
rocksdb::Status PutAll(const std::vector<KeyStatePtr>& states, std::optional<int64_t> watermark,
                       Target* target) {
  rocksdb::Status status;
  // Its key lies before those of all logs.
  if (watermark) {
    status = target->Put(std::string(kWatermarkKey), WatermarkBytes(*watermark));
  }
  constexpr size_t kAhead = 8;
  for (size_t i = 0; i < states.size() && status.ok(); ++i) {
    if (i + kAhead < states.size()) states[i + kAhead].Prefetch();
    const KeyState& state = *states[i];
    if (i + 1 < states.size() && states[i + 1]->stored_key() == state.stored_key()) continue;
    status = state.gone() ? target->Delete(ToSlice(state.stored_key()))
                          : target->Put(ToSlice(state.stored_key()), ToSlice(state.stored_row()));
  }
  return status;
}

rocksdb::Status WriteBatch(rocksdb::DB* db, const std::vector<KeyStatePtr>& states,
                           std::optional<int64_t> watermark, uint64_t bytes) {
  rocksdb::WriteBatch batch(bytes);
  const rocksdb::Status status = PutAll(states, watermark, &batch);
  return status.ok() ? db->Write(MakeWriteOptions(), &batch) : status;
}

rocksdb::Status WriteFile(rocksdb::DB* db, const std::string& path,
                          const std::vector<KeyStatePtr>& states,
                          std::optional<int64_t> watermark) {
  rocksdb::Options options = db->GetOptions();
  // It is merged, and so written anew, soon.
  options.compression_per_level.clear();
  options.compression = rocksdb::kNoCompression;
  // A file is taken even when merging is far behind; a write waits.
  rocksdb::WriteBatch nothing;
  rocksdb::Status status = db->Write(MakeWriteOptions(), &nothing);
  if (!status.ok()) return status;
  // What was left there may be another name of a file in use: it is never written over.
  status = options.env->DeleteFile(path);
  if (!status.ok() && !status.IsNotFound() && options.env->FileExists(path).ok()) return status;
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(options), options, db->DefaultColumnFamily(),
                                /*invalidate_page_cache=*/false);
  status = writer.Open(path);
  if (status.ok()) status = PutAll(states, watermark, &writer);
  if (status.ok()) status = writer.Finish();
  // What was written before it must not be on disk later than the file: see rocks_generation.h.
  if (status.ok()) status = db->Flush(rocksdb::FlushOptions());
  if (status.ok()) {
    rocksdb::IngestExternalFileOptions take;
    take.move_files = true;
    take.write_global_seqno = false;  // the file's hash stays what it is
    status = db->IngestExternalFile({path}, take);
  }
  if (!status.ok()) static_cast<void>(options.env->DeleteFile(path));
  return status;
}

}  // namespace

Status WriteStates(RocksGeneration* generation, const std::vector<KeyStatePtr>& states,
                   std::optional<int64_t> watermark, uint64_t file_bytes_min) {
  uint64_t bytes = 64;
  for (const KeyStatePtr& state : states) bytes += state->memory_bytes();
  rocksdb::DB* const db = generation->db();
  if (bytes < file_bytes_min) {
    return FromRocks(WriteBatch(db, states, watermark, bytes), "be written", generation->folder());
  }
  ARROW_RETURN_NOT_OK(
      FromRocks(WriteFile(db, generation->folder() + "/incoming", states, watermark), "be written",
                generation->folder()));
  generation->PaceMerging(SystemClock().MonotonicNs());
  return Status::OK();
}

}  // namespace firth::keyview
