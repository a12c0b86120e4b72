// Operations: what was asked under an id, and what it was told, so that a repeat is told the same.
#include <nlohmann/json.hpp>

#include "firth/common/text.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

// Beside each operation stands its time, by which old ones are found.
constexpr char kOperations[] = "operation/";
constexpr char kTimes[] = "operation_time/";
constexpr int64_t kForgottenAtOnce = 1000;

std::string NameOf(const Operation& operation) {
  return operation.scope + "/" + operation.id;
}

std::string TimeName(int64_t time_ns, const std::string& name) {
  std::string digits = std::to_string(time_ns);
  return kTimes + std::string(20 - digits.size(), '0') + digits + "/" + name;
}

/// Hashes and results may be any bytes; JSON text may not.
std::string Encode(const Operation& operation, CommitId commit) {
  return nlohmann::json{{"commit", commit.value},
                        {"payload", ToHex(operation.payload_hash)},
                        {"result", ToHex(operation.result)}}
      .dump();
}

}  // namespace

std::shared_ptr<CatalogChange> CatalogPartOf(const WriteOptions& options) {
  if (!options.operation.has_value() && options.values.empty()) return nullptr;
  return std::make_shared<CatalogChange>([operation = options.operation, values = options.values](
                                             catalog::Changes* changes) -> Status {
    std::vector<catalog::ValueChange> all = values;
    if (operation.has_value()) {
      const std::string name = NameOf(*operation);
      all.push_back({.name = kOperations + name,
                     .value = Encode(*operation, changes->commit()),
                     .compare = true});
      all.push_back({.name = TimeName(changes->time_ns(), name), .value = ""});
    }
    return changes->ChangeValues(all);
  });
}

Result<std::optional<WriteResult>> DatabaseImpl::FindOperation(const Operation& operation) {
  const std::string name = NameOf(operation);
  ARROW_ASSIGN_OR_RAISE(const auto held, catalog_->GetValue(kOperations + name));
  if (!held.has_value()) return std::nullopt;
  const auto parsed = nlohmann::json::parse(*held, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return Error(
        Code::kDataLoss, Reason::kNone,
        "the catalog's record of the operation '" + name.substr(0, 64) + "' cannot be read");
  }
  if (parsed.value("payload", "") != ToHex(operation.payload_hash)) {
    return Error(Code::kAlreadyExists, Reason::kOperationMismatch,
                 "the id '" + operation.id.substr(0, 64) +
                     "' was used for another request: give each request an id of its own");
  }
  ARROW_ASSIGN_OR_RAISE(std::string result, FromHex(parsed.value("result", "")));
  return WriteResult{.commit = CommitId(parsed.value("commit", int64_t{0})),
                     .repeated = true,
                     .result = std::move(result)};
}

Status DatabaseImpl::ForgetOperations() {
  const int64_t before = options_.clock->NowNs() - kOperationsKeptNs;
  if (before <= 0) return Status::OK();
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto old,
                          catalog_->ScanValues(kTimes, TimeName(before, ""), kForgottenAtOnce));
    if (old.empty()) return Status::OK();
    std::vector<catalog::ValueChange> changes;
    for (const auto& [name, unused] : old) {
      changes.push_back({.name = name});
      const size_t slash = name.find('/', sizeof(kTimes) - 1);
      if (slash != std::string::npos) {
        changes.push_back({.name = kOperations + name.substr(slash + 1)});
      }
    }
    ARROW_RETURN_NOT_OK(catalog_->ChangeValues(changes));
  }
}

}  // namespace firth::table
