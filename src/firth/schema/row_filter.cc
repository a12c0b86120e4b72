#include "firth/schema/row_filter.h"

#include <arrow/array/builder_base.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api_scalar.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>

#include <algorithm>
#include <utility>

namespace firth::schema {
namespace {

using arrow::Datum;

/// More spans than these, but for points, are not worth asking a row about one by one.
constexpr size_t kSpansAskedMax = 64;
/// More points than these are looked up in a set.
constexpr size_t kPointsComparedMax = 4;

Result<Datum> Call(const char* function, const Datum& a, const Datum& b) {
  return arrow::compute::CallFunction(function, {a, b});
}

/// Which values are in the span; nothing is said of nulls.
Result<Datum> InSpan(const Datum& values, const ValueSpan& span) {
  if (span.is_point()) return Call("equal", values, span.from);
  Datum in;
  if (span.from != nullptr) {
    // What is not below: NaN is above all and compares with nothing.
    ARROW_ASSIGN_OR_RAISE(in, Call(span.with_from ? "less" : "less_equal", values, span.from));
    ARROW_ASSIGN_OR_RAISE(in, arrow::compute::CallFunction("invert", {in}));
  }
  if (span.to != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const Datum below,
                          Call(span.with_to ? "less_equal" : "less", values, span.to));
    if (in.kind() == Datum::NONE) return below;
    return Call("and", in, below);
  }
  if (in.kind() == Datum::NONE) return arrow::compute::CallFunction("is_valid", {values});
  return in;
}

Result<Datum> InPoints(const Datum& values, const std::vector<ValueSpan>& points) {
  ARROW_ASSIGN_OR_RAISE(const auto builder, arrow::MakeBuilder(values.type()));
  for (const ValueSpan& point : points) {
    ARROW_RETURN_NOT_OK(builder->AppendScalar(*point.from));
  }
  ARROW_ASSIGN_OR_RAISE(const auto set, builder->Finish());
  return arrow::compute::IsIn(values, arrow::compute::SetLookupOptions(set));
}

bool ArePoints(const std::vector<ValueSpan>& spans) {
  return std::all_of(spans.begin(), spans.end(),
                     [](const ValueSpan& span) { return span.is_point(); });
}

bool IsOfType(const ValueSpan& span, const arrow::DataType& type) {
  return (span.from == nullptr || span.from->type->Equals(type)) &&
         (span.to == nullptr || span.to->type->Equals(type));
}

/// Can rows be asked for this?
bool IsAskable(const ColumnFilter& filter, const arrow::DataType& type) {
  return std::all_of(filter.spans.begin(), filter.spans.end(),
                     [&](const ValueSpan& span) { return IsOfType(span, type); }) &&
         (filter.spans.size() <= kSpansAskedMax || ArePoints(filter.spans));
}

Result<Datum> Meets(const std::shared_ptr<arrow::Array>& column,
                    const std::vector<ValueSpan>& spans) {
  const Datum values(column);
  // In a set, zero and its negative are two.
  if (spans.size() > kPointsComparedMax && ArePoints(spans) &&
      !arrow::is_floating(column->type_id())) {
    return InPoints(values, spans);
  }
  Datum met(arrow::MakeScalar(false));
  for (size_t i = 0; i < spans.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const Datum in, InSpan(values, spans[i]));
    if (i == 0) {
      met = in;
    } else {
      ARROW_ASSIGN_OR_RAISE(met, Call("or", met, in));
    }
  }
  return met;
}

/// Which rows meet the filter: an array, a scalar for all of them, or nothing where nothing is
/// asked of them.
Result<Datum> Mask(const arrow::RecordBatch& rows, const RowFilter& filter) {
  Datum mask;
  for (const ColumnFilter& one : filter) {
    const auto column = rows.GetColumnByName(one.column);
    if (column == nullptr || !IsAskable(one, *column->type())) continue;
    ARROW_ASSIGN_OR_RAISE(const Datum met, Meets(column, one.spans));
    if (met.is_scalar()) return met;
    if (mask.kind() == Datum::NONE) {
      mask = met;
    } else {
      ARROW_ASSIGN_OR_RAISE(mask, Call("and", mask, met));
    }
  }
  return mask;
}

