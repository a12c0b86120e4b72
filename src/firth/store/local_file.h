// One open file of the operating system.
#pragma once

#include <memory>
#include <string>

#include "firth/store/cached_pages.h"
#include "firth/store/file_system.h"
#include "firth/store/posix_io.h"

namespace firth::store {

/// Give an open descriptor the form of a File; `name` is its path below the root.
std::unique_ptr<File> MakeLocalFile(Descriptor descriptor, std::string name);
/// The same, written and read through `direct`, the file once more as opened with O_DIRECT. It is
/// written in whole blocks, from memory at such addresses; reads are of any range.
std::unique_ptr<File> MakeDirectFile(Descriptor descriptor, Descriptor direct, std::string name);
/// One that nobody writes to any more, as OpenSettled gives it.
std::unique_ptr<File> MakeSettledFile(Descriptor descriptor, Descriptor direct, std::string name,
                                      std::shared_ptr<LatelyRead> lately);

}  // namespace firth::store
