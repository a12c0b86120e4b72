// A workload for tests of what a disk can do to the catalog, and what a reader sees of it.
#pragma once

#include <string>
#include <vector>

#include "firth/catalog/testing_catalog.h"
#include "firth/common/logging.h"

namespace firth::catalog {

/// Everything that a reader can see, as one text.
inline Result<std::string> Fingerprint(Catalog* catalog) {
  std::string out;
  const auto add = [&out](const auto&... parts) { ((out += fmt::format("{} ", parts)), ...); };
  ARROW_ASSIGN_OR_RAISE(const CommitId last, catalog->LastCommit());
  add("last", last.value);
  for (int64_t id = 1; id <= last.value; ++id) {
    ARROW_ASSIGN_OR_RAISE(const bool named, catalog->IsNamed(CommitId(id)));
    add(named ? "+" : "-");
  }
  ARROW_ASSIGN_OR_RAISE(const auto namespaces, catalog->ListNamespaces(Path()));
  for (const NamespaceInfo& info : namespaces) add(info.path.ToString(), info.created_ns);
  ARROW_ASSIGN_OR_RAISE(const auto tables, catalog->ListTables(Path()));
  add("tables", catalog->CountTables(), tables.size());
  for (const TablePtr& table : tables) {
    add(table->id.value, table->path.ToString(), table->modified_ns);
    ARROW_ASSIGN_OR_RAISE(const auto editions, catalog->ListEditions(table->id));
    for (const EditionInfo& edition : editions) {
      add(edition.id.value, edition.spec.bucket_count, edition.newest().schema->ToString());
      ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog->ListPartitions(edition.id));
      for (const PartitionInfo& p : partitions) add(p.id.value, p.first_log.value, p.bucket_count);
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto values, catalog->ListValues(""));
  for (const auto& [name, value] : values) add(name, value);
  return out;
}

/// Groups that make three tables, each in a change of its own, of which the second fails now and
/// then, and in one more change drop those of an earlier group.
class Workload : public World {
 public:
  Workload() : World(std::make_unique<store::MemoryFileSystem>()) {}

  Status RunGroup(int number) {
    const std::string name = "g" + std::to_string(number);
    std::vector<Change> group;
    for (int i = 0; i < 3; ++i) {
      group.push_back(MakeChange([=](Changes* c) -> Status {
        TableId id;
        ARROW_RETURN_NOT_OK(
            CreateWholeTable(c, name + "/t" + std::to_string(i), /*buckets=*/i + 1, &id));
        if (i == 1 && number % 4 == 0) return Error(Code::kAborted, Reason::kConflict, "no");
        return Status::OK();
      }));
    }
    group.push_back(MakeChange([=, this](Changes* c) -> Status {
      ARROW_ASSIGN_OR_RAISE(const auto old,
                            catalog->ListTables(P("g" + std::to_string(number - 3))));
      for (const TablePtr& table : old) ARROW_RETURN_NOT_OK(c->DropTable(table->id));
      return Status::OK();
    }));
    return catalog->ApplyGroup(&group);
  }
};

}  // namespace firth::catalog
