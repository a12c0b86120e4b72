// Facts of very many things: what is known of each series, for one. A thing has an id of 16 bytes,
// given once, facts, which are its owner's bytes, and while it lives a place, which no other has
// and by which things are listed; up to its first byte 1 that is its group, whose things are
// counted. What a new thing costs does not rise with how many there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"

namespace firth::catalog {

struct Thing {
  std::string id;
  std::optional<std::string> place;  // absent: it does not live any more
  std::string facts;
};

/// Thread-safe. Changes are durable on return; they are not to be made inside a commit's changes.
class Facts {
 public:
  static constexpr size_t kIdBytes = 16;

  virtual ~Facts() = default;

  virtual Result<std::optional<Thing>> Find(const std::string& id) = 0;
  /// The id of the thing at a place.
  virtual Result<std::optional<std::string>> IdAt(const std::string& place) = 0;
  /// Things whose place is in [from, to), by place, at most `limit`; `facts` are left empty where
  /// they are not asked for, which costs less.
  virtual Result<std::vector<Thing>> Scan(const std::string& from, const std::string& to,
                                          int64_t limit, bool with_facts) = 0;
  /// How many of them there are; of a group, [G 0x01, G 0x02), that is known.
  virtual Result<int64_t> Count(const std::string& from, const std::string& to) = 0;

  /// Add things whose ids were never given, and change named values (Catalog::ChangeValues), all or
  /// none. Errors: kDiskFull; kInternal where a place is taken.
  virtual Status Add(const std::vector<Thing>& things, const std::vector<ValueChange>& values) = 0;
  /// Keep other facts of a thing, and change named values, all or none. Errors: as Add, and
  /// kNotFound.
  virtual Status Replace(const Thing& thing, const std::vector<ValueChange>& values) = 0;
};

/// The facts in a catalog; they live as long.
Facts* FactsOf(Catalog* catalog);

}  // namespace firth::catalog
