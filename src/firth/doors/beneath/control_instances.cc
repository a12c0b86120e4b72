// Versions of tables: they are editions, the primary one is the current edition, a final one is
// sealed.
#include <algorithm>

#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/refusals.h"
#include "firth/doors/beneath/table_spec.h"
#include "firth/table/edition_changes.h"

namespace firth::doors::beneath {
namespace {

constexpr size_t kInstancesMax = 25;

std::string KeyOf(EditionId edition) {
  return std::to_string(edition.value);
}

bool WasPrimary(const Json& record, const catalog::EditionInfo& edition) {
  if (edition.number == 0 && record.contains("first_primary_on")) return true;
  const auto& noted = record["instances"];
  const auto found = noted.find(KeyOf(edition.id));
  return found != noted.end() && found->contains("primary_on");
}

void NotePrimary(const catalog::EditionInfo& edition, int64_t now, Json* record) {
  if (!WasPrimary(*record, edition)) {
    (*record)["primary"] = (*record)["primary"].get<int64_t>() + 1;
  }
  (*record)["instances"][KeyOf(edition.id)]["primary_on"] = now;
}

/// The table's attributes with `record` among them.
catalog::Attributes With(const table::TableInfo& table, const Json& record) {
  catalog::Attributes attributes = table.attributes;
  attributes[kTableAttribute] = record.dump(-1, ' ', false, Json::error_handler_t::replace);
  return attributes;
}

const catalog::EditionInfo* Find(const std::vector<catalog::EditionInfo>& editions,
                                 int64_t version) {
  for (const auto& edition : editions) {
    if (edition.number == version) return &edition;
  }
  return nullptr;
}

}  // namespace

Result<Json> Control::InstanceByNames(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto table, TableNamed(args));
  Json by_id = args;
  by_id["tableID"] = Id(IdKind::kTable, table->id.value);
  return InstanceByTable(who, by_id);
}

Result<Json> Control::InstanceByTable(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto table, TableAt(TextOf(args, "tableID")));
  ARROW_ASSIGN_OR_RAISE(const auto editions,
                        table::EditionChanges(database_).List(access::Internal(), table->id));
  const catalog::EditionInfo* edition = Find(editions, args["version"]);
  if (edition == nullptr) return NotFound("Table instance");
  ARROW_ASSIGN_OR_RAISE(const TableRights rights, rights_->OnTable(who, table->path));
  if (!rights.read) return NotAllowed("read this table");
  ARROW_ASSIGN_OR_RAISE(const Json record, RecordOf(*table));
  return ShowInstance(*table, record, *edition);
}

Result<Json> Control::InstancesForTable(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto table, TableAt(TextOf(args, "tableID")));
  ARROW_ASSIGN_OR_RAISE(const TableRights rights, rights_->OnTable(who, table->path));
  if (!rights.read) return NotAllowed("read this table");
  ARROW_ASSIGN_OR_RAISE(auto editions,
                        table::EditionChanges(database_).List(access::Internal(), table->id));
  ARROW_ASSIGN_OR_RAISE(const Json record, RecordOf(*table));
  std::sort(editions.begin(), editions.end(),
            [](const auto& a, const auto& b) { return a.number > b.number; });
  Json out = Json::array();
  for (const auto& edition : editions) out.push_back(ShowInstance(*table, record, edition));
  return out;
}

