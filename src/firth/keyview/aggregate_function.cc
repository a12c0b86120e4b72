#include "firth/keyview/aggregate_function.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/keyview/column_order.h"
#include "firth/schema/row_node.h"
#include "firth/schema/types.h"

namespace firth::keyview {
namespace {

class LastValue final : public AggregateFunction {
 public:
  Result<Cell> Merge(Cell, Cell row, std::string*) const override { return row; }
};

class LastNonNull final : public AggregateFunction {
 public:
  Result<Cell> Merge(Cell old, Cell row, std::string*) const override {
    return row.null ? old : row;
  }
};

class FirstNonNull final : public AggregateFunction {
 public:
  Result<Cell> Merge(Cell old, Cell row, std::string*) const override {
    return old.null ? row : old;
  }
};

class Extreme final : public Fold {
 public:
  Extreme(ColumnOrder order, bool greatest) : order_(std::move(order)), greatest_(greatest) {}

 protected:
  Result<Cell> Combine(std::string_view old, std::string_view row, std::string*) const override {
    ARROW_ASSIGN_OR_RAISE(const std::string before, order_.Rank(old, /*null=*/false));
    ARROW_ASSIGN_OR_RAISE(const std::string after, order_.Rank(row, /*null=*/false));
    return Cell{greatest_ == (before < after) ? row : old};
  }

 private:
  const ColumnOrder order_;
  const bool greatest_;
};

class Join final : public Fold {
 public:
  explicit Join(std::string between) : between_(std::move(between)) {}

 protected:
  Result<Cell> Combine(std::string_view old, std::string_view row,
                       std::string* scratch) const override {
    const std::string_view left = TextOf(old);
    const std::string_view right = TextOf(row);
    const size_t size = left.size() + between_.size() + right.size();
    if (size > schema::kCellBytesMax) {
      return Error(Code::kResourceExhausted, Reason::kBatchTooLarge,
                   "a joined text would have " + std::to_string(size) + " bytes");
    }
    AppendVarint(scratch, size);
    scratch->append(left).append(between_).append(right);
    return Cell{*scratch};
  }

 private:
  /// The text behind its length; the codec has checked both.
  static std::string_view TextOf(std::string_view slice) {
    ByteReader reader(AsBytes(slice));
    reader.Varint(32);
    return AsText(reader.rest());
  }

  const std::string between_;
};

class BoolFold final : public Fold {
 public:
  explicit BoolFold(bool wins) : wins_(wins) {}

 protected:
  Result<Cell> Combine(std::string_view old, std::string_view row, std::string*) const override {
    return Cell{(old != std::string_view("\0", 1)) == wins_ ? old : row};
  }

 private:
  const bool wins_;  // the value that decides: true of an "or", false of an "and"
};

/// A function's name and what stands in brackets behind it.
struct Call {
  std::string name;
  std::string argument;
  bool has_argument = false;
};

Call ParseCall(std::string_view text) {
  Call call;
  const size_t open = text.find('(');
  call.name = text.substr(0, open);
  if (open != std::string_view::npos && text.back() == ')') {
    call.argument = text.substr(open + 1, text.size() - open - 2);
    call.has_argument = true;
  } else if (open != std::string_view::npos) {
    call.name = text;
  }
  for (char& c : call.name) {
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return call;
}

Result<AggregateFunctionPtr> MakeJoin(const Call& call, const arrow::Field& field) {
  const auto id = schema::StorageType(*field.type()).id();
  if (id != arrow::Type::STRING && id != arrow::Type::LARGE_STRING) {
    return DoesNotFit(call.name, field);
  }
  if (call.has_argument && call.argument.empty()) {
    return Error(Code::kInvalidArgument, Reason::kInvalidProperty,
                 "the delimiter of " + call.name + " for the column '" +
                     field.name().substr(0, 64) + "' must not be empty");
  }
  return std::make_unique<Join>(call.has_argument ? call.argument : ",");
}

}  // namespace

Status DoesNotFit(std::string_view function, const arrow::Field& field) {
  return Error(Code::kInvalidArgument, Reason::kInvalidProperty,
               "the aggregate function " + std::string(function) + " is not for the column '" +
                   field.name().substr(0, 64) + "' of type " + field.type()->ToString());
}

Result<AggregateFunctionPtr> MakeExtreme(const arrow::Field& field, bool greatest) {
  auto order = ColumnOrder::Make(field.type());
  if (!order.ok()) return DoesNotFit(greatest ? "max" : "min", field);
  return std::make_unique<Extreme>(std::move(*order), greatest);
}

Result<AggregateFunctionPtr> MakeAggregateFunction(std::string_view text,
                                                   const arrow::Field& field) {
  const Call call = ParseCall(text);
  const std::string& name = call.name;
  if (name == "listagg" || name == "string_agg") return MakeJoin(call, field);
  if (!call.has_argument) {
    if (name.empty() || name == "last_value_ignore_nulls") return std::make_unique<LastNonNull>();
    if (name == "last_value") return std::make_unique<LastValue>();
    if (name == "first_value" || name == "first_value_ignore_nulls") {
      return std::make_unique<FirstNonNull>();
    }
    if (name == "sum") return MakeSum(field);
    if (name == "product") return MakeProduct(field);
    if (name == "max" || name == "min") return MakeExtreme(field, name == "max");
    if (name == "bool_and" || name == "bool_or") {
      if (schema::StorageType(*field.type()).id() != arrow::Type::BOOL) {
        return DoesNotFit(name, field);
      }
      return std::make_unique<BoolFold>(name == "bool_or");
    }
  }
  return Error(Code::kInvalidArgument, Reason::kInvalidProperty,
               "there is no aggregate function '" + std::string(text.substr(0, 64)) +
                   "' (for the column '" + field.name().substr(0, 64) +
                   "'); there are sum, product, max, min, last_value, last_value_ignore_nulls, "
                   "first_value, first_value_ignore_nulls, listagg, string_agg, bool_and, bool_or");
}

}  // namespace firth::keyview
