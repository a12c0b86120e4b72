// A keyed table as a map and a list, for tests: what each merge rule and image must make of writes,
// told in plain values, without a byte of the real one.
#pragma once

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/random.h"
#include "firth/common/status.h"
#include "firth/log/batch.h"

namespace firth::table::model {

using catalog::LogImage;
using catalog::MergeRule;
using log::Change;

/// Decimals are their unscaled numbers.
using Value = std::variant<int64_t, double, bool, std::string>;
using Cell = std::optional<Value>;
using Row = std::vector<Cell>;
/// The key: columns 0 (int32) and 1 (text).
using Key = std::pair<int64_t, std::string>;

/// Columns by their place.
inline constexpr size_t kA = 0;        // key, int32
inline constexpr size_t kB = 1;        // key, text
inline constexpr size_t kVersion = 2;  // int64; also "sum" of an aggregate
inline constexpr size_t kProduct = 3;  // int32
inline constexpr size_t kDecimal = 4;  // decimal(5, 2), "sum"
inline constexpr size_t kMax = 5;      // float64
inline constexpr size_t kMin = 6;      // int32
inline constexpr size_t kLast = 7;     // text, last_value
inline constexpr size_t kLastSet = 8;  // text, last_value_ignore_nulls (also the default)
inline constexpr size_t kFirst = 9;    // text, first_value
inline constexpr size_t kList = 10;    // text, listagg(; )
inline constexpr size_t kAnd = 11;     // bool
inline constexpr size_t kOr = 12;      // bool
inline constexpr size_t kColumns = 13;

std::shared_ptr<arrow::Schema> Schema();
std::map<std::string, std::string> Aggregates();
/// Rows as Arrow has them, under Schema().
std::shared_ptr<arrow::RecordBatch> ToArrow(const std::vector<Row>& rows);
Row RandomRow(Random* random, const Key& key);
Key KeyOf(const Row& row);

struct Effect {
  log::Change change;
  Row row;
};

/// One record of a write.
struct Record {
  Key key;
  std::optional<Row> row;  // none: delete
};

/// One bucket.
class Table {
 public:
  explicit Table(const catalog::EditionSpec& spec) : spec_(spec) {}

  /// Apply one batch: all its records, or none if one is refused (nullopt). Returns its effects.
  std::optional<std::vector<Effect>> Apply(const std::vector<Record>& records,
                                           const std::vector<int>& targets);

  const std::map<Key, Row>& rows() const { return rows_; }

 private:
  struct Targets {
    std::vector<bool> has;
    bool all = true;
    bool key_only = false;
  };
  void Upsert(const Row& row, const Targets& targets, std::vector<Effect>* effects);
  void Delete(const Key& key, const Targets& targets, std::vector<Effect>* effects);
  void Update(Row* held, Row next, std::vector<Effect>* effects);
  Row Aggregate(const Row& old, const Row& row, const Targets& targets) const;

