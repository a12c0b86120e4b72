#include "firth/table/key_ranges.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firth/lakeview/row_order.h"
#include "firth/schema/key.h"

namespace firth::table {
namespace {

using schema::ColumnFilter;
using schema::RowFilter;
using schema::ValueSpan;
using Values = std::vector<std::shared_ptr<arrow::Scalar>>;

/// More ranges cost more than to read what lies between them.
constexpr size_t kRangesMax = size_t{1} << 12;

/// What the filter says of a column, if that can be said in keys.
const ColumnFilter* FilterOf(const RowFilter& filter, const arrow::Field& field) {
  for (const ColumnFilter& one : filter) {
    if (one.column != field.name()) continue;
    const bool of_type = std::all_of(one.spans.begin(), one.spans.end(), [&](const auto& span) {
      return (span.from == nullptr || span.from->type->Equals(field.type())) &&
             (span.to == nullptr || span.to->type->Equals(field.type()));
    });
    if (of_type) return &one;
  }
  return nullptr;
}

/// The keys that begin with `before` and then have a value of the span.
Result<KeyRange> RangeOf(const schema::KeyEncoder& encoder, const Values& before,
                         const ValueSpan& span) {
  const auto key = [&](const std::shared_ptr<arrow::Scalar>& value) -> Result<std::string> {
    Values values = before;
    if (value != nullptr) values.push_back(value);
    std::string bytes;
    ARROW_RETURN_NOT_OK(encoder.EncodeScalars(values, &bytes));
    return bytes;
  };
  KeyRange range;
  ARROW_ASSIGN_OR_RAISE(range.from, key(span.from));
  if (span.from != nullptr && !span.with_from) range.from = schema::PrefixEnd(range.from);
  ARROW_ASSIGN_OR_RAISE(range.to, key(span.to));
  if (span.to == nullptr || span.with_to) range.to = schema::PrefixEnd(range.to);
  return range;
}

bool IsNowhere(const KeyRange& range) {
  return !range.to.empty() && range.from >= range.to;
}

/// One range from the first to the last of these.
std::vector<KeyRange> Hull(std::vector<KeyRange> ranges) {
  ranges = Disjoint(std::move(ranges));
  if (ranges.size() < 2) return ranges;
  return {{.from = ranges.front().from, .to = ranges.back().to}};
}

}  // namespace

std::vector<KeyRange> Disjoint(std::vector<KeyRange> ranges) {
  std::erase_if(ranges, IsNowhere);
  std::sort(ranges.begin(), ranges.end(),
            [](const KeyRange& a, const KeyRange& b) { return a.from < b.from; });
  std::vector<KeyRange> disjoint;
  for (KeyRange& range : ranges) {
    if (!disjoint.empty() && (disjoint.back().to.empty() || range.from <= disjoint.back().to)) {
      std::string& to = disjoint.back().to;
      if (!to.empty() && (range.to.empty() || range.to > to)) to = std::move(range.to);
    } else {
      disjoint.push_back(std::move(range));
    }
  }
  return disjoint;
}

Result<std::vector<KeyRange>> KeyRangesOf(const catalog::EditionInfo& edition,
                                          const RowFilter& filter) {
  ARROW_ASSIGN_OR_RAISE(const auto order, lakeview::RowOrder::Make(edition));
  if (!order.sorts() || filter.empty()) return std::vector<KeyRange>{KeyRange{}};
  const arrow::Schema& schema = *edition.newest().schema;
  std::vector<Values> begins = {{}};  // values of the first columns, each a point
  for (const int column : order.columns()) {
    const ColumnFilter* of_column = FilterOf(filter, *schema.field(column));
    if (of_column == nullptr) break;
    const auto& spans = of_column->spans;
    const bool points = std::all_of(spans.begin(), spans.end(),
                                    [](const ValueSpan& span) { return span.is_point(); });
    if (begins.size() * spans.size() > kRangesMax) {
      if (begins.size() > 1) break;  // those before tell enough
      std::vector<KeyRange> ranges;
      for (const ValueSpan& span : spans) {
        ARROW_ASSIGN_OR_RAISE(ranges.emplace_back(),
                              RangeOf(order.encoder(), begins.front(), span));
      }
      return Hull(std::move(ranges));
    }
    if (!points) {
      std::vector<KeyRange> ranges;
      for (const Values& begin : begins) {
        for (const ValueSpan& span : spans) {
          ARROW_ASSIGN_OR_RAISE(ranges.emplace_back(), RangeOf(order.encoder(), begin, span));
        }
      }
      return Disjoint(std::move(ranges));
    }
    std::vector<Values> longer;
    for (const Values& begin : begins) {
      for (const ValueSpan& span : spans) {
        longer.push_back(begin);
        longer.back().push_back(span.from);
      }
    }
    begins = std::move(longer);
  }
  std::vector<KeyRange> ranges;
  for (const Values& begin : begins) {
    ARROW_ASSIGN_OR_RAISE(ranges.emplace_back(), RangeOf(order.encoder(), begin, ValueSpan{}));
  }
  return Disjoint(std::move(ranges));
}

}  // namespace firth::table
