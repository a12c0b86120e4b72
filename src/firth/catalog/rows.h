// The rows of the catalog that hold for a span of commits: reading them as of a commit, beginning
// and ending them. Every query here is served by an index.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/catalog/sql.h"
#include "firth/common/ids.h"
#include "firth/common/path.h"
#include "firth/common/status.h"

namespace firth::catalog {

/// Where a row that holds now lies, and since which commit.
struct Span {
  int64_t row = 0;
  CommitId from{0};
};

struct NamespaceRow {
  Span span;
  NamespaceInfo info;
};
struct TableRow {
  Span span;
  TableId id;
  Path path;
  Attributes attributes;
  std::optional<EditionId> current;
  int64_t created_ns = 0;
  int64_t modified_ns = 0;
};
struct EditionRow {
  Span span;
  EditionInfo info;  // without schemas
};
struct PartitionRow {
  Span span;
  PartitionInfo info;
};

// --- Reading, as of the commit `at`.

Result<std::optional<NamespaceRow>> FindNamespace(Connection* sql, const Path& path, CommitId at);
/// Is a table or a created namespace below `path` (not at it)?
Result<bool> HasBelow(Connection* sql, const Path& path, CommitId at);
/// Paths directly below `parent` that are created namespaces or have something below them,
/// ascending. Costs a few index seeks a child, however much is below it.
Result<std::vector<Path>> ChildNamespaces(Connection* sql, const Path& parent, CommitId at);

Result<std::optional<TableRow>> FindTable(Connection* sql, const Path& path, CommitId at);
Result<std::optional<TableRow>> FindTable(Connection* sql, TableId id, CommitId at);
/// The tables at and below `prefix`.
Result<std::vector<TableId>> TablesBelow(Connection* sql, const Path& prefix, CommitId at);

Result<std::optional<EditionRow>> FindEdition(Connection* sql, EditionId id, CommitId at);
/// Fill in `edition->schemas`.
Status ReadSchemas(Connection* sql, CommitId at, EditionInfo* edition);
/// The editions of a table, by number.
Result<std::vector<EditionRow>> EditionsOf(Connection* sql, TableId table, CommitId at);
/// Was there ever an edition of this number?
Result<bool> NumberWasGiven(Connection* sql, TableId table, int32_t number);
/// One more than any number ever given; 0 at first.
Result<int32_t> NextNumber(Connection* sql, TableId table);

/// The partitions of an edition, by id.
Result<std::vector<PartitionInfo>> PartitionsOf(Connection* sql, EditionId edition, CommitId at);
Result<std::optional<PartitionRow>> FindPartition(Connection* sql, PartitionId id, CommitId at);
Result<std::optional<PartitionRow>> FindPartition(Connection* sql, EditionId edition,
                                                  const std::vector<std::string>& values,
                                                  CommitId at);
Result<std::optional<PartitionRow>> FindPartitionOfLog(Connection* sql, LogId log);

// --- Writing. A row begins with the commit `from` (the span in the struct is not read), and ends
// with the commit `to`: it holds no more just after it. A row that began with the same commit
// leaves no trace.

Status Begin(Connection* sql, const NamespaceInfo& info, CommitId from);
Status Begin(Connection* sql, const TableRow& table, CommitId from);
Status Begin(Connection* sql, const EditionInfo& edition, CommitId from);
Status BeginSchema(Connection* sql, EditionId edition, const SchemaInfo& schema);
Status Begin(Connection* sql, const PartitionInfo& partition);

Status EndNamespace(Connection* sql, const Span& span, CommitId to);
Status EndTable(Connection* sql, const Span& span, CommitId to);
Status EndEdition(Connection* sql, const Span& span, CommitId to);
Status EndSchemasOf(Connection* sql, EditionId edition, CommitId to);
Status EndPartition(Connection* sql, const Span& span, CommitId to);
Status EndPartitionsOf(Connection* sql, EditionId edition, CommitId to);

}  // namespace firth::catalog
