// Principals, secrets and grants: rows as they are given; what they mean is known in `access`.
#include "firth/catalog/sequences.h"
#include "firth/catalog/sql_catalog.h"
#include "firth/catalog/text_form.h"

namespace firth::catalog {
namespace {

Status NoPrincipal(PrincipalId id) {
  return Error(Code::kNotFound, Reason::kBadValue,
               "there is no principal " + std::to_string(id.value));
}

Result<bool> HasPrincipal(Connection* sql, PrincipalId id) {
  ARROW_ASSIGN_OR_RAISE(Statement query,
                        sql->Query("SELECT 1 FROM principals WHERE id = ?1", id.value));
  return query.Step();
}

}  // namespace

Result<PrincipalId> SqlCatalog::PutPrincipal(const PrincipalRow& row) {
  ARROW_ASSIGN_OR_RAISE(const std::string attributes, EncodeAttributes(row.attributes));
  PrincipalId id;
  ARROW_RETURN_NOT_OK(Transact([&]() -> Status {
    bool exists = false;
    {
      ARROW_ASSIGN_OR_RAISE(Statement query,
                            sql_->Query("SELECT id FROM principals WHERE name = ?1", row.name));
      ARROW_ASSIGN_OR_RAISE(exists, query.Step());
      if (exists) id = PrincipalId(query.Int(0));
    }
    if (!exists) {
      ARROW_ASSIGN_OR_RAISE(id.value, TakeFromSequence(sql_.get(), "principal", 1));
    }
    return sql_->Run(
        "INSERT INTO principals (id, name, kind, role, attributes)"
        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET"
        " kind = excluded.kind, role = excluded.role, attributes = excluded.attributes",
        id.value, row.name, row.kind, row.role, attributes);
  }));
  return id;
}

Status SqlCatalog::RemovePrincipal(PrincipalId id) {
  return Transact([&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const bool exists, HasPrincipal(sql_.get(), id));
    if (!exists) return NoPrincipal(id);
    return sql_->Run("DELETE FROM principals WHERE id = ?1", id.value);  // cascades
  });
}

Result<std::vector<PrincipalRow>> SqlCatalog::ListPrincipals() {
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(
      Statement query,
      sql_->Query("SELECT id, name, kind, role, attributes FROM principals ORDER BY id"));
  std::vector<PrincipalRow> rows;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool found, query.Step());
    if (!found) return rows;
    PrincipalRow row{PrincipalId(query.Int(0)), query.Text(1), query.Text(2), query.Text(3), {}};
    ARROW_ASSIGN_OR_RAISE(row.attributes, DecodeAttributes(query.Text(4)));
    rows.push_back(std::move(row));
  }
}

Result<int64_t> SqlCatalog::AddSecret(const SecretRow& row) {
  int64_t id = 0;
  ARROW_RETURN_NOT_OK(Transact([&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const bool exists, HasPrincipal(sql_.get(), row.principal));
    if (!exists) return NoPrincipal(row.principal);
    {
      ARROW_ASSIGN_OR_RAISE(Statement query, sql_->Query("SELECT 1 FROM secrets WHERE digest = ?1",
                                                         Blob{row.digest}));
      ARROW_ASSIGN_OR_RAISE(const bool taken, query.Step());
      if (taken) {
        return Error(Code::kAlreadyExists, Reason::kBadValue, "this secret is in use");
      }
    }
    ARROW_ASSIGN_OR_RAISE(id, TakeFromSequence(sql_.get(), "secret", 1));
    return sql_->Run(
        "INSERT INTO secrets (id, principal, digest, encrypted, description, prefix, created_ns)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        id, row.principal.value, Blob{row.digest}, Blob{row.encrypted}, row.description, row.prefix,
        row.created_ns);
  }));
  return id;
}

Status SqlCatalog::RemoveSecret(int64_t id) {
  return Transact([&]() -> Status {
    {
      ARROW_ASSIGN_OR_RAISE(Statement query,
                            sql_->Query("SELECT 1 FROM secrets WHERE id = ?1", id));
      ARROW_ASSIGN_OR_RAISE(const bool exists, query.Step());
      if (!exists) {
        return Error(Code::kNotFound, Reason::kUnknownSecret,
                     "there is no secret " + std::to_string(id));
      }
    }
    return sql_->Run("DELETE FROM secrets WHERE id = ?1", id);
  });
}

Result<std::vector<SecretRow>> SqlCatalog::ListSecrets() {
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(Statement query,
                        sql_->Query("SELECT id, principal, digest, encrypted, description, prefix,"
                                    " created_ns FROM secrets ORDER BY id"));
  std::vector<SecretRow> rows;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool found, query.Step());
    if (!found) return rows;
    rows.push_back({query.Int(0), PrincipalId(query.Int(1)), query.Text(2), query.Text(3),
                    query.Text(4), query.Text(5), query.Int(6)});
  }
}

Status SqlCatalog::PutGrant(const GrantRow& row) {
  const std::string path = row.path.ToString();
  return Transact([&]() -> Status {
    if (row.rights == 0) {
      return sql_->Run(
          "DELETE FROM grants WHERE principal = ?1 AND path = ?2 AND edition = ?3"
          " AND role = ?4",
          row.principal.value, path, row.edition.value, row.role);
    }
    ARROW_ASSIGN_OR_RAISE(const bool exists, HasPrincipal(sql_.get(), row.principal));
    if (!exists) return NoPrincipal(row.principal);
    return sql_->Run(
        "INSERT INTO grants (principal, path, edition, role, rights)"
        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (principal, path, edition, role)"
        " DO UPDATE SET rights = excluded.rights",
        row.principal.value, path, row.edition.value, row.role, row.rights);
  });
}

Result<std::vector<GrantRow>> SqlCatalog::ListGrants() {
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(Statement query,
                        sql_->Query("SELECT principal, path, edition, rights, role FROM grants"
                                    " ORDER BY principal, path, edition, role"));
  std::vector<GrantRow> rows;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool found, query.Step());
    if (!found) return rows;
    GrantRow row;
    row.principal = PrincipalId(query.Int(0));
    ARROW_ASSIGN_OR_RAISE(row.path, Path::Parse(query.Text(1)));
    row.edition = EditionId(query.Int(2));
    row.rights = static_cast<uint32_t>(query.Int(3));
    row.role = query.Text(4);
    rows.push_back(std::move(row));
  }
}

}  // namespace firth::catalog
