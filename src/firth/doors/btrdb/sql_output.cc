#include "firth/doors/btrdb/sql_output.h"

#include <optional>
#include <utility>

namespace firth::doors::btrdb {
namespace {

/// What a node of a hash table takes beside its bytes.
constexpr uint64_t kNodeBytes = 64;

/// So many sorted rows are enough.
uint64_t WantedOf(const SqlOutputOptions& options) {
  // Of DISTINCT some may turn out to be there twice.
  if (!options.ordered || options.distinct) return UINT64_MAX;
  return static_cast<uint64_t>(options.offset) + static_cast<uint64_t>(options.limit);
}

}  // namespace

SqlOutput::SqlOutput(const SqlOutputOptions& options, SqlSpace* space, const Emit* emit)
    : options_(options), emit_(emit), held_(space->memory), waiting_(space, WantedOf(options)) {}

bool SqlOutput::MayBeNew(const std::string& identity) {
  is_new_ = false;
  if (seen_.contains(identity)) return false;
  // Once a row was not remembered, those that come later may be equal to it.
  full_ = full_ || !held_.Take(identity.size() + kNodeBytes);
  is_new_ = !full_;
  if (is_new_) seen_.insert(identity);
  return true;
}

bool SqlOutput::Give(std::string row) {
  if (skipped_ < options_.offset) {
    ++skipped_;
    return true;
  }
  if (given_ >= options_.limit) return false;
  ++given_;
  return (*emit_)(std::move(row)) && given_ < options_.limit;
}

Result<bool> SqlOutput::Add(const std::string& order, const std::string& identity,
                            std::string row) {
  const bool decided = !options_.distinct || is_new_;
  if (decided && !options_.ordered) return Give(std::move(row));
  // What is equal comes side by side.
  ARROW_RETURN_NOT_OK(waiting_.Add(options_.distinct ? order + identity : order, row));
  return options_.limit > 0;
}

Status SqlOutput::Finish() {
  seen_.clear();
  held_.Give();
  std::optional<std::string> last;
  return waiting_.ForEach([&](std::string_view key, std::string_view row) -> Result<bool> {
    if (options_.distinct && last == key) return true;
    if (options_.distinct) last = key;
    return Give(std::string(row));
  });
}

}  // namespace firth::doors::btrdb