Result<Json> Control::CreateInstance(const Requester& who, const Json& args) {
  const Json& input = args["input"];
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto table, TableAt(TextOf(input, "tableID")));
  ARROW_ASSIGN_OR_RAISE(const TableRights rights, rights_->OnTable(who, table->path));
  if (!rights.write) return NotAllowed("write to this table");
  if (!table->attributes.contains(kTableAttribute)) {
    return Invalid("the table was made elsewhere: its versions cannot be changed here");
  }
  const bool update = Flag(input, "updateIfExists");
  const bool primary = Flag(input, "makePrimary");
  if (update && !input.contains("version")) return Invalid("updateIfExists needs a version");
  int64_t version = -1;
  if (input.contains("version")) {
    version = input["version"];
    if (version < 0 || version > INT32_MAX) return Invalid("a version is a number from 0 on");
  }
  ARROW_ASSIGN_OR_RAISE(const auto editions,
                        table::EditionChanges(database_).List(access::Internal(), table->id));
  ARROW_ASSIGN_OR_RAISE(Json record, RecordOf(*table));
  if (const auto* held = Find(editions, version); held != nullptr) {
    if (!update) return Invalid("version " + std::to_string(version) + " already exists");
    const auto& edition = *held;
    if (primary) {
      NotePrimary(edition, facts_->NowNs(), &record);
      const auto attributes = [&](const auto&) { return With(*table, record); };
      ARROW_RETURN_NOT_OK(
          table::EditionChanges(database_)
              .Apply(access::Internal(), table->id,
                     {.edition = edition.id, .make_current = true, .attributes = attributes})
              .status());
    }
    return ShowInstance(*table, record, edition);
  }
  if (editions.size() >= kInstancesMax) {
    return Invalid("a table has at most 25 instances: delete one first");
  }
  ARROW_ASSIGN_OR_RAISE(const auto spec, SpecOfRecord(record));
  record["created"] = record["created"].get<int64_t>() + 1;
  const int64_t now = facts_->NowNs();
  const auto made = table::EditionChanges(database_).Apply(
      access::Internal(), table->id,
      {.number = static_cast<int32_t>(version),
       .spec = spec,
       .make_current = primary,
       .attributes = [&](const catalog::EditionInfo& edition) {
         if (primary) NotePrimary(edition, now, &record);
         return With(*table, record);
       }});
  if (!made.ok() && ReasonOf(made.status()) == Reason::kEditionExists) {
    return Invalid("version " + std::to_string(version) + " was used before");
  }
  ARROW_RETURN_NOT_OK(made.status());
  const auto& edition = *made;
  return ShowInstance(*table, record, edition);
}

Result<Json> Control::UpdateInstance(const Requester& who, const Json& args) {
  const Json& input = args["input"];
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto table, InstanceAt(TextOf(input, "tableInstanceID")));
  ARROW_ASSIGN_OR_RAISE(const TableRights rights, rights_->OnTable(who, table->path));
  if (!rights.write) return NotAllowed("write to this table");
  if (!table->attributes.contains(kTableAttribute)) {
    return Invalid("the table was made elsewhere: its versions cannot be changed here");
  }
  const auto& edition = *table->current;
  ARROW_ASSIGN_OR_RAISE(Json record, RecordOf(*table));
  const int64_t now = facts_->NowNs();
  table::EditionChange change{.edition = edition.id};
  if (Flag(input, "makeFinal") && !edition.sealed) {
    change.seal = true;
    record["instances"][KeyOf(edition.id)]["final_on"] = now;
    record["final"] = record["final"].get<int64_t>() + 1;
  }
  if (Flag(input, "makePrimary")) {
    change.make_current = true;
    NotePrimary(edition, now, &record);
  }
  if (change.seal || change.make_current) {
    change.attributes = [&](const auto&) { return With(*table, record); };
    ARROW_RETURN_NOT_OK(
        table::EditionChanges(database_).Apply(access::Internal(), table->id, change).status());
  }
  return ShowInstance(*table, record, edition);
}

Result<Json> Control::DeleteInstance(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto table, InstanceAt(TextOf(args, "instanceID")));
  ARROW_ASSIGN_OR_RAISE(const TableRights rights, rights_->OnTable(who, table->path));
  if (!rights.write) return NotAllowed("write to this table");
  if (!table->attributes.contains(kTableAttribute)) {
    return Invalid("the table was made elsewhere: its versions cannot be changed here");
  }
  const EditionId id = table->current->id;
  ARROW_ASSIGN_OR_RAISE(Json record, RecordOf(*table));
  record["instances"].erase(KeyOf(id));
  record["deleted"] = record["deleted"].get<int64_t>() + 1;
  const auto attributes = [&](const auto&) { return With(*table, record); };
  ARROW_RETURN_NOT_OK(table::EditionChanges(database_)
                          .Apply(access::Internal(), table->id,
                                 {.edition = id, .drop = true, .attributes = attributes})
                          .status());
  return Json(true);
}

Result<table::TablePtr> Control::InstanceAt(std::string_view id) {
  ARROW_ASSIGN_OR_RAISE(const int64_t number,
                        facts_->ids().ReadText(IdKind::kInstance, id, "Table instance"));
  auto table = table::EditionChanges(database_).Get(access::Internal(), EditionId(number));
  if (!table.ok() && CodeOf(table.status()) == Code::kNotFound) return NotFound("Table instance");
  return table;
}

Result<Json> Control::InstanceTable(const Requester&, const Json& object) {
  ARROW_ASSIGN_OR_RAISE(const auto table, TableAt(TextOf(object, "tableID")));
  return ShowTableNow(table->id);
}

}  // namespace firth::doors::beneath
