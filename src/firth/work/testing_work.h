// What the tests of this room share: a catalog and files in memory, and a process that can be
// killed.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "firth/catalog/catalog.h"
#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/random.h"
#include "firth/store/memory_file_system.h"
#include "firth/work/objects.h"
#include "firth/work/queues.h"

namespace firth::work {

struct WorkWorld {
  WorkWorld() : files(std::make_unique<store::MemoryFileSystem>()) {}

  Status Open() {
    ARROW_ASSIGN_OR_RAISE(catalog, catalog::Catalog::Open({.files = files.get(), .clock = &clock}));
    ARROW_ASSIGN_OR_RAISE(
        objects,
        Objects::Open(
            {.catalog = catalog.get(), .files = files.get(), .clock = &clock, .random = &random}));
    ARROW_ASSIGN_OR_RAISE(queues, Queues::Open({.catalog = catalog.get(),
                                                .clock = &clock,
                                                .random = &random,
                                                .executor = &executor,
                                                .messages_max = 100}));
    return Status::OK();
  }
  /// Go on with `left` of the files, as after a crash.
  Status Restart(std::unique_ptr<store::MemoryFileSystem> left) {
    queues.reset();
    objects.reset();
    catalog.reset();
    executor.Clear();
    files = std::move(left);
    return Open();
  }

  ManualClock clock;
  SeededRandom random{11};
  ManualExecutor executor{&clock};
  std::unique_ptr<store::MemoryFileSystem> files;
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_ptr<Objects> objects;
  std::unique_ptr<Queues> queues;
};

}  // namespace firth::work
