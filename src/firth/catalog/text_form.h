// How lists, attributes and the definition of an edition are written in the catalog's columns:
// JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"

namespace firth::catalog {

/// The form of an edition's definition that EncodeSpec writes.
inline constexpr int kSpecVersion = 1;

/// Write a definition. Error kInvalidProperty when a text in it is not UTF-8.
Result<std::string> EncodeSpec(const EditionSpec& spec);
/// Read it back. Errors: kFormatTooNew for a newer version, kDataLoss for what EncodeSpec does not
/// write.
Result<EditionSpec> DecodeSpec(std::string_view text);

/// Attributes as an object. Error kInvalidProperty when a text in them is not UTF-8.
Result<std::string> EncodeAttributes(const Attributes& attributes);
Result<Attributes> DecodeAttributes(std::string_view text);

/// The values of a partition as an array; equal values give equal text. Error kInvalidPartition
/// when one is not UTF-8.
Result<std::string> EncodeValues(const std::vector<std::string>& values);
Result<std::vector<std::string>> DecodeValues(std::string_view text);

}  // namespace firth::catalog
