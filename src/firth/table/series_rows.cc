#include "firth/table/series_rows.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "firth/common/text.h"
#include "firth/log/side.h"

namespace firth::table {
namespace {

constexpr int64_t kBatchRows = 16 * 1024;
constexpr char kUuid[] = "uuid";
constexpr char kTime[] = "time";
constexpr char kValue[] = "value";
/// The tags that are columns.
constexpr std::array<const char*, 4> kTags = {"name", "unit", "ingress", "distiller"};

bool IsTag(const std::string& column) {
  return std::any_of(kTags.begin(), kTags.end(), [&](const char* tag) { return column == tag; });
}

/// What a series says in a column of facts; nothing for a tag of a series that is gone.
std::optional<std::string> FactOf(const SeriesId& id, const SeriesPtr& series,
                                  const std::string& column) {
  if (column == kUuid) return UuidToText(id.view());
  if (series == nullptr) return std::nullopt;
  const auto found = series->tags.find(column);
  return found == series->tags.end() ? std::string() : found->second;
}

Status Append(const std::optional<std::string>& fact, int64_t count,
              arrow::StringBuilder* builder) {
  if (!fact.has_value()) return builder->AppendNulls(count);
  ARROW_RETURN_NOT_OK(builder->Reserve(count));
  ARROW_RETURN_NOT_OK(builder->ReserveData(count * static_cast<int64_t>(fact->size())));
  for (int64_t i = 0; i < count; ++i) builder->UnsafeAppend(*fact);
  return Status::OK();
}

template <typename T>
std::shared_ptr<arrow::Array> Column(const std::shared_ptr<arrow::DataType>& type,
                                     const std::vector<T>& values) {
  return arrow::MakeArray(arrow::ArrayData::Make(type, static_cast<int64_t>(values.size()),
                                                 {nullptr, arrow::Buffer::FromVector(values)}, 0));
}

/// A time of a filter in nanoseconds, if it is one.
std::optional<int64_t> NanosOf(const std::shared_ptr<arrow::Scalar>& time) {
  if (time == nullptr || !time->type->Equals(arrow::timestamp(arrow::TimeUnit::NANO, "UTC"))) {
    return std::nullopt;
  }
  return static_cast<const arrow::TimestampScalar&>(*time).value;
}

}  // namespace

bool IsCollection(const catalog::EditionInfo& edition) {
  return (edition.spec.views & catalog::kTimeView) != 0 &&
         edition.spec.series_by == std::vector<std::string>{kUuid};
}

std::shared_ptr<arrow::Schema> CollectionStoredSchema() {
  return arrow::schema(
      {arrow::field(kTime, arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), /*nullable=*/false),
       arrow::field(kValue, arrow::float64(), /*nullable=*/false)});
}

std::shared_ptr<arrow::Schema> CollectionShownSchema(const arrow::Schema& stored) {
  arrow::FieldVector fields = {arrow::field(kUuid, arrow::utf8())};
  for (const char* tag : kTags) fields.push_back(arrow::field(tag, arrow::utf8()));
  fields.insert(fields.end(), stored.fields().begin(), stored.fields().end());
  return arrow::schema(std::move(fields));
}

