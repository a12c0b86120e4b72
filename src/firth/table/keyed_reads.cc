// Reading keyed tables: by key, by prefix, in key order.
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

StoredRow ToStored(keyview::Row&& row) {
  return {
      .value = std::move(row.value), .commit = row.commit, .record_time_ns = row.record_time_ns};
}

// Rows that one prefix may give; a caller that wants more scans.
constexpr size_t kPrefixRowsMax = 1'000'000;

}  // namespace

Result<const EditionInfo*> DatabaseImpl::KeyedEdition(const TableInfo& table) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  if (!edition->spec.key.empty()) return edition;
  return Error(Code::kFailedPrecondition, Reason::kNotKeyed,
               "table '" + table.path.ToString() + "' has no key");
}

void DatabaseImpl::Lookup(const Caller& caller, const TablePtr& table, BucketRef where,
                          std::vector<std::string> keys, LookupDone done) {
  in_work_.Begin();
  options_.readers->Post(
      [this, caller, table, where, keys = std::move(keys), done = std::move(done)] {
        const auto look = [&]() -> Result<std::vector<std::optional<StoredRow>>> {
          ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *table));
          ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, KeyedEdition(*table));
          ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(*table, where));
          ARROW_ASSIGN_OR_RAISE(const auto codecs, codecs_.Get(*edition, edition->newest().id));
          std::vector<std::string> canonical(keys.size());
          for (size_t i = 0; i < keys.size(); ++i) {
            ARROW_RETURN_NOT_OK(
                codecs->compact_key->ToCanonical(keys[i], /*prefix=*/false, &canonical[i]));
          }
          ARROW_ASSIGN_OR_RAISE(auto rows, key_view_->Get(log, canonical));
          std::vector<std::optional<StoredRow>> found(rows.size());
          for (size_t i = 0; i < rows.size(); ++i) {
            if (rows[i].has_value()) found[i] = ToStored(std::move(*rows[i]));
          }
          return found;
        };
        done(look());
        in_work_.End();
      });
}

void DatabaseImpl::PrefixLookup(const Caller& caller, const TablePtr& table, BucketRef where,
                                std::vector<std::string> prefixes, PrefixLookupDone done) {
  in_work_.Begin();
  options_.readers->Post([this, caller, table, where, prefixes = std::move(prefixes),
                          done = std::move(done)] {
    const auto look = [&]() -> Result<std::vector<std::vector<StoredRow>>> {
      ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *table));
      ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, KeyedEdition(*table));
      ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(*table, where));
      ARROW_ASSIGN_OR_RAISE(const auto codecs, codecs_.Get(*edition, edition->newest().id));
      std::vector<std::vector<StoredRow>> found(prefixes.size());
      for (size_t i = 0; i < prefixes.size(); ++i) {
        std::string from;
        ARROW_RETURN_NOT_OK(codecs->compact_key->ToCanonical(prefixes[i], /*prefix=*/true, &from));
        ARROW_ASSIGN_OR_RAISE(const auto cursor, key_view_->Scan(log, from, schema::PrefixEnd(from),
                                                                 /*backwards=*/false));
        for (; cursor->Valid(); cursor->Next()) {
          ARROW_ASSIGN_OR_RAISE(keyview::Row row, cursor->row());
          found[i].push_back(ToStored(std::move(row)));
          if (found[i].size() > kPrefixRowsMax) {
            return Error(
                Code::kResourceExhausted, Reason::kOverBudget,
                "a prefix has over " + std::to_string(kPrefixRowsMax) + " rows: scan the table");
          }
        }
        ARROW_RETURN_NOT_OK(cursor->status());
      }
      return found;
    };
    done(look());
    in_work_.End();
  });
}

Result<std::vector<KeyedRow>> DatabaseImpl::ScanKeys(const Caller& caller,
                                                     const KeyScanRequest& request) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *request.table));
  ARROW_RETURN_NOT_OK(KeyedEdition(*request.table).status());
  ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(*request.table, request.where));
  ARROW_ASSIGN_OR_RAISE(const auto cursor,
                        key_view_->Scan(log, request.from, request.to, request.backwards));
  std::vector<KeyedRow> rows;
  for (; cursor->Valid() && static_cast<int64_t>(rows.size()) < request.limit; cursor->Next()) {
    ARROW_ASSIGN_OR_RAISE(keyview::Row row, cursor->row());
    rows.push_back({.key = std::string(cursor->key()), .row = ToStored(std::move(row))});
  }
  ARROW_RETURN_NOT_OK(cursor->status());
  return rows;
}

}  // namespace firth::table
