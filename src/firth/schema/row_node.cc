#include "firth/schema/row_node.h"

#include <utility>

#include "firth/schema/row_number.h"
#include "firth/schema/schema.h"
#include "firth/schema/types.h"

namespace firth::schema {
namespace {

using arrow::Type;
using Kind = RowNode::Kind;

Kind KindOf(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::NA:
      return Kind::kNull;
    case Type::BOOL:
      return Kind::kBool;
    case Type::STRING:
    case Type::LARGE_STRING:
      return Kind::kText;
    case Type::BINARY:
    case Type::LARGE_BINARY:
      return Kind::kBytes;
    case Type::FIXED_SIZE_BINARY:
      return Kind::kFixedBytes;
    case Type::DECIMAL128:
    case Type::DECIMAL256:
      return static_cast<const arrow::DecimalType&>(type).precision() > kSmallDecimalDigits
                 ? Kind::kBigDecimal
                 : Kind::kNumber;
    case Type::TIMESTAMP:
      return static_cast<const arrow::TimestampType&>(type).unit() >= arrow::TimeUnit::MICRO
                 ? Kind::kFine
                 : Kind::kNumber;
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
      return Kind::kList;
    case Type::MAP:
      return Kind::kMap;
    case Type::STRUCT:
      return Kind::kStruct;
    default:
      return Kind::kNumber;
  }
}

Result<RowNode> MakeNode(const arrow::Field& field, const std::string& parent, int depth) {
  RowNode node;
  node.path = (parent.empty() ? "" : parent + ".") + field.name().substr(0, 64);
  node.type = field.type();
  node.storage = StorageTypePtr(field.type());
  node.nullable = field.nullable();
  if (!IsStorable(*node.storage)) {
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "the column '" + node.path + "' has the type " + node.type->ToString() +
                     ", which a row cannot hold");
  }
  if (depth > kNestingMax) {
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "the column '" + node.path + "' is nested more than " +
                     std::to_string(kNestingMax) + " deep");
  }
  node.kind = KindOf(*node.storage);
  if (node.kind == Kind::kBool) node.slot_bytes = 1;
  if (node.kind == Kind::kNumber) {
    node.slot_bytes = VisitNumber(*node.storage, [](const auto& number) {
      return static_cast<int>(sizeof(SlotOf<std::decay_t<decltype(number)>>));
    });
  }
  arrow::FieldVector children = node.storage->fields();
  if (node.kind == Kind::kMap) {
    const auto& map = static_cast<const arrow::MapType&>(*node.storage);
    children = {map.key_field()->WithNullable(false), map.item_field()};
  }
  for (const auto& child : children) {
    ARROW_ASSIGN_OR_RAISE(RowNode made, MakeNode(*child, node.path, depth + 1));
    node.children.push_back(std::move(made));
  }
  return node;
}

}  // namespace

Result<RowNode> RowNode::Make(const arrow::Field& field) {
  return MakeNode(field, "", 1);
}

Result<std::vector<RowNode>> RowNode::MakeAll(const arrow::FieldVector& fields) {
  std::vector<RowNode> nodes;
  nodes.reserve(fields.size());
  for (const auto& field : fields) {
    ARROW_ASSIGN_OR_RAISE(RowNode node, Make(*field));
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace firth::schema
