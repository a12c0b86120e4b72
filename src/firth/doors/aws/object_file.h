// An object as a file of Arrow's.
#pragma once

#include <arrow/io/interfaces.h>

#include <memory>

#include "firth/work/objects.h"

namespace firth::doors::aws {

/// `objects` outlives it.
std::shared_ptr<arrow::io::RandomAccessFile> OpenObject(work::Objects* objects,
                                                        work::ObjectInfo object);

/// A stream whose bytes become blobs of `staged`, a few MiB each. Both outlive it.
std::shared_ptr<arrow::io::OutputStream> WriteStaged(work::Objects* objects,
                                                     work::StagedObject* staged);

}  // namespace firth::doors::aws
