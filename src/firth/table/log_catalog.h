// What the log keeps in the catalog: the names of commits, where logs start, which files are live.
#pragma once

#include "firth/catalog/catalog.h"
#include "firth/log/log_store.h"

namespace firth::table {

/// A commit's part of the catalog, as the committer carries it.
class CatalogChange : public log::CatalogPart {
 public:
  explicit CatalogChange(std::function<Status(catalog::Changes*)> change)
      : run(std::move(change)) {}
  const std::function<Status(catalog::Changes*)> run;
};

/// Let `options` reach the catalog, which must outlive the log.
Status KeepLogInCatalog(catalog::Catalog* catalog, log::LogOptions* options);

/// Error kEditionSealed.
Status EditionIsSealed();

}  // namespace firth::table
