#include "firth/catalog/sql_facts.h"

#include <map>
#include <utility>

#include "firth/catalog/sql_values.h"
#include "firth/common/text.h"

namespace firth::catalog {
namespace {

/// Ends a group in a place.
constexpr char kEnd = '\x01';

using GroupChanges = std::map<std::string, int64_t>;

void CountPlace(const std::optional<std::string>& place, int64_t things, GroupChanges* changes) {
  if (!place.has_value()) return;
  const size_t end = place->find(kEnd);
  if (end != std::string::npos) (*changes)[place->substr(0, end)] += things;
}

/// The group whose places are this range; empty if it is none's.
std::string GroupOf(const std::string& from, const std::string& to) {
  if (from.size() < 2 || from.find(kEnd) != from.size() - 1) return {};
  std::string end = from;
  ++end.back();
  return end == to ? from.substr(0, from.size() - 1) : std::string();
}

Status KeepGroups(Connection* sql, const GroupChanges& changes) {
  for (const auto& [name, things] : changes) {
    if (things == 0) continue;
    ARROW_RETURN_NOT_OK(
        sql->Run("INSERT INTO thing_groups (name, things) VALUES (?1, ?2)"
                 " ON CONFLICT (name) DO UPDATE SET things = things + ?2",
                 Blob{name}, things));
    if (things > 0) continue;
    ARROW_RETURN_NOT_OK(
        sql->Run("DELETE FROM thing_groups WHERE name = ?1 AND things = 0", Blob{name}));
  }
  return Status::OK();
}

/// So many places are counted before others may use the connection.
constexpr int64_t kCountedAtOnce = 20'000;

}  // namespace

Status SqlFacts::Open() {
  Lock lock(*mutex_);
  ARROW_ASSIGN_OR_RAISE(Statement last, sql_->Query("SELECT max(number) FROM things"));
  ARROW_ASSIGN_OR_RAISE(const bool row, last.Step());
  next_number_ = row ? last.Int(0) + 1 : 1;
  return ids_.Open();
}

Result<std::optional<SqlFacts::Numbered>> SqlFacts::FindNumbered(const std::string& id) {
  ARROW_ASSIGN_OR_RAISE(const auto numbers, ids_.Find(id));
  for (const int64_t number : numbers) {
    ARROW_ASSIGN_OR_RAISE(
        Statement found,
        sql_->Query("SELECT place, facts, place IS NULL FROM things WHERE number = ?1 AND id = ?2",
                    number, Blob{id}));
    ARROW_ASSIGN_OR_RAISE(const bool row, found.Step());
    if (!row) continue;
    Numbered numbered{.number = number, .thing = {.id = id, .place = {}, .facts = found.Text(1)}};
    if (found.Int(2) == 0) numbered.thing.place = found.Text(0);
    return numbered;
  }
  return std::nullopt;
}

Result<std::optional<Thing>> SqlFacts::Find(const std::string& id) {
  Lock lock(*mutex_);
  ARROW_ASSIGN_OR_RAISE(auto numbered, FindNumbered(id));
  if (!numbered.has_value()) return std::nullopt;
  return std::move(numbered->thing);
}

Result<std::optional<std::string>> SqlFacts::IdAt(const std::string& place) {
  Lock lock(*mutex_);
  ARROW_ASSIGN_OR_RAISE(Statement found,
                        sql_->Query("SELECT id FROM thing_places WHERE place = ?1", Blob{place}));
  ARROW_ASSIGN_OR_RAISE(const bool row, found.Step());
  if (!row) return std::nullopt;
  return found.Text(0);
}

Result<std::vector<Thing>> SqlFacts::Scan(const std::string& from, const std::string& to,
                                          int64_t limit, bool with_facts) {
  std::vector<Thing> things;
  if (limit <= 0) return things;
  Lock lock(*mutex_);
  static constexpr char kPlaces[] =
      "SELECT place, id FROM thing_places WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT ?3";
  static constexpr char kPlacesAndFacts[] =
      "SELECT p.place, p.id, t.facts FROM thing_places p CROSS JOIN things t ON t.number = p.number"
      " WHERE p.place >= ?1 AND p.place < ?2 ORDER BY p.place LIMIT ?3";
  ARROW_ASSIGN_OR_RAISE(Statement found, sql_->Query(with_facts ? kPlacesAndFacts : kPlaces,
                                                     Blob{from}, Blob{to}, limit));
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, found.Step());
    if (!row) return things;
    things.push_back({.id = found.Text(1),
                      .place = found.Text(0),
                      .facts = with_facts ? found.Text(2) : std::string()});
  }
}

