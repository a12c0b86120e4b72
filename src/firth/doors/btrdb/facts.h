// What this door's clients say of streams, checked, as the engine has it.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <map>
#include <optional>
#include <string>

#include "btrdb.pb.h"
#include "firth/common/path.h"
#include "firth/common/status.h"
#include "firth/table/series.h"

namespace firth::doors::btrdb {

/// A check that failed, with the code of its reply.
struct Refusal {
  uint32_t code = 0;
  std::string message;
};

/// The series that 16 bytes name; refused with 421 otherwise.
std::optional<Refusal> ReadId(const std::string& uuid, table::SeriesId* id);
/// A collection `a/b` as the path of that many segments; refused with 407 when it is empty, too
/// long, not UTF-8, or holds NUL.
std::optional<Refusal> ReadCollection(const std::string& text, Path* path);
std::string CollectionText(const Path& path);
/// Tags by key; refused with 408 for an unknown key and 409 for a bad value.
std::optional<Refusal> ReadTags(const google::protobuf::RepeatedPtrField<v5api::KeyOptValue>& pairs,
                                std::map<std::string, std::string>* tags);
std::optional<Refusal> ReadAnnotations(
    const google::protobuf::RepeatedPtrField<v5api::KeyOptValue>& pairs,
    std::map<std::string, std::optional<std::string>>* annotations);
std::optional<Refusal> CheckTagKey(const std::string& key);

/// The four tags that every stream has, empty.
std::map<std::string, std::string> EmptyTags();
void WriteDescriptor(const table::SeriesInfo& series, v5api::StreamDescriptor* out);

}  // namespace firth::doors::btrdb