Result<bool> IsBelow(const std::shared_ptr<arrow::Scalar>& a,
                     const std::shared_ptr<arrow::Scalar>& b) {
  ARROW_ASSIGN_OR_RAISE(const Datum below, Call("less", a, b));
  const auto& truth = below.scalar_as<arrow::BooleanScalar>();
  return truth.is_valid && truth.value;
}

/// Does `a` begin behind `b`?
bool BeginsBehind(const ValueSpan& a, const ValueSpan& b) {
  if (a.from == nullptr || b.from == nullptr) return a.from != nullptr;
  if (IsBelow(b.from, a.from).ValueOr(false)) return true;
  return !a.with_from && b.with_from && a.from->Equals(*b.from);
}
bool EndsBefore(const ValueSpan& a, const ValueSpan& b) {
  if (a.to == nullptr || b.to == nullptr) return a.to != nullptr;
  if (IsBelow(a.to, b.to).ValueOr(false)) return true;
  return !a.with_to && b.with_to && a.to->Equals(*b.to);
}
bool IsEmpty(const ValueSpan& span) {
  if (span.from == nullptr || span.to == nullptr) return false;
  if (IsBelow(span.to, span.from).ValueOr(false)) return true;
  return !(span.with_from && span.with_to) && span.from->Equals(*span.to);
}

}  // namespace

std::vector<ValueSpan> Intersection(const std::vector<ValueSpan>& a,
                                    const std::vector<ValueSpan>& b) {
  std::vector<ValueSpan> both;
  for (const ValueSpan& one : a) {
    for (const ValueSpan& other : b) {
      const ValueSpan& first = BeginsBehind(one, other) ? one : other;
      const ValueSpan& last = EndsBefore(one, other) ? one : other;
      ValueSpan span{
          .from = first.from, .to = last.to, .with_from = first.with_from, .with_to = last.with_to};
      if (!IsEmpty(span)) both.push_back(std::move(span));
    }
  }
  return both;
}

bool ValueSpan::is_point() const {
  return from != nullptr && to != nullptr && with_from && with_to && from->Equals(*to);
}

Result<std::shared_ptr<arrow::RecordBatch>> FilterRows(
    const std::shared_ptr<arrow::RecordBatch>& rows, const RowFilter& filter) {
  ARROW_ASSIGN_OR_RAISE(const Datum mask, Mask(*rows, filter));
  if (mask.kind() == Datum::NONE) return rows;
  if (mask.is_scalar()) return rows->Slice(0, 0);
  ARROW_ASSIGN_OR_RAISE(const Datum kept, arrow::compute::Filter(rows, mask));
  return kept.record_batch();
}

Result<bool> AnyRowMeets(const arrow::RecordBatch& rows, const RowFilter& filter) {
  ARROW_ASSIGN_OR_RAISE(const Datum mask, Mask(rows, filter));
  if (mask.kind() == Datum::NONE) return rows.num_rows() > 0;
  if (mask.is_scalar()) return false;
  return static_cast<const arrow::BooleanArray&>(*mask.make_array()).true_count() > 0;
}

bool MayMeet(const ColumnFilter& filter, const std::shared_ptr<arrow::Scalar>& least,
             const std::shared_ptr<arrow::Scalar>& greatest) {
  return std::any_of(filter.spans.begin(), filter.spans.end(), [&](const ValueSpan& span) {
    if (!IsOfType(span, *least->type)) return true;
    const bool ends_before = span.to != nullptr && IsBelow(span.to, least).ValueOr(false);
    const bool begins_behind = span.from != nullptr && IsBelow(greatest, span.from).ValueOr(false);
    return !ends_before && !begins_behind;
  });
}

}  // namespace firth::schema
