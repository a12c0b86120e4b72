#include "firth/table/entry_filter.h"

#include <arrow/scalar.h>
#include <arrow/type.h>

#include <algorithm>

#include "firth/lakeview/stored_types.h"

namespace firth::table {
namespace {

std::shared_ptr<arrow::Scalar> TimeOf(int64_t time_ns) {
  return std::make_shared<arrow::TimestampScalar>(time_ns,
                                                  arrow::timestamp(arrow::TimeUnit::NANO, "UTC"));
}

}  // namespace

EntryFilter::EntryFilter(const schema::RowFilter& filter,
                         const std::shared_ptr<arrow::Schema>& shown, bool as_stored) {
  arrow::FieldVector fields;
  for (const schema::ColumnFilter& one : filter) {
    const auto field = shown->GetFieldByName(one.column);
    if (field == nullptr) {
      hidden_.push_back(one);
    } else if (as_stored) {
      rows_.push_back(one);
      fields.push_back(field);
    }
  }
  if (!fields.empty()) columns_ = arrow::schema(std::move(fields));
}

bool EntryFilter::May(const log::StoredEntry& entry) const {
  return std::all_of(hidden_.begin(), hidden_.end(), [&](const schema::ColumnFilter& one) {
    if (one.column == lakeview::kOffsetColumn) {
      return schema::MayMeet(one, arrow::MakeScalar(entry.base_offset.value),
                             arrow::MakeScalar(entry.end_offset().value - 1));
    }
    if (one.column == lakeview::kCommitColumn) {
      const auto commit = arrow::MakeScalar(entry.commit.value);
      return schema::MayMeet(one, commit, commit);
    }
    if (one.column == lakeview::kTimeColumn) {
      const auto time = TimeOf(entry.commit_time_ns);
      return schema::MayMeet(one, time, time);
    }
    return true;
  });
}

void EntryFilter::Note(bool any) {
  ++asked_;
  if (!any) ++skipped_;
}

}  // namespace firth::table