  const catalog::EditionSpec spec_;
  std::map<Key, Row> rows_;
};

// --- What follows is how.

namespace internal {

inline constexpr int64_t kDecimalEnd = 100'000;  // five digits

inline int64_t Int(const Cell& cell) {
  return std::get<int64_t>(*cell);
}

/// A cell of some column, null now and then.
inline Cell RandomCell(Random* random, size_t column) {
  if (random->Next64() % 5 == 0) return std::nullopt;
  const uint64_t draw = random->Next64();
  switch (column) {
    case kVersion:
      return static_cast<int64_t>(draw % 40) - 10;
    case kProduct:
      return static_cast<int64_t>(static_cast<int32_t>(draw % 4000) - 1000);
    case kDecimal:
      return static_cast<int64_t>(draw % 60'000) - 30'000;
    case kMax:
      return static_cast<double>(draw % 1000) / 8 - 50;
    case kMin:
      return static_cast<int64_t>(static_cast<int32_t>(draw >> 32));
    case kAnd:
    case kOr:
      return (draw & 1) != 0;
    default:
      return std::string(draw % 4, static_cast<char>('a' + draw / 4 % 26));
  }
}

inline Cell Fold(size_t column, const Cell& old, const Cell& row) {
  if (column == kLast) return row;
  if (column == kFirst) return old.has_value() ? old : row;
  if (!row.has_value()) return old;
  if (!old.has_value() || column == kLastSet) return row;
  switch (column) {
    case kVersion:
      return static_cast<int64_t>(static_cast<uint64_t>(Int(old)) +
                                  static_cast<uint64_t>(Int(row)));
    case kProduct:
      return int64_t{static_cast<int32_t>(static_cast<uint32_t>(Int(old) * Int(row)))};
    case kDecimal: {
      const int64_t sum = Int(old) + Int(row);
      return sum > -kDecimalEnd && sum < kDecimalEnd ? Cell(sum) : Cell();
    }
    case kMax:
      return std::max(std::get<double>(*old), std::get<double>(*row));
    case kMin:
      return std::min(Int(old), Int(row));
    case kList:
      return std::get<std::string>(*old) + "; " + std::get<std::string>(*row);
    case kAnd:
      return std::get<bool>(*old) && std::get<bool>(*row);
    case kOr:
      return std::get<bool>(*old) || std::get<bool>(*row);
    default:
      FIRTH_CHECK(false);
      return {};
  }
}

template <typename Builder, typename Convert>
std::shared_ptr<arrow::Array> Column(Builder* builder, const std::vector<Row>& rows, size_t column,
                                     const Convert& convert) {
  for (const Row& row : rows) {
    const Cell& cell = row[column];
    const Status status =
        cell.has_value() ? builder->Append(convert(*cell)) : builder->AppendNull();
    FIRTH_CHECK(status.ok());
  }
  return builder->Finish().ValueOrDie();
}

}  // namespace internal

inline std::shared_ptr<arrow::Schema> Schema() {
  static const auto schema =
      arrow::schema({arrow::field("a", arrow::int32(), false),
                     arrow::field("b", arrow::utf8(), false), arrow::field("v", arrow::int64()),
                     arrow::field("p", arrow::int32()), arrow::field("d", arrow::decimal128(5, 2)),
                     arrow::field("x", arrow::float64()), arrow::field("n", arrow::int32()),
                     arrow::field("l", arrow::utf8()), arrow::field("i", arrow::utf8()),
                     arrow::field("f", arrow::utf8()), arrow::field("g", arrow::utf8()),
                     arrow::field("y", arrow::boolean()), arrow::field("z", arrow::boolean())});
  return schema;
}

inline std::map<std::string, std::string> Aggregates() {
  return {{"v", "sum"},      {"p", "product"},    {"d", "sum"},         {"x", "max"},
          {"n", "min"},      {"l", "last_value"}, {"f", "first_value"}, {"g", "listagg(; )"},
          {"y", "bool_and"}, {"z", "bool_or"}};
}

inline std::shared_ptr<arrow::RecordBatch> ToArrow(const std::vector<Row>& rows) {
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (size_t c = 0; c < kColumns; ++c) {
    const auto& type = Schema()->field(static_cast<int>(c))->type();
    switch (type->id()) {
      case arrow::Type::INT32: {
        arrow::Int32Builder builder;
        columns.push_back(internal::Column(&builder, rows, c, [](const Value& value) {
          return static_cast<int32_t>(std::get<int64_t>(value));
        }));
        break;
      }
      case arrow::Type::INT64: {
        arrow::Int64Builder builder;
        columns.push_back(internal::Column(
            &builder, rows, c, [](const Value& value) { return std::get<int64_t>(value); }));
        break;
      }
      case arrow::Type::DECIMAL128: {
        arrow::Decimal128Builder builder(type);
        columns.push_back(internal::Column(&builder, rows, c, [](const Value& value) {
          return arrow::Decimal128(std::get<int64_t>(value));
        }));
        break;
      }
      case arrow::Type::DOUBLE: {
        arrow::DoubleBuilder builder;
        columns.push_back(internal::Column(
            &builder, rows, c, [](const Value& value) { return std::get<double>(value); }));
        break;
      }
      case arrow::Type::BOOL: {
        arrow::BooleanBuilder builder;
        columns.push_back(internal::Column(
            &builder, rows, c, [](const Value& value) { return std::get<bool>(value); }));
        break;
      }
      default: {
        arrow::StringBuilder builder;
        columns.push_back(internal::Column(
            &builder, rows, c, [](const Value& value) { return std::get<std::string>(value); }));
      }
    }
  }
  return arrow::RecordBatch::Make(Schema(), static_cast<int64_t>(rows.size()), std::move(columns));
}

inline Row RandomRow(Random* random, const Key& key) {
  Row row(kColumns);
  row[kA] = key.first;
  row[kB] = key.second;
  for (size_t c = kVersion; c < kColumns; ++c) row[c] = internal::RandomCell(random, c);
  return row;
}

inline Key KeyOf(const Row& row) {
  return {internal::Int(row[kA]), std::get<std::string>(*row[kB])};
}

inline std::optional<std::vector<Effect>> Table::Apply(const std::vector<Record>& records,
                                                       const std::vector<int>& target_columns) {
  Targets targets;
  targets.has.assign(kColumns, target_columns.empty());
  for (const int column : target_columns) targets.has[static_cast<size_t>(column)] = true;
  targets.all = std::count(targets.has.begin(), targets.has.end(), true) == kColumns;
  targets.key_only = std::count(targets.has.begin(), targets.has.end(), true) == 2;
  if (!targets.all && (spec_.merge == MergeRule::kFirst || spec_.merge == MergeRule::kGreatest)) {
    return std::nullopt;
  }
  for (const Record& record : records) {
    if (!record.row.has_value() && spec_.refuse_deletes) return std::nullopt;
  }
  std::vector<Effect> effects;
  for (const Record& record : records) {
    if (record.row.has_value()) {
      Upsert(*record.row, targets, &effects);
    } else {
      Delete(record.key, targets, &effects);
    }
  }
  return effects;
}

inline void Table::Update(Row* held, Row next, std::vector<Effect>* effects) {
  if (spec_.image == LogImage::kFull) effects->push_back({Change::kUpdateBefore, *held});
  effects->push_back({Change::kUpdateAfter, next});
  *held = std::move(next);
}

inline void Table::Upsert(const Row& row, const Targets& targets, std::vector<Effect>* effects) {
  Row given = row;
  for (size_t c = 0; c < kColumns; ++c) {
    if (!targets.has[c]) given[c] = std::nullopt;
  }
  const auto held = rows_.find(KeyOf(row));
  if (held == rows_.end()) {
    const bool blind =
        spec_.image == LogImage::kAfter && spec_.merge == MergeRule::kLastWrite && targets.all;
    effects->push_back({blind ? Change::kUpdateAfter : Change::kInsert, given});
    rows_.emplace(KeyOf(row), std::move(given));
    return;
  }
  if (targets.key_only && !targets.all) return;
  const auto lost = [&] {
    if (spec_.image == LogImage::kInput) effects->push_back({Change::kAppend, row});
  };
  switch (spec_.merge) {
    case MergeRule::kFirst:
      lost();
      return;
    case MergeRule::kGreatest: {
      const Cell& before = held->second[kVersion];
      const Cell& after = row[kVersion];
      // A null is the least; but as a record time it is the commit's, which is later than what
      // stands and earlier than what is to come.
      const bool by_time = spec_.merge_columns.empty();
      if (before.has_value() &&
          (after.has_value() ? internal::Int(after) < internal::Int(before) : !by_time)) {
        lost();
        return;
      }
      Update(&held->second, row, effects);
      return;
    }
    case MergeRule::kAggregate:
      Update(&held->second, Aggregate(held->second, row, targets), effects);
      return;
    default: {
      Row next = held->second;
      for (size_t c = 0; c < kColumns; ++c) {
        if (targets.has[c]) next[c] = row[c];
      }
      Update(&held->second, std::move(next), effects);
    }
  }
}

inline Row Table::Aggregate(const Row& old, const Row& row, const Targets& targets) const {
  Row next = old;
  for (size_t c = kVersion; c < kColumns; ++c) {
    if (targets.has[c]) next[c] = internal::Fold(c, old[c], row[c]);
  }
  return next;
}

inline void Table::Delete(const Key& key, const Targets& targets, std::vector<Effect>* effects) {
  const auto held = rows_.find(key);
  if (spec_.ignore_deletes || held == rows_.end()) return;
  Row left = held->second;
  bool anything = false;
  for (size_t c = kVersion; c < kColumns; ++c) {
    if (targets.has[c]) left[c] = std::nullopt;
    anything |= left[c].has_value();
  }
  if (!targets.all && anything && spec_.merge != MergeRule::kFirst &&
      spec_.merge != MergeRule::kGreatest) {
    Update(&held->second, std::move(left), effects);
    return;
  }
  effects->push_back({Change::kDelete, held->second});
  rows_.erase(held);
}

}  // namespace firth::table::model
