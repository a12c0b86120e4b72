#include "firth/catalog/rows.h"

#include <algorithm>
#include <set>
#include <utility>

#include "firth/catalog/text_form.h"
#include "firth/schema/schema.h"

// In each query, ?1 is the commit as of which it reads.
#define HOLDS "from_commit <= ?1 AND (to_commit IS NULL OR to_commit > ?1)"

namespace firth::catalog {
namespace {

/// The texts of all paths strictly below a path, as a half-open range. A segment's text never holds
/// `/`, whose successor is `0`; no text begins with the byte 0xff.
struct TextRange {
  std::string begin;
  std::string end;
};

TextRange Below(const Path& path) {
  if (path.empty()) return {"\x01", "\xff"};
  const std::string text = path.ToString();
  return {text + '/', text + '0'};
}

/// `text` cut after the first segment that follows `prefix_bytes` bytes.
std::string_view FirstSegmentAfter(std::string_view text, size_t prefix_bytes) {
  return text.substr(0, text.find('/', prefix_bytes));
}

Result<std::optional<std::string>> FirstText(Result<Statement> query) {
  ARROW_RETURN_NOT_OK(query.status());
  ARROW_ASSIGN_OR_RAISE(const bool row, query->Step());
  if (!row) return std::nullopt;
  return query->Text(0);
}

Result<std::optional<std::string>> FirstNamespaceIn(Connection* sql, const TextRange& range,
                                                    CommitId at) {
  return FirstText(
      sql->Query("SELECT path FROM namespaces WHERE path >= ?2 AND path < ?3 AND " HOLDS
                 " ORDER BY path LIMIT 1",
                 at.value, range.begin, range.end));
}

Result<std::optional<std::string>> FirstTableIn(Connection* sql, const TextRange& range,
                                                CommitId at) {
  return FirstText(sql->Query("SELECT path FROM tables WHERE path >= ?2 AND path < ?3 AND " HOLDS
                              " ORDER BY path LIMIT 1",
                              at.value, range.begin, range.end));
}

Result<std::optional<std::string>> FirstParentIn(Connection* sql, const TextRange& range,
                                                 CommitId at) {
  return FirstText(
      sql->Query("SELECT parent FROM tables WHERE parent >= ?2 AND parent < ?3 AND " HOLDS
                 " ORDER BY parent LIMIT 1",
                 at.value, range.begin, range.end));
}

/// Add the children of a path to which `first` leads, skipping over what is below each child.
template <typename First>
Status CollectChildren(TextRange range, size_t prefix_bytes, First first,
                       std::set<std::string>* children) {
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const std::optional<std::string> text, first(range));
    if (!text) return Status::OK();
    const std::string child(FirstSegmentAfter(*text, prefix_bytes));
    // Between "a" and "a/…" there may be "a-b": only when below the child may we skip to its end.
    range.begin = text->size() == child.size() ? child + '\x01' : child + '0';
    children->insert(child);
  }
}

Result<TableRow> ToTable(const Statement& row) {
  TableRow table;
  table.span = {row.Int(0), CommitId(row.Int(1))};
  table.id = TableId(row.Int(2));
  ARROW_ASSIGN_OR_RAISE(table.path, Path::Parse(row.Text(3)));
  ARROW_ASSIGN_OR_RAISE(table.attributes, DecodeAttributes(row.Text(4)));
  if (const auto current = row.MaybeInt(5)) table.current = EditionId(*current);
  table.created_ns = row.Int(6);
  table.modified_ns = row.Int(7);
  return table;
}
#define TABLE_COLUMNS \
  "row, from_commit, id, path, attributes, current_edition, created_ns, modified_ns"

Result<EditionRow> ToEdition(const Statement& row) {
  EditionRow edition;
  edition.span = {row.Int(0), CommitId(row.Int(1))};
  edition.info.id = EditionId(row.Int(2));
  edition.info.table = TableId(row.Int(3));
  edition.info.number = static_cast<int32_t>(row.Int(4));
  ARROW_ASSIGN_OR_RAISE(edition.info.spec, DecodeSpec(row.Text(5)));
  edition.info.next_field_id = static_cast<int32_t>(row.Int(6));
  edition.info.sealed = row.Int(7) != 0;
  edition.info.created = CommitId(row.Int(8));
  edition.info.created_ns = row.Int(9);
  return edition;
}
#define EDITION_COLUMNS                                                                   \
  "row, from_commit, id, table_id, number, spec, next_field_id, sealed, created_commit, " \
  "created_ns"

