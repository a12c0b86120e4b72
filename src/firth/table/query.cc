// SQL over tables: how a statement's names find tables, and how their rows are read.
#include <algorithm>
#include <utility>

#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

constexpr size_t kKeyedBatchRows = 4096;

std::shared_ptr<arrow::Schema> Chosen(const arrow::Schema& schema,
                                      const std::vector<int>& columns) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const int column : columns) fields.push_back(schema.field(column)->RemoveMetadata());
  return arrow::schema(std::move(fields));
}

/// A table with a key: its current rows, from the key view.
class CurrentRows : public arrow::RecordBatchReader {
 public:
  CurrentRows(TablePtr table, RowCodecsCache* cache, RowCodecsPtr codecs, std::vector<int> columns,
              std::vector<std::unique_ptr<keyview::KeyCursor>> cursors)
      : table_(std::move(table)),
        cache_(cache),
        codecs_(std::move(codecs)),
        columns_(std::move(columns)),
        schema_(Chosen(*codecs_->schema, columns_)),
        cursors_(std::move(cursors)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    rows->reset();
    std::vector<std::string> compact;
    while (!cursors_.empty() && compact.size() < kKeyedBatchRows) {
      keyview::KeyCursor* cursor = cursors_.back().get();
      if (!cursor->Valid()) {
        ARROW_RETURN_NOT_OK(cursor->status());
        cursors_.pop_back();
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const keyview::Row row, cursor->row());
      ARROW_ASSIGN_OR_RAISE(compact.emplace_back(),
                            RowUnder(*table_->current, cache_, *codecs_, row.value));
      cursor->Next();
    }
    if (compact.empty()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto decoded,
                          codecs_->row->Decode({compact.begin(), compact.end()}));
    ARROW_ASSIGN_OR_RAISE(*rows, decoded->SelectColumns(columns_));
    return Status::OK();
  }

 private:
  const TablePtr table_;
  RowCodecsCache* const cache_;
  const RowCodecsPtr codecs_;
  const std::vector<int> columns_;
  const std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::unique_ptr<keyview::KeyCursor>> cursors_;
};

/// `d.t` as the path d/t; a part may itself hold `/`.
Result<Path> PathOf(const std::vector<std::string>& name) {
  std::string text;
  for (const std::string& part : name) text += (text.empty() ? "" : "/") + part;
  return Path::Parse(text);
}

class Resolver : public query::TableResolver {
 public:
  using Make = std::function<Result<query::ResolvedTable>(const TablePtr& table)>;

  Resolver(Database* database, const Caller& caller, Make make)
      : database_(database), caller_(caller), make_(std::move(make)) {}

  Result<query::ResolvedTable> Resolve(const std::vector<std::string>& name) override {
    ARROW_ASSIGN_OR_RAISE(const Path path, PathOf(name));
    ARROW_ASSIGN_OR_RAISE(const TablePtr table, database_->GetTable(caller_, path));
    return make_(table);
  }

 private:
  Database* const database_;
  const Caller caller_;
  const Make make_;
};

}  // namespace

Result<std::shared_ptr<arrow::RecordBatchReader>> DatabaseImpl::OpenCurrentRows(
    const TablePtr& table, const std::vector<std::string>& names) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  ARROW_ASSIGN_OR_RAISE(auto columns, schema::ColumnIndices(*edition->newest().schema, names));
  ARROW_ASSIGN_OR_RAISE(auto codecs, codecs_.Get(*edition, edition->newest().id));
  ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog_->ListPartitions(edition->id));
  std::vector<std::unique_ptr<keyview::KeyCursor>> cursors;
  for (const PartitionInfo& partition : partitions) {
    for (int32_t bucket = 0; bucket < partition.bucket_count; ++bucket) {
      ARROW_ASSIGN_OR_RAISE(cursors.emplace_back(),
                            key_view_->Scan(partition.LogOf(bucket), "", "", /*backwards=*/false));
    }
  }
  std::reverse(cursors.begin(), cursors.end());  // they are read from the back
  return std::make_shared<CurrentRows>(table, &codecs_, std::move(codecs), std::move(columns),
                                       std::move(cursors));
}

Result<query::ResolvedTable> DatabaseImpl::ResolveTable(const TablePtr& table, CommitId as_of) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  query::ResolvedTable resolved{.schema = edition->newest().schema};
  if (!edition->spec.key.empty()) {
    resolved.open = [this, table](const std::vector<std::string>& columns) {
      return OpenCurrentRows(table, columns);
    };
    return resolved;
  }
  ARROW_ASSIGN_OR_RAISE(LakeRows rows, lake_->RowsOf(table, as_of));
  resolved.parquet = std::move(rows.parquet);
  resolved.hold = std::move(rows.hold);
  resolved.open = std::move(rows.open_rest);
  return resolved;
}

Result<std::unique_ptr<QueryResult>> DatabaseImpl::Query(const Caller& caller,
                                                         const std::string& sql,
                                                         const QueryOptions& options) {
  const CommitId as_of = LastCommit();
  Resolver resolver(this, caller,
                    [this, caller, as_of](const TablePtr& table) -> Result<query::ResolvedTable> {
                      ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *table));
                      return ResolveTable(table, as_of);
                    });
  return query_engine_.Run(sql, &resolver, options);
}

}  // namespace firth::table
