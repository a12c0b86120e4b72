#include "firth/doors/aws/trackers.h"

#include <fmt/format.h>

#include "firth/common/text.h"
#include "firth/doors/aws/digests.h"

namespace firth::doors::aws {
namespace {

using catalog::ValueChange;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kQueryLifetimeS = int64_t{24} * 3600;
constexpr int64_t kJobLifetimeS = 7 * kQueryLifetimeS;
constexpr char kPrefix[] = "aws/tracker/";
constexpr int64_t kScanStep = 1000;

std::string_view FolderOf(TrackerRole role) {
  if (role == TrackerRole::kQueries) return "query";
  return role == TrackerRole::kJobUpdates ? "job" : "last";
}

/// aws/tracker/INSTANCE/KIND/HASH/ with the hash encoded, so that it holds no slash.
std::string NameOf(const std::string& instance, TrackerRole role, std::string_view hash) {
  return fmt::format("{}{}/{}/{}/", kPrefix, instance, FolderOf(role), UriEncode(hash, true));
}

}  // namespace

json TextItem(std::string_view text) {
  return {{"S", text}};
}
json NumberItem(int64_t number) {
  return {{"N", std::to_string(number)}};
}

std::string Trackers::QueryName(const std::string& instance, const std::string& query_id) const {
  return NameOf(instance, TrackerRole::kQueries, query_id) + "-";
}

json Trackers::QueryItem(const std::string& query_id, std::string_view state,
                         std::optional<int64_t> rows, const std::string& error) const {
  const int64_t now_s = clock_->NowNs() / kSecondNs;
  json item{{"queryId", TextItem(query_id)},
            {"subQueryId", TextItem("-")},
            {"lastKnownState", TextItem(state)},
            {"lastUpdateTime", NumberItem(now_s)},
            {"expiryDate", NumberItem(now_s + kQueryLifetimeS)}};
  if (rows.has_value()) item["rowCount"] = NumberItem(*rows);
  if (!error.empty()) item["errors"] = TextItem(error);
  return item;
}

Result<std::vector<ValueChange>> Trackers::JobEvent(const JobRun& run, std::string_view type,
                                                    json attributes) const {
  const int64_t now_ms = clock_->NowNs() / 1'000'000;
  const int64_t expiry_s = now_ms / 1000 + kJobLifetimeS;
  const std::string range = fmt::format("{}|{}|{:08x}", run.job_id, now_ms, next_event_++);
  json update = attributes;
  update["TableId"] = TextItem(run.table_id);
  update["JobId"] = TextItem(run.job_id);
  update["JobIdAndUpdate"] = TextItem(range);
  update["UpdateTime"] = NumberItem(now_ms);
  update["ExpiryDate"] = NumberItem(expiry_s);
  update["UpdateType"] = TextItem(type);
  update["JobRunId"] = TextItem(run.run_id);
  update["TaskId"] = TextItem("firth");

  const std::string last_name = NameOf(run.instance, TrackerRole::kJobLookup, run.job_id) + "-";
  ARROW_ASSIGN_OR_RAISE(const auto held, catalog_->GetValue(last_name));
  json last = held.has_value() ? json::parse(*held, nullptr, false) : json::object();
  if (!last.is_object()) last = json::object();
  last["JobId"] = TextItem(run.job_id);
  last["TableId"] = TextItem(run.table_id);
  if (!last.contains("FirstUpdateTime")) last["FirstUpdateTime"] = NumberItem(now_ms);
  last["LastUpdateTime"] = NumberItem(now_ms);
  last["LastUpdateType"] = TextItem(type);
  last["ExpiryDate"] = NumberItem(expiry_s);
  if (attributes.contains("ValidationResult")) {
    last["LastValidationResult"] = attributes["ValidationResult"];
  }
  return std::vector<ValueChange>{
      {.name = NameOf(run.instance, TrackerRole::kJobUpdates, run.table_id) + range,
       .value = JsonText(update)},
      {.name = last_name, .value = JsonText(last)}};
}

Trackers::Key Trackers::KeyOf(TrackerRole role) {
  switch (role) {
    case TrackerRole::kQueries:
      return {.hash = "queryId", .range = "subQueryId"};
    case TrackerRole::kJobUpdates:
      return {.hash = "TableId", .range = "JobIdAndUpdate"};
    case TrackerRole::kJobLookup:
      return {.hash = "JobId", .range = ""};
  }
  return {};
}

Result<std::vector<json>> Trackers::Items(const InstanceTracker& table,
                                          const std::optional<std::string>& hash,
                                          int64_t limit) const {
  const std::string prefix =
      hash.has_value() ? NameOf(table.instance, table.role, *hash)
                       : fmt::format("{}{}/{}/", kPrefix, table.instance, FolderOf(table.role));
  ARROW_ASSIGN_OR_RAISE(const auto values, catalog_->ScanValues(prefix, prefix + '\xff', limit));
  std::vector<json> items;
  for (const auto& [name, value] : values) {
    json item = json::parse(value, nullptr, false);
    if (!item.is_object()) {
      return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a tracker's item cannot be read");
    }
    items.push_back(std::move(item));
  }
  return items;
}

Status Trackers::RemoveExpired() const {
  const int64_t now_s = clock_->NowNs() / kSecondNs;
  std::string from = kPrefix;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto values,
                          catalog_->ScanValues(from, std::string(kPrefix) + '\xff', kScanStep));
    std::vector<ValueChange> changes;
    for (const auto& [name, value] : values) {
      const json item = json::parse(value, nullptr, false);
      int64_t expiry_s = INT64_MAX;
      for (const char* attribute : {"expiryDate", "ExpiryDate"}) {
        if (!item.is_object() || !item.contains(attribute)) continue;
        const auto number = ParseInt64(item[attribute].value("N", ""));
        if (number.ok()) expiry_s = *number;
      }
      if (expiry_s < now_s) {
        changes.push_back({.name = name, .compare = true, .expected = value});
      }
    }
    if (!changes.empty()) ARROW_RETURN_NOT_OK(catalog_->ChangeValues(changes));
    if (values.size() < static_cast<size_t>(kScanStep)) return Status::OK();
    from = values.back().first + '\0';
  }
}

}  // namespace firth::doors::aws
