// What was found in the catalog for the names in requests, so that the next request with such a
// name neither reads it nor changes threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "firth/table/database.h"

namespace firth::doors::fluss {

/// Things by their names, each as it was found under one version of the definitions. Thread-safe.
template <typename Name, typename Thing>
class Known {
 public:
  using Ptr = std::shared_ptr<const Thing>;

  /// The thing, if it is known and nothing has changed since; else null. Never waits.
  Ptr Find(const table::Database& database, const Name& name) const {
    const uint64_t version = database.DefinitionsVersion();
    std::lock_guard lock(mutex_);
    const auto found = things_.find(name);
    return found != things_.end() && found->second.version == version ? found->second.thing
                                                                      : nullptr;
  }

  /// Find it again with `make`, which gives a Result<Ptr>, if need be.
  template <typename Make>
  Result<Ptr> Get(const table::Database& database, const Name& name, const Make& make) {
    if (auto known = Find(database, name)) return known;
    const uint64_t version = database.DefinitionsVersion();
    ARROW_ASSIGN_OR_RAISE(Ptr thing, make());
    std::lock_guard lock(mutex_);
    if (things_.size() >= kThingsMax) things_.clear();
    things_[name] = {.version = version, .thing = thing};
    return thing;
  }

 private:
  /// They are small and quick to find; when there are this many, all are forgotten.
  static constexpr size_t kThingsMax = 10'000;

  struct Found {
    uint64_t version = 0;
    Ptr thing;
  };
  mutable std::mutex mutex_;
  std::map<Name, Found> things_;  // guarded by mutex_
};

}  // namespace firth::doors::fluss
