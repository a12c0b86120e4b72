// Partitions of an edition.
#include <arrow/compute/cast.h>
#include <arrow/scalar.h>

#include <algorithm>

#include "firth/common/text.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

constexpr size_t kPartitionValueBytesMax = 200;

Status CheckValues(const EditionInfo& edition, const std::vector<std::string>& values) {
  if (edition.spec.partition_by.empty()) {
    return Error(Code::kInvalidArgument, Reason::kNotPartitioned, "the table is not partitioned");
  }
  if (values.size() != edition.spec.partition_by.size()) {
    return Error(Code::kInvalidArgument, Reason::kInvalidPartition,
                 "a partition needs " + std::to_string(edition.spec.partition_by.size()) +
                     " values, not " + std::to_string(values.size()));
  }
  for (const std::string& value : values) {
    if (value.empty() || value.size() > kPartitionValueBytesMax || !IsUtf8(value)) {
      return Error(Code::kInvalidArgument, Reason::kInvalidPartition,
                   "a partition value is UTF-8 text of 1 to 200 bytes");
    }
  }
  return Status::OK();
}

/// `2026-01-02T03:04:05.678Z` in the letters that a partition's name may have.
std::string TimestampText(int64_t ns) {
  std::string text = FormatTimeNs(ns);
  text.pop_back();
  std::string fraction;
  if (const size_t dot = text.find('.'); dot != std::string::npos) {
    fraction = text.substr(dot + 1);
    text.resize(dot);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  }
  std::replace(text.begin(), text.end(), 'T', '-');
  std::replace(text.begin(), text.end(), ':', '-');
  return text + "_" + fraction;
}

Result<int64_t> NanosOf(const arrow::Scalar& value, arrow::TimeUnit::type unit) {
  static constexpr int64_t kFactors[] = {1'000'000'000, 1'000'000, 1'000, 1};
  ARROW_ASSIGN_OR_RAISE(const auto raw, value.CastTo(arrow::int64()));
  return static_cast<const arrow::Int64Scalar&>(*raw).value * kFactors[unit];
}

}  // namespace

Result<std::string> PartitionText(const arrow::Scalar& value) {
  if (!value.is_valid) {
    return Error(Code::kInvalidArgument, Reason::kInvalidPartition,
                 "a partition column must not be null");
  }
  switch (value.type->id()) {
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return value.ToString();
    case arrow::Type::BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::LARGE_BINARY:
      return ToHex(static_cast<const arrow::BaseBinaryScalar&>(value).view());
    case arrow::Type::TIMESTAMP: {
      ARROW_ASSIGN_OR_RAISE(
          const int64_t ns,
          NanosOf(value, static_cast<const arrow::TimestampType&>(*value.type).unit()));
      return TimestampText(ns);
    }
    case arrow::Type::TIME32:
    case arrow::Type::TIME64: {
      ARROW_ASSIGN_OR_RAISE(
          const int64_t ns,
          NanosOf(value, static_cast<const arrow::TimeType&>(*value.type).unit()));
      std::string text = FormatTimeNs(ns / 1'000'000 * 1'000'000);  // 1970-01-01THH:MM:SS[.mmm]Z
      std::string time = text.substr(11, 8);
      std::replace(time.begin(), time.end(), ':', '-');
      return time + "_" + (text.size() > 20 ? text.substr(20, 3) : "000");
    }
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE: {
      std::string text = value.ToString();
      std::replace(text.begin(), text.end(), '.', '_');
      return text;
    }
    default:
      if (arrow::is_nested(value.type->id())) {
        return Error(Code::kInvalidArgument, Reason::kInvalidPartition,
                     "a partition column cannot have the type " + value.type->ToString());
      }
      return value.ToString();  // integers, booleans, decimals, dates
  }
}

Result<PartitionInfo> DatabaseImpl::CreatePartition(const Caller& caller, const TableInfo& table,
                                                    const std::vector<std::string>& values) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kWrite, table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  ARROW_RETURN_NOT_OK(CheckValues(*edition, values));
  std::lock_guard lock(definition_mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto present, catalog_->ListPartitions(edition->id));
  const bool exists = std::any_of(present.begin(), present.end(),
                                  [&](const PartitionInfo& info) { return info.values == values; });
  if (!exists && static_cast<int64_t>(present.size()) >= kPartitionsMax) {
    return Error(Code::kResourceExhausted, Reason::kTooManyPartitions,
                 "table '" + table.path.ToString() + "' has " + std::to_string(present.size()) +
                     " partitions; " + std::to_string(kPartitionsMax) + " is the most");
  }
  ARROW_RETURN_NOT_OK(ChangeCatalog([&](catalog::Changes* changes) {
    return changes->CreatePartition(edition->id, values, edition->spec.bucket_count).status();
  }));
  return catalog_->FindPartition(edition->id, values);
}

Status DatabaseImpl::DropPartition(const Caller& caller, const TableInfo& table,
                                   const std::vector<std::string>& values) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kWrite, table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  ARROW_RETURN_NOT_OK(CheckValues(*edition, values));
  std::lock_guard lock(definition_mutex_);
  ARROW_ASSIGN_OR_RAISE(const PartitionInfo partition,
                        catalog_->FindPartition(edition->id, values));
  return ChangeCatalog(
      [&](catalog::Changes* changes) { return changes->DropPartition(partition.id); });
}

Result<std::vector<PartitionInfo>> DatabaseImpl::ListPartitions(const Caller& caller,
                                                                const TableInfo& table) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kSee, table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  return catalog_->ListPartitions(edition->id);
}

}  // namespace firth::table
