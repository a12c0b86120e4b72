#include "firth/doors/beneath/facts.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "firth/common/text.h"

namespace firth::doors::beneath {
namespace {

constexpr char kStoreValue[] = "beneath/store";
constexpr char kNumbers[] = "beneath";
constexpr size_t kStoreBytes = 6;
constexpr size_t kKeyBytes = 32;
constexpr int64_t kListMax = 1'000'000;

std::string Number(int64_t number) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64, static_cast<uint64_t>(number));
  return text.data();
}

std::string RecordName(std::string_view kind, int64_t number) {
  return "beneath/" + std::string(kind) + "/" + Number(number);
}
std::string NamePrefix(std::string_view kind, int64_t scope) {
  return "beneath/" + std::string(kind) + "-name/" + Number(scope) + "/";
}
std::string PairPrefix(std::string_view kind, int64_t first) {
  return "beneath/" + std::string(kind) + "/" + Number(first) + "/";
}

/// The first name behind all that begin with `prefix`, which ends in '/'.
std::string Behind(std::string prefix) {
  ++prefix.back();
  return prefix;
}

Result<Json> ParseRecord(const std::optional<std::string>& text) {
  if (!text.has_value()) return Json();
  Json record = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (record.is_discarded()) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a record of the catalog is damaged");
  }
  return record;
}

std::string Text(const Json& record) {
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void FactChanges::Put(std::string_view kind, int64_t number, const Json& record) {
  changes_.push_back({.name = RecordName(kind, number), .value = Text(record)});
}
void FactChanges::Remove(std::string_view kind, int64_t number) {
  changes_.push_back({.name = RecordName(kind, number)});
}
void FactChanges::TakeName(std::string_view kind, int64_t scope, std::string_view name,
                           int64_t number) {
  changes_.push_back({.name = NamePrefix(kind, scope) + std::string(name),
                      .value = std::to_string(number),
                      .compare = true});
}
void FactChanges::DropName(std::string_view kind, int64_t scope, std::string_view name) {
  changes_.push_back({.name = NamePrefix(kind, scope) + std::string(name)});
}
void FactChanges::PutPair(std::string_view kind, int64_t first, int64_t second,
                          const Json& record) {
  changes_.push_back({.name = PairPrefix(kind, first) + Number(second), .value = Text(record)});
}
void FactChanges::RemovePair(std::string_view kind, int64_t first, int64_t second) {
  changes_.push_back({.name = PairPrefix(kind, first) + Number(second)});
}

Result<std::unique_ptr<Facts>> Facts::Open(catalog::Catalog* catalog, const Clock* clock,
                                           Random* random) {
  std::unique_ptr<Facts> facts(new Facts(catalog, clock));
  ARROW_ASSIGN_OR_RAISE(auto held, catalog->GetValue(kStoreValue));
  if (!held.has_value()) {
    std::array<std::byte, kStoreBytes + kKeyBytes> bytes;
    random->Fill(bytes);
    held = ToHex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    ARROW_RETURN_NOT_OK(catalog->PutValue(kStoreValue, *held));
  }
  ARROW_ASSIGN_OR_RAISE(const std::string bytes, FromHex(*held));
  if (bytes.size() != kStoreBytes + kKeyBytes) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the catalog's beneath/store is damaged");
  }
  facts->ids_ = std::make_unique<Ids>(bytes.substr(0, kStoreBytes));
  facts->key_ = bytes.substr(kStoreBytes);
  return facts;
}

Result<int64_t> Facts::NewNumber() {
  return catalog_->TakeIds(kNumbers, 1);
}

Result<Json> Facts::Get(std::string_view kind, int64_t number) {
  ARROW_ASSIGN_OR_RAISE(const auto text, catalog_->GetValue(RecordName(kind, number)));
  return ParseRecord(text);
}

Result<std::optional<int64_t>> Facts::FindName(std::string_view kind, int64_t scope,
                                               std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const auto text,
                        catalog_->GetValue(NamePrefix(kind, scope) + std::string(name)));
  if (!text.has_value()) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const int64_t number, ParseInt64(*text));
  return number;
}

Result<std::vector<std::pair<std::string, int64_t>>> Facts::ListNames(std::string_view kind,
                                                                      int64_t scope) {
  const std::string prefix = NamePrefix(kind, scope);
  ARROW_ASSIGN_OR_RAISE(const auto rows, catalog_->ScanValues(prefix, Behind(prefix), kListMax));
  std::vector<std::pair<std::string, int64_t>> out;
  for (const auto& [name, value] : rows) {
    ARROW_ASSIGN_OR_RAISE(const int64_t number, ParseInt64(value));
    out.emplace_back(name.substr(prefix.size()), number);
  }
  return out;
}

Result<Json> Facts::GetPair(std::string_view kind, int64_t first, int64_t second) {
  ARROW_ASSIGN_OR_RAISE(const auto text,
                        catalog_->GetValue(PairPrefix(kind, first) + Number(second)));
  return ParseRecord(text);
}

Result<std::vector<std::pair<int64_t, Json>>> Facts::ListPairs(std::string_view kind,
                                                               int64_t first) {
  const std::string prefix = PairPrefix(kind, first);
  ARROW_ASSIGN_OR_RAISE(const auto rows, catalog_->ScanValues(prefix, Behind(prefix), kListMax));
  std::vector<std::pair<int64_t, Json>> out;
  for (const auto& [name, value] : rows) {
    ARROW_ASSIGN_OR_RAISE(Json record, ParseRecord(value));
    out.emplace_back(std::stoll(name.substr(prefix.size()), nullptr, 16), std::move(record));
  }
  return out;
}

Status Facts::ForgetOld(std::string_view kind, int64_t before_ns) {
  const std::string prefix = "beneath/" + std::string(kind) + "/";
  ARROW_ASSIGN_OR_RAISE(const auto rows, catalog_->ScanValues(prefix, Behind(prefix), kListMax));
  std::vector<catalog::ValueChange> changes;
  for (const auto& [name, value] : rows) {
    ARROW_ASSIGN_OR_RAISE(const Json record, ParseRecord(value));
    if (record.value("created", int64_t{0}) < before_ns) changes.push_back({.name = name});
  }
  return changes.empty() ? Status::OK() : catalog_->ChangeValues(changes);
}

Status Facts::Apply(const FactChanges& changes) {
  return catalog_->ChangeValues(changes.values());
}

}  // namespace firth::doors::beneath
