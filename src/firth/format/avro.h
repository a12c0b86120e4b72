// Writing Avro: values in its binary encoding, and object container files of them. The
// specification's encoding is small, and the distribution's library keeps neither a schema's own
// attributes nor metadata of ours in a file's header, which those who read such files look for.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace firth::format {

/// Appends values in the order of their schema's fields. One thread at a time.
class AvroEncoder {
 public:
  /// int and long alike; also the index of a union's branch, and the count that begins a block.
  void Long(int64_t value);
  void Boolean(bool value) { bytes_ += value ? '\x01' : '\x00'; }
  /// string and bytes alike.
  void Text(std::string_view value);
  void Fixed(std::string_view value) { bytes_ += value; }

  /// A union of null and something: its null, or the beginning of the something.
  void Null() { Long(0); }
  void Some() { Long(1); }

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// A container file with `count` records in one block, not compressed. `metadata` stands in the
/// header beside the schema; `sync` is 16 random bytes.
std::string AvroFile(std::string_view schema_json,
                     const std::map<std::string, std::string>& metadata, int64_t count,
                     const std::string& records, std::string_view sync);

}  // namespace firth::format