Result<PartitionRow> ToPartition(const Statement& row) {
  PartitionRow partition;
  partition.span = {row.Int(0), CommitId(row.Int(1))};
  partition.info.id = PartitionId(row.Int(0));
  partition.info.created = CommitId(row.Int(1));
  partition.info.edition = EditionId(row.Int(2));
  ARROW_ASSIGN_OR_RAISE(partition.info.values, DecodeValues(row.Text(3)));
  partition.info.first_log = LogId(row.Int(4));
  partition.info.bucket_count = static_cast<int32_t>(row.Int(5));
  partition.info.created_ns = row.Int(6);
  return partition;
}
#define PARTITION_COLUMNS \
  "id, from_commit, edition_id, \"values\", first_log, bucket_count, created_ns"

/// The first row of `query`, if any, through `convert`.
template <typename Row>
Result<std::optional<Row>> First(Result<Statement> query,
                                 Result<Row> (*convert)(const Statement&)) {
  ARROW_RETURN_NOT_OK(query.status());
  ARROW_ASSIGN_OR_RAISE(const bool found, query->Step());
  if (!found) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(Row row, convert(*query));
  return row;
}

/// End one row: what began in the very commit that ends it is removed.
Status End(Connection* sql, const char* remove, const char* end, const Span& span, CommitId to) {
  if (span.from == to) return sql->Run(remove, span.row);
  return sql->Run(end, span.row, to.value);
}

}  // namespace

// --- Namespaces

Result<std::optional<NamespaceRow>> FindNamespace(Connection* sql, const Path& path, CommitId at) {
  ARROW_ASSIGN_OR_RAISE(
      Statement query,
      sql->Query("SELECT row, from_commit, id, attributes, created_ns, modified_ns FROM namespaces"
                 " WHERE path = ?2 AND " HOLDS,
                 at.value, path.ToString()));
  ARROW_ASSIGN_OR_RAISE(const bool found, query.Step());
  if (!found) return std::nullopt;
  NamespaceRow row;
  row.span = {query.Int(0), CommitId(query.Int(1))};
  row.info.id = query.Int(2);
  row.info.path = path;
  ARROW_ASSIGN_OR_RAISE(row.info.attributes, DecodeAttributes(query.Text(3)));
  row.info.created_ns = query.Int(4);
  row.info.modified_ns = query.Int(5);
  return row;
}

Result<bool> HasBelow(Connection* sql, const Path& path, CommitId at) {
  const TextRange range = Below(path);
  ARROW_ASSIGN_OR_RAISE(const auto table, FirstTableIn(sql, range, at));
  if (table) return true;
  ARROW_ASSIGN_OR_RAISE(const auto space, FirstNamespaceIn(sql, range, at));
  return space.has_value();
}

