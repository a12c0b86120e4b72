// What the tests of this room share: a catalog over files in memory, and short ways to change it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/clock.h"
#include "firth/schema/schema.h"
#include "firth/store/memory_file_system.h"
#include "firth/store/testing_files.h"

namespace firth::catalog {

inline Path P(const std::string& text) {
  return Path::Parse(text).ValueOrDie();
}

/// A schema of int64 columns with the field ids 0, 1, …
inline std::shared_ptr<arrow::Schema> MakeSchema(const std::vector<std::string>& columns) {
  arrow::FieldVector fields;
  for (const std::string& column : columns) {
    fields.push_back(schema::WithFieldId(arrow::field(column, arrow::int64()),
                                         static_cast<int32_t>(fields.size())));
  }
  return arrow::schema(fields);
}

inline std::vector<std::string> Names(const std::vector<NamespaceInfo>& namespaces) {
  std::vector<std::string> names;
  for (const NamespaceInfo& info : namespaces) names.push_back(info.path.ToString());
  return names;
}
inline std::vector<std::string> Names(const std::vector<TablePtr>& tables) {
  std::vector<std::string> names;
  for (const TablePtr& table : tables) names.push_back(table->path.ToString());
  return names;
}
using Texts = std::vector<std::string>;

/// A catalog, with what its commits are numbered by.
class World {
 public:
  using Run = std::function<Status(Changes*)>;

  explicit World(std::unique_ptr<store::MemoryFileSystem> f) : files(std::move(f)) {}

  Status Open() {
    ARROW_ASSIGN_OR_RAISE(catalog, Catalog::Open({.files = files.get(), .clock = &clock}));
    ARROW_ASSIGN_OR_RAISE(last, catalog->LastCommit());
    return Status::OK();
  }
  /// Close and open again.
  Status Reopen() {
    catalog.reset();
    return Open();
  }

  Change MakeChange(Run run) {
    ++last.value;
    return Change{last, 1000 * last.value, 7, std::move(run), Status::OK()};
  }
  /// One commit of its own; its result.
  Status Apply(Run run) {
    std::vector<Change> group{MakeChange(std::move(run))};
    ARROW_RETURN_NOT_OK(catalog->ApplyGroup(&group));
    return group[0].result;
  }
  Result<TableId> CreateTable(const std::string& path, const Attributes& attributes = {}) {
    TableId id;
    ARROW_RETURN_NOT_OK(Apply([&](Changes* changes) -> Status {
      ARROW_ASSIGN_OR_RAISE(id, changes->CreateTable(P(path), attributes));
      return Status::OK();
    }));
    return id;
  }
  /// A table with one edition, which is current, and one partition without a name.
  Result<TableId> CreateWholeTable(const std::string& path, int32_t buckets = 1) {
    TableId id;
    ARROW_RETURN_NOT_OK(
        Apply([&](Changes* changes) { return CreateWholeTable(changes, path, buckets, &id); }));
    return id;
  }
  static Status CreateWholeTable(Changes* changes, const std::string& path, int32_t buckets,
                                 TableId* id) {
    ARROW_ASSIGN_OR_RAISE(*id, changes->CreateTable(P(path), {}));
    EditionSpec spec;
    spec.bucket_count = buckets;
    ARROW_ASSIGN_OR_RAISE(const EditionId edition,
                          changes->CreateEdition(*id, -1, spec, MakeSchema({"a", "b"}), 2, true));
    return changes->CreatePartition(edition, {}, buckets).status();
  }
  Result<EditionId> CreateEdition(TableId table, int32_t number = -1, bool make_current = true) {
    EditionId id;
    ARROW_RETURN_NOT_OK(Apply([&](Changes* changes) -> Status {
      ARROW_ASSIGN_OR_RAISE(id, changes->CreateEdition(table, number, EditionSpec{},
                                                       MakeSchema({"a"}), 1, make_current));
      return Status::OK();
    }));
    return id;
  }
  Result<PartitionId> CreatePartition(EditionId edition, const Texts& values, int32_t buckets = 1) {
    PartitionId id;
    ARROW_RETURN_NOT_OK(Apply([&](Changes* changes) -> Status {
      ARROW_ASSIGN_OR_RAISE(id, changes->CreatePartition(edition, values, buckets));
      return Status::OK();
    }));
    return id;
  }

  std::unique_ptr<store::MemoryFileSystem> files;
  ManualClock clock;
  std::unique_ptr<Catalog> catalog;
  CommitId last{0};
};

class CatalogTest : public testing::Test, protected World {
 protected:
  CatalogTest() : World(std::make_unique<store::MemoryFileSystem>()) {}
  void SetUp() override { ASSERT_OK(Open()); }
};

}  // namespace firth::catalog
