// Facts over SQLite: a row a thing, numbered in the order in which they came; places and where
// their things are; and an index of ids (id_index.h).
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "firth/catalog/facts.h"
#include "firth/catalog/id_index.h"
#include "firth/catalog/sql.h"

namespace firth::catalog {

class SqlFacts : public Facts {
 public:
  /// `mutex` guards the connection.
  SqlFacts(Connection* sql, std::recursive_mutex* mutex, const IdIndexLimits& limits = {})
      : sql_(sql), mutex_(mutex), ids_(sql, limits) {}

  Status Open();

  Result<std::optional<Thing>> Find(const std::string& id) override;
  Result<std::optional<std::string>> IdAt(const std::string& place) override;
  Result<std::vector<Thing>> Scan(const std::string& from, const std::string& to, int64_t limit,
                                  bool with_facts) override;
  Result<int64_t> Count(const std::string& from, const std::string& to) override;
  Status Add(const std::vector<Thing>& things, const std::vector<ValueChange>& values) override;
  Status Replace(const Thing& thing, const std::vector<ValueChange>& values) override;

 private:
  using Lock = std::lock_guard<std::recursive_mutex>;
  struct Numbered {
    int64_t number = 0;
    Thing thing;
  };
  Result<std::optional<Numbered>> FindNumbered(const std::string& id);
  Status PutPlace(const Thing& thing, int64_t number);

  Connection* const sql_;
  std::recursive_mutex* const mutex_;
  IdIndex ids_;              // guarded by mutex_
  int64_t next_number_ = 1;  // guarded by mutex_
};

}  // namespace firth::catalog
