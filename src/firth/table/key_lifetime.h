// Which rows of a keyed edition have ended: they are left out of every read by key, while their
// removal may come later.
#pragma once

#include <cstdint>
#include <string_view>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"
#include "firth/table/row_codecs.h"

namespace firth::table {

/// The lifetime of an edition's current rows, at one instant. Must not outlive what it was made of.
class KeyLifetime {
 public:
  KeyLifetime(const catalog::EditionInfo& edition, RowCodecsCache* codecs, int64_t now_ns)
      : edition_(edition), codecs_(*codecs), now_ns_(now_ns) {}

  /// Do rows of the edition end at all?
  bool Ends() const { return edition_.spec.key_lifetime.duration_ns.has_value(); }
  /// Has a row ended, of this stored value (schema id and compact row), committed at that time?
  /// Errors: kSchemaNotFound, kCorruptBatch.
  Result<bool> HasEnded(std::string_view value, int64_t commit_time_ns) const;

 private:
  const catalog::EditionInfo& edition_;
  RowCodecsCache& codecs_;
  const int64_t now_ns_;
};

/// The record time of a stored value, ns: that of the edition's time column; without one, or where
/// it is null, that of its commit. A time beyond what nanoseconds can say stands for the last one
/// that they can. Errors: kSchemaNotFound, kCorruptBatch.
Result<int64_t> RecordTimeOf(const catalog::EditionInfo& edition, RowCodecsCache* codecs,
                             std::string_view value, int64_t commit_time_ns);

}  // namespace firth::table
