// The 16-byte ids that clients see: a UUID of version 8 that says what kind of thing it names and
// the number that the engine knows it by, so that none needs to be looked up or kept.
//
//   0-5 of this store, random once | 6: 0x80 + kind | 7: 0 | 8: 0x80 | 9-15 the number, big-endian
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::beneath {

enum class IdKind : uint8_t {
  kOrganization = 1,
  kProject = 2,
  kTable = 3,
  kInstance = 4,  // an edition
  kUser = 5,
  kService = 6,
  kSecret = 7,
  kTicket = 8,
  kWrite = 9,  // a commit
  kJob = 10,
  kForeignProject = 11,  // a namespace that another door made
};

class Ids {
 public:
  explicit Ids(std::string store) : store_(std::move(store)) {}  // 6 bytes

  /// 16 bytes.
  std::string Make(IdKind kind, int64_t number) const;
  /// The number in 16 bytes of that kind, or nullopt.
  std::optional<int64_t> Read(IdKind kind, std::string_view bytes) const;
  /// The same as text: lower-case with dashes.
  std::string MakeText(IdKind kind, int64_t number) const;
  /// Error kInvalidArgument for text that is not a UUID; `not found` for one of another kind.
  Result<int64_t> ReadText(IdKind kind, std::string_view text, const char* what) const;

 private:
  const std::string store_;
};

}  // namespace firth::doors::beneath
