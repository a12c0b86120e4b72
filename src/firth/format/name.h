// What a file's name says about it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/format/reader.h"

namespace firth::format {

enum class Packing { kGzip, kZstd, kZip };

/// A name taken apart: `a.csv.gz` is CSV in gzip. Packings are in the order of unpacking.
struct NameParts {
  std::optional<FileFormat> format;
  std::vector<Packing> packings;
};
NameParts TakeNameApart(std::string_view name);

/// The error for a name that tells no format.
Status UnknownName(const std::string& name);

}  // namespace firth::format
