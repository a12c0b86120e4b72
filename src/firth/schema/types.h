// Facts about Arrow types that the room's parts share.
#pragma once

#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace firth::schema {

/// The type whose arrays hold the values: `type` itself, or what an extension type stores.
const arrow::DataType& StorageType(const arrow::DataType& type);
std::shared_ptr<arrow::DataType> StorageTypePtr(const std::shared_ptr<arrow::DataType>& type);

/// Can a log batch hold a column of this storage type, whatever its children are?
bool IsStorable(const arrow::DataType& type);

/// How many bytes a null of this type takes in an array: those of its fixed-size parts. Saturates.
int64_t FixedBytes(const arrow::DataType& type);

/// The nested type `type` (struct, list, map) with other children; those of a map are its key and
/// its item.
std::shared_ptr<arrow::DataType> WithChildren(const arrow::DataType& type,
                                              std::vector<std::shared_ptr<arrow::Field>> children);

}  // namespace firth::schema
