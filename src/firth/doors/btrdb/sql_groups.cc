#include "firth/doors/btrdb/sql_groups.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "firth/common/bytes.h"

namespace firth::doors::btrdb {
namespace {

/// What a node of a hash table takes beside its bytes, and a tally beside its values.
constexpr uint64_t kNodeBytes = 64;
constexpr uint64_t kTallyBytes = 512;

/// What an aggregate has seen of a group.
struct Tally {
  int64_t count = 0;
  SqlValue extreme;
  std::unordered_set<std::string> seen;  // DISTINCT: the identities that were counted
};

}  // namespace

/// Groups in memory.
class SqlGroups::Table {
 public:
  Table(const std::vector<SqlAggregate>* aggregates, SqlSpace* space)
      : aggregates_(aggregates), held_(space->memory), uncounted_(space) {}

  /// Add a row to its group; false where that is not here and there is no room for it.
  Result<bool> Add(const std::string& identity, const std::vector<SqlValue>& keys,
                   const std::vector<SqlValue>& arguments) {
    const auto found = places_.find(identity);
    if (found != places_.end()) {
      ARROW_RETURN_NOT_OK(Count(found->second, arguments));
      return true;
    }
    const uint64_t bytes =
        2 * identity.size() + kNodeBytes + sizeof(Group) + kTallyBytes * aggregates_->size();
    full_ = full_ || !held_.Take(bytes);
    if (full_ && !groups_.empty()) return false;
    places_.emplace(identity, groups_.size());
    groups_.push_back({.keys = keys, .tallies = std::vector<Tally>(aggregates_->size())});
    ARROW_RETURN_NOT_OK(Count(groups_.size() - 1, arguments));
    return true;
  }
  void AddEmpty() {
    places_.emplace(std::string(), groups_.size());
    groups_.push_back({.keys = {}, .tallies = std::vector<Tally>(aggregates_->size())});
  }

  Result<bool> ForEach(const Visit& visit) {
    ARROW_RETURN_NOT_OK(CountRest());
    for (const Group& group : groups_) {
      std::vector<SqlValue> results;
      for (size_t i = 0; i < aggregates_->size(); ++i) {
        const Tally& tally = group.tallies[i];
        results.push_back((*aggregates_)[i].kind == SqlAggregate::Kind::kCount
                              ? SqlValue{tally.count}
                              : tally.extreme);
      }
      ARROW_ASSIGN_OR_RAISE(const bool more, visit({.keys = &group.keys, .aggregates = &results}));
      if (!more) return false;
    }
    return true;
  }

 private:
  struct Group {
    std::vector<SqlValue> keys;
    std::vector<Tally> tallies;
  };

  Status Count(size_t place, const std::vector<SqlValue>& arguments) {
    for (size_t i = 0; i < aggregates_->size(); ++i) {
      const SqlAggregate& aggregate = (*aggregates_)[i];
      Tally& tally = groups_[place].tallies[i];
      const SqlValue& value = arguments[i];
      if (!aggregate.argument.has_value()) {
        ++tally.count;
      } else if (value.null()) {
        continue;
      } else if (aggregate.kind != SqlAggregate::Kind::kCount) {
        const bool wanted = aggregate.kind == SqlAggregate::Kind::kMin;
        if (tally.extreme.null() || (CompareSql(value, tally.extreme) < 0) == wanted) {
          tally.extreme = value;
        }
      } else if (!aggregate.distinct) {
        ++tally.count;
      } else {
        ARROW_RETURN_NOT_OK(CountDistinct(place, i, SqlIdentity(value)));
      }
    }
    return Status::OK();
  }

  Status CountDistinct(size_t place, size_t aggregate, const std::string& identity) {
    Tally& tally = groups_[place].tallies[aggregate];
    if (tally.seen.contains(identity)) return Status::OK();
    // Once something was put aside nothing more is kept here: it would be counted twice.
    full_ = full_ || !held_.Take(identity.size() + kNodeBytes);
    if (!full_) {
      tally.seen.insert(identity);
      ++tally.count;
      return Status::OK();
    }
    std::string key;
    AppendBe<uint64_t>(&key, place);
    AppendBe<uint64_t>(&key, aggregate);
    return uncounted_.Add(key + identity, "");
  }

  Status CountRest() {
    std::string last;
    return uncounted_.ForEach([&](std::string_view key, std::string_view) -> Result<bool> {
      if (key == last) return true;
      last = key;
      const auto place = LoadBe<uint64_t>(key.data());
      ++groups_[place].tallies[LoadBe<uint64_t>(key.data() + sizeof place)].count;
      return true;
    });
  }

  const std::vector<SqlAggregate>* const aggregates_;
  SqlHeld held_;
  bool full_ = false;
  std::vector<Group> groups_;  // in the order in which they were met
  std::unordered_map<std::string, size_t> places_;
  SortedRecords uncounted_;  // by group, aggregate and identity: values of count(DISTINCT …)
};

SqlGroups::SqlGroups(const std::vector<SqlExpression>* keys,
                     const std::vector<SqlAggregate>* aggregates, SqlSpace* space)
    : keys_(keys),
      aggregates_(aggregates),
      space_(space),
      table_(std::make_unique<Table>(aggregates, space)),
      others_(space) {
  if (keys->empty()) table_->AddEmpty();
}

SqlGroups::~SqlGroups() = default;

Status SqlGroups::Add(const SqlRow& row) {
  std::vector<SqlValue> keys;
  std::string identity;
  for (const SqlExpression& key : *keys_) {
    ARROW_ASSIGN_OR_RAISE(keys.emplace_back(), key.evaluate(row));
    identity += SqlIdentity(keys.back());
  }
  std::vector<SqlValue> arguments(aggregates_->size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!(*aggregates_)[i].argument.has_value()) continue;
    ARROW_ASSIGN_OR_RAISE(arguments[i], (*aggregates_)[i].argument->evaluate(row));
  }
  ARROW_ASSIGN_OR_RAISE(const bool taken, table_->Add(identity, keys, arguments));
  if (taken) return Status::OK();
  std::string rest;
  for (const SqlValue& argument : arguments) rest += SqlIdentity(argument);
  return others_.Add(identity, rest);
}

Status SqlGroups::ForEach(const Visit& visit) {
  ARROW_ASSIGN_OR_RAISE(bool more, table_->ForEach(visit));
  table_.reset();
  if (!more) return Status::OK();
  std::string last;
  ARROW_RETURN_NOT_OK(
      others_.ForEach([&](std::string_view identity, std::string_view rest) -> Result<bool> {
        if (table_ != nullptr && identity != last) {
          ARROW_ASSIGN_OR_RAISE(more, table_->ForEach(visit));
          table_.reset();
          if (!more) return false;
        }
        if (table_ == nullptr) table_ = std::make_unique<Table>(aggregates_, space_);
        last = identity;
        std::vector<SqlValue> keys(keys_->size());
        for (SqlValue& key : keys) {
          ARROW_ASSIGN_OR_RAISE(key, SqlFromIdentity(&identity));
        }
        std::vector<SqlValue> arguments(aggregates_->size());
        for (SqlValue& argument : arguments) {
          ARROW_ASSIGN_OR_RAISE(argument, SqlFromIdentity(&rest));
        }
        return table_->Add(last, keys, arguments);
      }));
  return table_ == nullptr || !more ? Status::OK() : table_->ForEach(visit).status();
}

}  // namespace firth::doors::btrdb