Result<int64_t> SqlFacts::Count(const std::string& from, const std::string& to) {
  if (const std::string group = GroupOf(from, to); !group.empty()) {
    Lock lock(*mutex_);
    ARROW_ASSIGN_OR_RAISE(
        Statement found,
        sql_->Query("SELECT things FROM thing_groups WHERE name = ?1", Blob{group}));
    ARROW_ASSIGN_OR_RAISE(const bool row, found.Step());
    return row ? found.Int(0) : 0;
  }
  int64_t count = 0;
  std::string begin = from;
  while (true) {
    Lock lock(*mutex_);
    {
      ARROW_ASSIGN_OR_RAISE(Statement next,
                            sql_->Query("SELECT place FROM thing_places WHERE place >= ?1 AND"
                                        " place < ?2 ORDER BY place LIMIT 1 OFFSET ?3",
                                        Blob{begin}, Blob{to}, kCountedAtOnce));
      ARROW_ASSIGN_OR_RAISE(const bool row, next.Step());
      if (row) {
        count += kCountedAtOnce;
        begin = next.Text(0);
        continue;
      }
    }
    ARROW_ASSIGN_OR_RAISE(
        Statement rest,
        sql_->Query("SELECT count(*) FROM thing_places WHERE place >= ?1 AND place < ?2",
                    Blob{begin}, Blob{to}));
    ARROW_RETURN_NOT_OK(rest.Step().status());
    return count + rest.Int(0);
  }
}

Status SqlFacts::PutPlace(const Thing& thing, int64_t number) {
  return sql_->Run("INSERT INTO thing_places (place, number, id) VALUES (?1, ?2, ?3)",
                   Blob{*thing.place}, number, Blob{thing.id});
}

Status SqlFacts::Add(const std::vector<Thing>& things, const std::vector<ValueChange>& values) {
  // Room first: an addition that was made is never answered by what failed afterwards.
  while (true) {
    Lock lock(*mutex_);
    if (!ids_.IsDue()) break;
    ARROW_RETURN_NOT_OK(ids_.Move());
  }
  Lock lock(*mutex_);
  FIRTH_CHECK(!sql_->InTransaction());
  int64_t number = next_number_;
  GroupChanges groups;
  ARROW_RETURN_NOT_OK(sql_->Transact([&]() -> Status {
    for (const Thing& thing : things) {
      FIRTH_CHECK(thing.id.size() == kIdBytes);
      if (thing.place.has_value()) {
        ARROW_RETURN_NOT_OK(
            sql_->Run("INSERT INTO things (number, id, place, facts) VALUES (?1, ?2, ?3, ?4)",
                      number, Blob{thing.id}, Blob{*thing.place}, Blob{thing.facts}));
        ARROW_RETURN_NOT_OK(PutPlace(thing, number));
      } else {
        ARROW_RETURN_NOT_OK(
            sql_->Run("INSERT INTO things (number, id, place, facts) VALUES (?1, ?2, NULL, ?3)",
                      number, Blob{thing.id}, Blob{thing.facts}));
      }
      CountPlace(thing.place, 1, &groups);
      ++number;
    }
    ARROW_RETURN_NOT_OK(KeepGroups(sql_, groups));
    return MakeValueChanges(sql_, values);
  }));
  for (const Thing& thing : things) ids_.Added(thing.id, next_number_++);
  return Status::OK();
}

Status SqlFacts::Replace(const Thing& thing, const std::vector<ValueChange>& values) {
  Lock lock(*mutex_);
  FIRTH_CHECK(!sql_->InTransaction());
  return sql_->Transact([&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto old, FindNumbered(thing.id));
    if (!old.has_value()) {
      return Error(Code::kNotFound, Reason::kNone, "the catalog knows no thing " + ToHex(thing.id));
    }
    if (old->thing.place != thing.place) {
      if (old->thing.place.has_value()) {
        ARROW_RETURN_NOT_OK(
            sql_->Run("DELETE FROM thing_places WHERE place = ?1", Blob{*old->thing.place}));
      }
      if (thing.place.has_value()) {
        ARROW_RETURN_NOT_OK(PutPlace(thing, old->number));
        ARROW_RETURN_NOT_OK(sql_->Run("UPDATE things SET place = ?2 WHERE number = ?1", old->number,
                                      Blob{*thing.place}));
      } else {
        ARROW_RETURN_NOT_OK(
            sql_->Run("UPDATE things SET place = NULL WHERE number = ?1", old->number));
      }
    }
    GroupChanges groups;
    CountPlace(old->thing.place, -1, &groups);
    CountPlace(thing.place, 1, &groups);
    ARROW_RETURN_NOT_OK(KeepGroups(sql_, groups));
    ARROW_RETURN_NOT_OK(sql_->Run("UPDATE things SET facts = ?2 WHERE number = ?1", old->number,
                                  Blob{thing.facts}));
    return MakeValueChanges(sql_, values);
  });
}

}  // namespace firth::catalog
