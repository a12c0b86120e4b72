#include "firth/schema/types.h"

#include <arrow/extension_type.h>

#include <algorithm>
#include <utility>

#include "firth/common/status.h"

namespace firth::schema {

using arrow::Type;

const arrow::DataType& StorageType(const arrow::DataType& type) {
  const arrow::DataType* storage = &type;
  while (storage->id() == Type::EXTENSION) {
    storage = static_cast<const arrow::ExtensionType&>(*storage).storage_type().get();
  }
  return *storage;
}

std::shared_ptr<arrow::DataType> StorageTypePtr(const std::shared_ptr<arrow::DataType>& type) {
  auto storage = type;
  while (storage->id() == Type::EXTENSION) {
    storage = static_cast<const arrow::ExtensionType&>(*storage).storage_type();
  }
  return storage;
}

bool IsStorable(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::NA:
    case Type::BOOL:
    case Type::INT8:
    case Type::INT16:
    case Type::INT32:
    case Type::INT64:
    case Type::UINT8:
    case Type::UINT16:
    case Type::UINT32:
    case Type::UINT64:
    case Type::FLOAT:
    case Type::DOUBLE:
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
    case Type::FIXED_SIZE_BINARY:
    case Type::DATE32:
    case Type::DATE64:
    case Type::TIME32:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::DURATION:
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256:
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
    case Type::MAP:
    case Type::STRUCT:
      return true;
    default:
      return false;
  }
}

int64_t FixedBytes(const arrow::DataType& outer) {
  constexpr int64_t kMany = int64_t{1} << 40;
  const arrow::DataType& type = StorageType(outer);
  switch (type.id()) {
    case Type::FIXED_SIZE_LIST: {
      const auto& list = static_cast<const arrow::FixedSizeListType&>(type);
      const int64_t item = std::max<int64_t>(1, FixedBytes(*list.value_type()));
      return list.list_size() > kMany / item ? kMany : item * list.list_size();
    }
    case Type::STRUCT: {
      int64_t sum = 0;
      for (const auto& field : type.fields()) {
        sum = std::min(kMany, sum + FixedBytes(*field->type()));
      }
      return sum;
    }
    case Type::FIXED_SIZE_BINARY:
      return static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width();
    default:
      return 32;  // no other type takes more
  }
}

std::shared_ptr<arrow::DataType> WithChildren(const arrow::DataType& type,
                                              std::vector<std::shared_ptr<arrow::Field>> children) {
  switch (type.id()) {
    case Type::STRUCT:
      return arrow::struct_(std::move(children));
    case Type::LIST:
      return arrow::list(std::move(children[0]));
    case Type::LARGE_LIST:
      return arrow::large_list(std::move(children[0]));
    case Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(std::move(children[0]),
                                    static_cast<const arrow::FixedSizeListType&>(type).list_size());
    case Type::MAP:
      return std::make_shared<arrow::MapType>(
          std::move(children[0]), std::move(children[1]),
          static_cast<const arrow::MapType&>(type).keys_sorted());
    default:
      break;
  }
  FIRTH_CHECK(false && "a nested type");
  return nullptr;
}

}  // namespace firth::schema