Result<std::vector<Path>> ChildNamespaces(Connection* sql, const Path& parent, CommitId at) {
  const TextRange range = Below(parent);
  const size_t prefix_bytes = parent.empty() ? 0 : range.begin.size();
  std::set<std::string> children;
  ARROW_RETURN_NOT_OK(CollectChildren(
      range, prefix_bytes, [&](const TextRange& r) { return FirstNamespaceIn(sql, r, at); },
      &children));
  ARROW_RETURN_NOT_OK(CollectChildren(
      range, prefix_bytes, [&](const TextRange& r) { return FirstParentIn(sql, r, at); },
      &children));
  std::vector<Path> paths;
  for (const std::string& child : children) {
    ARROW_ASSIGN_OR_RAISE(Path path, Path::Parse(child));
    paths.push_back(std::move(path));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Status Begin(Connection* sql, const NamespaceInfo& info, CommitId from) {
  ARROW_ASSIGN_OR_RAISE(const std::string attributes, EncodeAttributes(info.attributes));
  return sql->Run(
      "INSERT INTO namespaces (id, path, attributes, created_ns, modified_ns, from_commit)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      info.id, info.path.ToString(), attributes, info.created_ns, info.modified_ns, from.value);
}

Status EndNamespace(Connection* sql, const Span& span, CommitId to) {
  return End(sql, "DELETE FROM namespaces WHERE row = ?1",
             "UPDATE namespaces SET to_commit = ?2 WHERE row = ?1", span, to);
}

// --- Tables

Result<std::optional<TableRow>> FindTable(Connection* sql, const Path& path, CommitId at) {
  return First(sql->Query("SELECT " TABLE_COLUMNS " FROM tables WHERE path = ?2 AND " HOLDS,
                          at.value, path.ToString()),
               ToTable);
}

Result<std::optional<TableRow>> FindTable(Connection* sql, TableId id, CommitId at) {
  return First(sql->Query("SELECT " TABLE_COLUMNS " FROM tables WHERE id = ?2 AND " HOLDS, at.value,
                          id.value),
               ToTable);
}

Result<std::vector<TableId>> TablesBelow(Connection* sql, const Path& prefix, CommitId at) {
  std::vector<TableId> tables;
  if (!prefix.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto table, FindTable(sql, prefix, at));
    if (table) tables.push_back(table->id);
  }
  const TextRange range = Below(prefix);
  ARROW_ASSIGN_OR_RAISE(
      Statement query,
      sql->Query("SELECT id FROM tables WHERE path >= ?2 AND path < ?3 AND " HOLDS " ORDER BY path",
                 at.value, range.begin, range.end));
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
    if (!row) return tables;
    tables.push_back(TableId(query.Int(0)));
  }
}

Status Begin(Connection* sql, const TableRow& table, CommitId from) {
  ARROW_ASSIGN_OR_RAISE(const std::string attributes, EncodeAttributes(table.attributes));
  std::optional<int64_t> current;
  if (table.current) current = table.current->value;
  return sql->Run(
      "INSERT INTO tables (id, path, parent, attributes, current_edition, created_ns, modified_ns,"
      " from_commit) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
      table.id.value, table.path.ToString(), table.path.Parent().ToString(), attributes, current,
      table.created_ns, table.modified_ns, from.value);
}

Status EndTable(Connection* sql, const Span& span, CommitId to) {
  return End(sql, "DELETE FROM tables WHERE row = ?1",
             "UPDATE tables SET to_commit = ?2 WHERE row = ?1", span, to);
}

// --- Editions and schemas

Result<std::optional<EditionRow>> FindEdition(Connection* sql, EditionId id, CommitId at) {
  return First(sql->Query("SELECT " EDITION_COLUMNS " FROM editions WHERE id = ?2 AND " HOLDS,
                          at.value, id.value),
               ToEdition);
}

Status ReadSchemas(Connection* sql, CommitId at, EditionInfo* edition) {
  ARROW_ASSIGN_OR_RAISE(
      Statement query,
      sql->Query("SELECT id, schema, from_commit FROM schemas WHERE edition_id = ?2 AND " HOLDS
                 " ORDER BY id",
                 at.value, edition->id.value));
  edition->schemas.clear();
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
    if (!row) break;
    SchemaInfo schema{SchemaId(static_cast<int32_t>(query.Int(0))), nullptr,
                      CommitId(query.Int(2))};
    ARROW_ASSIGN_OR_RAISE(schema.schema, schema::ParseSchema(query.Text(1)));
    edition->schemas.push_back(std::move(schema));
  }
  if (!edition->schemas.empty()) return Status::OK();
  return Error(Code::kDataLoss, Reason::kSchemaNotFound,
               "the catalog holds no schema of edition " + std::to_string(edition->id.value));
}

Result<std::vector<EditionRow>> EditionsOf(Connection* sql, TableId table, CommitId at) {
  ARROW_ASSIGN_OR_RAISE(Statement query, sql->Query("SELECT " EDITION_COLUMNS
                                                    " FROM editions WHERE table_id = ?2 AND " HOLDS
                                                    " ORDER BY number",
                                                    at.value, table.value));
  std::vector<EditionRow> editions;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
    if (!row) return editions;
    ARROW_ASSIGN_OR_RAISE(EditionRow edition, ToEdition(query));
    editions.push_back(std::move(edition));
  }
}

Result<bool> NumberWasGiven(Connection* sql, TableId table, int32_t number) {
  ARROW_ASSIGN_OR_RAISE(
      Statement query,
      sql->Query("SELECT 1 FROM editions WHERE table_id = ?1 AND number = ?2 LIMIT 1", table.value,
                 number));
  return query.Step();
}

Result<int32_t> NextNumber(Connection* sql, TableId table) {
  ARROW_ASSIGN_OR_RAISE(
      Statement query,
      sql->Query("SELECT number FROM editions WHERE table_id = ?1 ORDER BY number DESC LIMIT 1",
                 table.value));
  ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
  return row ? static_cast<int32_t>(query.Int(0) + 1) : 0;
}

Status Begin(Connection* sql, const EditionInfo& edition, CommitId from) {
  ARROW_ASSIGN_OR_RAISE(const std::string spec, EncodeSpec(edition.spec));
  return sql->Run(
      "INSERT INTO editions (id, table_id, number, spec, next_field_id, sealed, created_commit,"
      " created_ns, from_commit) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
      edition.id.value, edition.table.value, edition.number, spec, edition.next_field_id,
      static_cast<int64_t>(edition.sealed), edition.created.value, edition.created_ns, from.value);
}

Status EndEdition(Connection* sql, const Span& span, CommitId to) {
  return End(sql, "DELETE FROM editions WHERE row = ?1",
             "UPDATE editions SET to_commit = ?2 WHERE row = ?1", span, to);
}

