#include "firth/table/key_lifetime.h"

#include <vector>

#include "firth/common/bytes.h"

namespace firth::table {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

/// A time as it stands in a compact row (schema/row.h): milliseconds, and for the finer units
/// nanoseconds behind them; or nanoseconds as a plain number.
int64_t TimeNs(const arrow::DataType& type, std::string_view bytes) {
  ByteReader reader(AsBytes(bytes));
  const auto number = static_cast<int64_t>(reader.Varint());
  if (type.id() != arrow::Type::TIMESTAMP) return number;
  int64_t ns = 0;
  if (__builtin_mul_overflow(number, kNsPerMs, &ns)) return number < 0 ? INT64_MIN : INT64_MAX;
  if (static_cast<const arrow::TimestampType&>(type).unit() > arrow::TimeUnit::MILLI) {
    const auto within = static_cast<int64_t>(reader.Varint(32));
    if (__builtin_add_overflow(ns, within, &ns)) return INT64_MAX;
  }
  return ns;
}

}  // namespace

Result<int64_t> RecordTimeOf(const catalog::EditionInfo& edition, RowCodecsCache* codecs,
                             std::string_view value, int64_t commit_time_ns) {
  if (edition.spec.time_column.empty()) return commit_time_ns;
  const SchemaId schema(LoadLe<int16_t>(value.data()));
  ARROW_ASSIGN_OR_RAISE(const RowCodecsPtr of_row, codecs->Get(edition, schema));
  const int column = of_row->schema->GetFieldIndex(edition.spec.time_column);
  if (column < 0) return commit_time_ns;
  std::vector<std::string_view> columns;
  std::vector<bool> null;
  ARROW_RETURN_NOT_OK(of_row->row->Split(value.substr(sizeof(int16_t)), &columns, &null));
  const auto c = static_cast<size_t>(column);
  if (null[c]) return commit_time_ns;
  return TimeNs(*of_row->schema->field(column)->type(), columns[c]);
}

Result<bool> KeyLifetime::HasEnded(std::string_view value, int64_t commit_time_ns) const {
  const catalog::Lifetime& lifetime = edition_.spec.key_lifetime;
  if (!lifetime.duration_ns.has_value()) return false;
  int64_t time_ns = commit_time_ns;
  if (lifetime.by != catalog::LifetimeBy::kCommitTime) {
    ARROW_ASSIGN_OR_RAISE(time_ns, RecordTimeOf(edition_, &codecs_, value, commit_time_ns));
  }
  int64_t end_ns = 0;
  return !__builtin_add_overflow(time_ns, *lifetime.duration_ns, &end_ns) && end_ns <= now_ns_;
}

}  // namespace firth::table
