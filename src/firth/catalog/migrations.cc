#include "firth/catalog/migrations.h"

#include <array>
#include <string>

namespace firth::catalog {
namespace {

// Rows that hold for a span of commits have from_commit and to_commit: they hold at commit c if
// from_commit <= c and (to_commit is null or c < to_commit). Each index that serves reads as of a
// commit therefore ends with from_commit; the partial unique indexes state what is unique at any
// one time.
constexpr char kVersion1[] = R"sql(
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sequences (
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE commit_names (
  id INTEGER PRIMARY KEY,
  journal_file INTEGER NOT NULL
);
CREATE INDEX commit_names_by_file ON commit_names (journal_file);

CREATE TABLE namespaces (
  row INTEGER PRIMARY KEY,
  id INTEGER NOT NULL,
  path TEXT NOT NULL,
  attributes TEXT NOT NULL,
  created_ns INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  from_commit INTEGER NOT NULL,
  to_commit INTEGER
);
CREATE UNIQUE INDEX namespaces_now ON namespaces (path) WHERE to_commit IS NULL;
CREATE INDEX namespaces_by_path ON namespaces (path, from_commit, to_commit);

CREATE TABLE tables (
  row INTEGER PRIMARY KEY,
  id INTEGER NOT NULL,
  path TEXT NOT NULL,
  parent TEXT NOT NULL,
  attributes TEXT NOT NULL,
  current_edition INTEGER,
  created_ns INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  from_commit INTEGER NOT NULL,
  to_commit INTEGER
);
CREATE UNIQUE INDEX tables_now ON tables (path) WHERE to_commit IS NULL;
CREATE INDEX tables_by_path ON tables (path, from_commit, to_commit);
CREATE INDEX tables_by_parent ON tables (parent, from_commit, to_commit);
CREATE UNIQUE INDEX tables_by_id ON tables (id, from_commit);

CREATE TABLE editions (
  row INTEGER PRIMARY KEY,
  id INTEGER NOT NULL,
  table_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  spec TEXT NOT NULL,
  next_field_id INTEGER NOT NULL,
  sealed INTEGER NOT NULL,
  created_commit INTEGER NOT NULL,
  created_ns INTEGER NOT NULL,
  from_commit INTEGER NOT NULL,
  to_commit INTEGER
);
CREATE UNIQUE INDEX editions_by_id ON editions (id, from_commit);
CREATE INDEX editions_by_table ON editions (table_id, number);

CREATE TABLE schemas (
  edition_id INTEGER NOT NULL,
  id INTEGER NOT NULL,
  schema BLOB NOT NULL,
  from_commit INTEGER NOT NULL,
  to_commit INTEGER,
  PRIMARY KEY (edition_id, id)
);

CREATE TABLE partitions (
  id INTEGER PRIMARY KEY,
  edition_id INTEGER NOT NULL,
  "values" TEXT NOT NULL,
  first_log INTEGER NOT NULL UNIQUE,
  bucket_count INTEGER NOT NULL CHECK (bucket_count > 0),
  created_ns INTEGER NOT NULL,
  from_commit INTEGER NOT NULL,
  to_commit INTEGER
);
CREATE UNIQUE INDEX partitions_now ON partitions (edition_id, "values") WHERE to_commit IS NULL;
CREATE INDEX partitions_by_edition ON partitions (edition_id, id);

CREATE TABLE named_values (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE principals (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  role TEXT NOT NULL,
  attributes TEXT NOT NULL
);

CREATE TABLE secrets (
  id INTEGER PRIMARY KEY,
  principal INTEGER NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
  digest BLOB NOT NULL UNIQUE,
  encrypted BLOB NOT NULL,
  description TEXT NOT NULL,
  prefix TEXT NOT NULL,
  created_ns INTEGER NOT NULL
);
CREATE INDEX secrets_by_principal ON secrets (principal);

CREATE TABLE grants (
  principal INTEGER NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  edition INTEGER NOT NULL,
  role TEXT NOT NULL,
  rights INTEGER NOT NULL,
  PRIMARY KEY (principal, path, edition, role)
) WITHOUT ROWID;

INSERT INTO meta VALUES ('format_version', 1), ('last_commit', 0), ('last_commit_time_ns', 0), ('tables', 0);
PRAGMA user_version = 1;
)sql";

// Things and their facts: a row a thing, in the order in which they came, so that new ones fill a
// page after the other. thing_ids is id_index.h's.
constexpr char kVersion2[] = R"sql(
CREATE TABLE things (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  place BLOB,
  facts BLOB NOT NULL
);

CREATE TABLE thing_places (
  place BLOB PRIMARY KEY,
  number INTEGER NOT NULL,
  id BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE thing_groups (
  name BLOB PRIMARY KEY,
  things INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE thing_ids (
  key INTEGER PRIMARY KEY,
  entries BLOB NOT NULL
);

CREATE TABLE thing_id_lists (
  list INTEGER PRIMARY KEY,
  entries INTEGER NOT NULL
);

INSERT INTO meta VALUES ('things_listed', 0);
UPDATE meta SET value = 2 WHERE name = 'format_version';
PRAGMA user_version = 2;
)sql";

/// Step i brings version i to version i + 1; it ends by writing the version at both places.
constexpr std::array<const char*, kFormatVersion> kSteps = {kVersion1, kVersion2};

Result<int64_t> VersionOf(Connection* connection) {
  ARROW_ASSIGN_OR_RAISE(Statement pragma, connection->Query("PRAGMA user_version"));
  ARROW_ASSIGN_OR_RAISE(const bool row, pragma.Step());
  return row ? pragma.Int(0) : 0;
}

}  // namespace

Status Migrate(Connection* connection) {
  ARROW_ASSIGN_OR_RAISE(const int64_t found, VersionOf(connection));
  if (found > kFormatVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "the catalog has format version " + std::to_string(found) +
                     ", but this program knows versions up to " + std::to_string(kFormatVersion) +
                     ": open this store with the newer program that wrote it");
  }
  if (found < 0) {
    return Error(Code::kDataLoss, Reason::kNone,
                 "the catalog has the impossible format version " + std::to_string(found));
  }
  for (int64_t version = found; version < kFormatVersion; ++version) {
    ARROW_RETURN_NOT_OK(connection->RunScript("BEGIN IMMEDIATE"));
    Status status = connection->RunScript(kSteps[static_cast<size_t>(version)]);
    if (status.ok()) status = connection->RunScript("COMMIT");
    if (!status.ok()) {
      if (connection->InTransaction()) (void)connection->RunScript("ROLLBACK");
      return status;
    }
  }
  ARROW_ASSIGN_OR_RAISE(Statement meta,
                        connection->Query("SELECT value FROM meta WHERE name = 'format_version'"));
  ARROW_ASSIGN_OR_RAISE(const bool row, meta.Step());
  if (!row || meta.Int(0) != kFormatVersion) {
    return Error(Code::kDataLoss, Reason::kNone,
                 "the catalog's file says format version " + std::to_string(kFormatVersion) +
                     ", but its table `meta` does not");
  }
  return Status::OK();
}

}  // namespace firth::catalog
