#include "firth/catalog/catalog.h"

#include "firth/catalog/migrations.h"
#include "firth/catalog/sql_catalog.h"

namespace firth::catalog {

const SchemaInfo* EditionInfo::FindSchema(SchemaId wanted) const {
  for (const SchemaInfo& schema : schemas) {
    if (schema.id == wanted) return &schema;
  }
  return nullptr;
}

Result<std::unique_ptr<Catalog>> Catalog::Open(const CatalogOptions& options) {
  return SqlCatalog::Open(options);
}

SqlCatalog::SqlCatalog(std::unique_ptr<Connection> sql) : sql_(std::move(sql)) {}
SqlCatalog::~SqlCatalog() = default;

Result<std::unique_ptr<SqlCatalog>> SqlCatalog::Open(const CatalogOptions& options) {
  const std::string path =
      options.local_root.empty() ? options.path : options.local_root + "/" + options.path;
  ARROW_ASSIGN_OR_RAISE(auto sql, Connection::Open(path, nullptr, nullptr));
  ARROW_RETURN_NOT_OK(
      sql->RunScript("PRAGMA locking_mode = EXCLUSIVE;"
                     "PRAGMA journal_mode = WAL;"
                     "PRAGMA synchronous = FULL;"
                     "PRAGMA foreign_keys = ON;"
                     "PRAGMA temp_store = MEMORY;"
                     "PRAGMA cache_size = -2048;"
                     "PRAGMA journal_size_limit = 4194304;"));
  ARROW_RETURN_NOT_OK(Migrate(sql.get()));
  std::unique_ptr<SqlCatalog> catalog(new SqlCatalog(std::move(sql)));
  ARROW_ASSIGN_OR_RAISE(catalog->tables_, catalog->Meta("tables"));
  return catalog;
}

}  // namespace firth::catalog