namespace {

struct RowRange {
  int64_t begin = 0;
  int64_t end = 0;
};

/// A column of 8 bytes a row in which these rows say `blank`.
template <typename T>
std::shared_ptr<arrow::Array> Blanked(const arrow::Array& column, const std::vector<RowRange>& gone,
                                      T blank) {
  const T* first = column.data()->template GetValues<T>(1);
  std::vector<T> values(first, first + column.length());
  for (const RowRange& range : gone) {
    std::fill(values.begin() + range.begin, values.begin() + range.end, blank);
  }
  return Column(column.type(), values);
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> JoinSeries(const arrow::RecordBatch& rows,
                                                       const JoinedEntry& entry,
                                                       const FindSeries& find) {
  std::vector<int> facts;
  for (int i = 0; i < rows.num_columns(); ++i) {
    const std::string& name = rows.column_name(i);
    if (name == kUuid || IsTag(name)) facts.push_back(i);
  }
  arrow::ArrayVector columns = rows.columns();
  ARROW_ASSIGN_OR_RAISE(const auto runs, log::ParseInsertRuns(entry.side));
  std::vector<arrow::StringBuilder> builders(facts.size());
  std::vector<RowRange> gone;
  int64_t at = 0;
  const int64_t end = entry.skip + rows.num_rows();
  for (const log::InsertRun& run : runs) {
    const int64_t from = std::max(at, entry.skip);
    at += run.rows;
    const int64_t count = std::min(at, end) - from;
    if (count <= 0) continue;
    const SeriesId id = SeriesId::From(run.series);
    ARROW_ASSIGN_OR_RAISE(const SeriesPtr series, find(id));
    if (series == nullptr) gone.push_back({from - entry.skip, from - entry.skip + count});
    for (size_t i = 0; i < facts.size(); ++i) {
      ARROW_RETURN_NOT_OK(
          Append(FactOf(id, series, rows.column_name(facts[i])), count, &builders[i]));
    }
  }
  if (at < end) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the series of an entry's rows are fewer than its rows");
  }
  for (size_t i = 0; i < facts.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(columns[static_cast<size_t>(facts[i])], builders[i].Finish());
  }
  for (int i = 0; i < rows.num_columns() && !gone.empty(); ++i) {
    auto& column = columns[static_cast<size_t>(i)];
    if (rows.column_name(i) == kTime)
      column = Blanked<int64_t>(*column, gone, entry.commit_time_ns);
    if (rows.column_name(i) == kValue) column = Blanked<double>(*column, gone, NAN);
  }
  return arrow::RecordBatch::Make(rows.schema(), rows.num_rows(), std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> SeriesRowReader::RowsOf(
    const SeriesInfo& series, const timeview::PointBatch& points) const {
  const auto count = static_cast<int64_t>(points.size());
  const auto info = std::make_shared<SeriesInfo>(series);
  arrow::ArrayVector columns;
  for (const auto& field : schema_->fields()) {
    if (field->name() == kTime) {
      columns.push_back(Column(field->type(), points.times));
      continue;
    }
    if (field->name() == kValue) {
      columns.push_back(Column(field->type(), points.values));
      continue;
    }
    arrow::StringBuilder builder;
    ARROW_RETURN_NOT_OK(Append(FactOf(series.id, info, field->name()), count, &builder));
    ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), builder.Finish());
  }
  return arrow::RecordBatch::Make(schema_, count, std::move(columns));
}

std::optional<PointTimes> TimesOf(const schema::RowFilter& filter) {
  PointTimes times;
  for (const schema::ColumnFilter& one : filter) {
    if (one.column != kTime) continue;
    PointTimes hull{.from = timeview::kTimeTop, .to = timeview::kTimeMin};
    for (const schema::ValueSpan& span : one.spans) {
      const auto from = NanosOf(span.from);
      const auto to = NanosOf(span.to);
      hull.from = std::min(hull.from, from.value_or(timeview::kTimeMin));
      const bool open = !to.has_value() || *to >= timeview::kTimeTop;
      hull.to = std::max(hull.to, open ? timeview::kTimeTop : *to + 1);
    }
    times.from = std::max(times.from, hull.from);
    times.to = std::min(times.to, hull.to);
  }
  if (times.from >= times.to) return std::nullopt;
  return times;
}

Result<bool> MayMeet(const SeriesInfo& series, const schema::RowFilter& filter) {
  const auto info = std::make_shared<SeriesInfo>(series);
  arrow::FieldVector fields;
  arrow::ArrayVector facts;
  for (const schema::ColumnFilter& one : filter) {
    if (one.column != kUuid && !IsTag(one.column)) continue;
    arrow::StringBuilder builder;
    ARROW_RETURN_NOT_OK(Append(FactOf(series.id, info, one.column), 1, &builder));
    ARROW_ASSIGN_OR_RAISE(facts.emplace_back(), builder.Finish());
    fields.push_back(arrow::field(one.column, arrow::utf8()));
  }
  if (facts.empty()) return true;
  return schema::AnyRowMeets(*arrow::RecordBatch::Make(arrow::schema(fields), 1, facts), filter);
}

Status SeriesRowReader::ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) {
  rows->reset();
  while (true) {
    if (cursor_ == nullptr) {
      if (next_ == sources_.size()) return Status::OK();
      ARROW_ASSIGN_OR_RAISE(cursor_, sources_[next_++].snapshot.Points(times_.from, times_.to));
    }
    timeview::PointBatch points;
    ARROW_RETURN_NOT_OK(cursor_->Next(kBatchRows, &points));
    if (points.size() == 0) {
      cursor_.reset();
      continue;
    }
    return RowsOf(*sources_[next_ - 1].series, points).Value(rows);
  }
}

}  // namespace firth::table
