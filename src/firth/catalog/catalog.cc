#include "firth/catalog/catalog.h"

#include "firth/catalog/database_file.h"
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

Facts* FactsOf(Catalog* catalog) {
  // This room makes every Catalog there is.
  return static_cast<SqlCatalog*>(catalog)->facts();
}

SqlCatalog::SqlCatalog(DatabaseFile database)
    : layer_(std::move(database.layer)), sql_(std::move(database.sql)) {}
SqlCatalog::~SqlCatalog() = default;

Result<std::unique_ptr<SqlCatalog>> SqlCatalog::Open(const CatalogOptions& options) {
  ARROW_ASSIGN_OR_RAISE(DatabaseFile database,
                        OpenDatabase(options.files, options.path, options.on_fatal));
  ARROW_RETURN_NOT_OK(Migrate(database.sql.get()));
  std::unique_ptr<SqlCatalog> catalog(new SqlCatalog(std::move(database)));
  ARROW_ASSIGN_OR_RAISE(catalog->tables_, catalog->Meta("tables"));
  ARROW_RETURN_NOT_OK(catalog->facts_.Open());
  return catalog;
}

}  // namespace firth::catalog