Status BeginSchema(Connection* sql, EditionId edition, const SchemaInfo& schema) {
  ARROW_ASSIGN_OR_RAISE(const std::string bytes, schema::SerializeSchema(*schema.schema));
  return sql->Run(
      "INSERT INTO schemas (edition_id, id, schema, from_commit) VALUES (?1, ?2, ?3, ?4)",
      edition.value, schema.id.value, Blob{bytes}, schema.created.value);
}

Status EndSchemasOf(Connection* sql, EditionId edition, CommitId to) {
  ARROW_RETURN_NOT_OK(sql->Run("DELETE FROM schemas WHERE edition_id = ?1 AND from_commit = ?2",
                               edition.value, to.value));
  return sql->Run("UPDATE schemas SET to_commit = ?2 WHERE edition_id = ?1 AND to_commit IS NULL",
                  edition.value, to.value);
}

// --- Partitions

Result<std::vector<PartitionInfo>> PartitionsOf(Connection* sql, EditionId edition, CommitId at) {
  ARROW_ASSIGN_OR_RAISE(
      Statement query,
      sql->Query("SELECT " PARTITION_COLUMNS " FROM partitions WHERE edition_id = ?2 AND " HOLDS
                 " ORDER BY id",
                 at.value, edition.value));
  std::vector<PartitionInfo> partitions;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
    if (!row) return partitions;
    ARROW_ASSIGN_OR_RAISE(PartitionRow partition, ToPartition(query));
    partitions.push_back(std::move(partition.info));
  }
}

Result<std::optional<PartitionRow>> FindPartition(Connection* sql, PartitionId id, CommitId at) {
  return First(sql->Query("SELECT " PARTITION_COLUMNS " FROM partitions WHERE id = ?2 AND " HOLDS,
                          at.value, id.value),
               ToPartition);
}

Result<std::optional<PartitionRow>> FindPartition(Connection* sql, EditionId edition,
                                                  const std::vector<std::string>& values,
                                                  CommitId at) {
  ARROW_ASSIGN_OR_RAISE(const std::string text, EncodeValues(values));
  // Only the living have an index by values; of those as of a commit, all are looked through.
  if (at == kNow) {
    return First(sql->Query("SELECT " PARTITION_COLUMNS " FROM partitions WHERE edition_id = ?1 AND"
                            " \"values\" = ?2 AND to_commit IS NULL",
                            edition.value, text),
                 ToPartition);
  }
  return First(sql->Query("SELECT " PARTITION_COLUMNS
                          " FROM partitions WHERE edition_id = ?2 AND \"values\" = ?3 AND " HOLDS,
                          at.value, edition.value, text),
               ToPartition);
}

Result<std::optional<PartitionRow>> FindPartitionOfLog(Connection* sql, LogId log) {
  ARROW_ASSIGN_OR_RAISE(std::optional<PartitionRow> row,
                        First(
                            sql->Query("SELECT " PARTITION_COLUMNS ", to_commit FROM partitions"
                                       " WHERE first_log <= ?1 ORDER BY first_log DESC LIMIT 1",
                                       log.value),
                            +[](const Statement& found) -> Result<PartitionRow> {
                              ARROW_ASSIGN_OR_RAISE(PartitionRow partition, ToPartition(found));
                              if (found.MaybeInt(7))
                                partition.info.bucket_count = 0;  // ended: it has no logs now
                              return partition;
                            }));
  if (row && log.value - row->info.first_log.value >= row->info.bucket_count) row.reset();
  return row;
}

Status Begin(Connection* sql, const PartitionInfo& partition) {
  ARROW_ASSIGN_OR_RAISE(const std::string values, EncodeValues(partition.values));
  return sql->Run(
      "INSERT INTO partitions (id, edition_id, \"values\", first_log, bucket_count, created_ns,"
      " from_commit) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      partition.id.value, partition.edition.value, values, partition.first_log.value,
      partition.bucket_count, partition.created_ns, partition.created.value);
}

Status EndPartition(Connection* sql, const Span& span, CommitId to) {
  return End(sql, "DELETE FROM partitions WHERE id = ?1",
             "UPDATE partitions SET to_commit = ?2 WHERE id = ?1", span, to);
}

Status EndPartitionsOf(Connection* sql, EditionId edition, CommitId to) {
  ARROW_RETURN_NOT_OK(sql->Run("DELETE FROM partitions WHERE edition_id = ?1 AND from_commit = ?2",
                               edition.value, to.value));
  return sql->Run(
      "UPDATE partitions SET to_commit = ?2 WHERE edition_id = ?1 AND to_commit IS NULL",
      edition.value, to.value);
}

}  // namespace firth::catalog
