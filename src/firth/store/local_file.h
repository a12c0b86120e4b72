// One open file of the operating system.
#pragma once

#include <memory>
#include <string>

#include "firth/store/file_system.h"
#include "firth/store/posix_io.h"

namespace firth::store {

/// Give an open descriptor the form of a File; `name` is its path below the root.
std::unique_ptr<File> MakeLocalFile(Descriptor descriptor, std::string name);

}  // namespace firth::store
