#include "firth/doors/aws/instances.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace firth::doors::aws {
namespace {

constexpr std::string_view kFollowedVersion = "0.36.1";
constexpr size_t kBucketNameMin = 3;
constexpr size_t kBucketNameMax = 63;

struct QueueKind {
  std::string_view suffix;
  QueueRole role;
  std::string_view property;  // "" if none names it
};
constexpr std::array kQueues{
    QueueKind{"IngestJobQ", QueueRole::kIngest, "sleeper.ingest.job.queue.url"},
    QueueKind{"BulkImportEMRQ", QueueRole::kBulkImport, "sleeper.bulk.import.emr.job.queue.url"},
    QueueKind{"BulkImportPersistentEMRQ", QueueRole::kBulkImport,
              "sleeper.bulk.import.persistent.emr.job.queue.url"},
    QueueKind{"BulkImportEMRServerlessQ", QueueRole::kBulkImport,
              "sleeper.bulk.import.emr.serverless.job.queue.url"},
    QueueKind{"BulkImportEKSQ", QueueRole::kBulkImport, "sleeper.bulk.import.eks.job.queue.url"},
    QueueKind{"IngestBatcherSubmitQ", QueueRole::kBatcher,
              "sleeper.ingest.batcher.submit.queue.url"},
    QueueKind{"IngestBatcherSubmitDLQ", QueueRole::kPlain, "sleeper.ingest.batcher.submit.dlq.url"},
    QueueKind{"QueryQueue", QueueRole::kQuery, "sleeper.query.queue.url"},
    QueueKind{"QueryResultsQ", QueueRole::kPlain, "sleeper.query.results.queue.url"},
    QueueKind{"BulkExportQ", QueueRole::kExport, "sleeper.bulk.export.queue.url"},
    QueueKind{"BulkExportDLQ", QueueRole::kPlain, ""},
};

struct TrackerKind {
  std::string_view suffix;
  TrackerRole role;
};
constexpr std::array kTrackers{
    TrackerKind{"query-tracking-table", TrackerRole::kQueries},
    TrackerKind{"ingest-job-updates", TrackerRole::kJobUpdates},
    TrackerKind{"ingest-job-lookup", TrackerRole::kJobLookup},
};

struct BucketKind {
  std::string_view suffix;
  BucketRole role;
  bool also_without_account;  // for clients of 0.35.2 and before
};
constexpr std::array kBuckets{
    BucketKind{"config", BucketRole::kConfig, true},
    BucketKind{"table-data", BucketRole::kData, true},
    BucketKind{"query-results", BucketRole::kResults, false},
    BucketKind{"bulk-export-results", BucketRole::kExport, false},
};

Status Wrong(std::string problem) {
  return Error(Code::kInvalidArgument, Reason::kNone, std::move(problem));
}

}  // namespace

bool IsPropertiesKey(std::string_view key) {
  return key == "instance.properties" || key == "config";
}

bool IsBucketName(std::string_view name) {
  return name.size() >= kBucketNameMin && name.size() <= kBucketNameMax &&
         std::all_of(name.begin(), name.end(),
                     [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                              c == '.';
                     }) &&
         name.front() != '.' && name.front() != '-' && name.back() != '.' && name.back() != '-';
}

Result<Instances> Instances::Make(InstanceOptions options) {
  const auto& account = options.account;
  if (account.size() != 12 ||
      !std::all_of(account.begin(), account.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return Wrong("sleeper.account is 12 digits, not '" + account + "'");
  }
  if (options.region.empty()) return Wrong("sleeper.region is empty");
  for (const std::string& text : {options.region, options.url}) {
    if (text.find_first_of("%#!\\ \r\n") != std::string::npos) {
      return Wrong("'" + text + "' cannot stand in a properties file");
    }
  }
  while (options.url.ends_with('/')) options.url.pop_back();
  std::set<std::string> seen;
  Instances instances(options);
  for (const std::string& id : options.ids) {
    const bool plain =
        !id.empty() && id.find('.') == std::string::npos && IsBucketName("x" + id + "xx");
    if (!plain) {
      return Wrong("a Sleeper instance's id has lower-case letters, digits and dashes, not '" + id +
                   "'");
    }
    if (!IsBucketName(instances.WithAccount(id, "bulk-export-results"))) {
      return Wrong("the Sleeper instance '" + id + "' has an id too long for its buckets' names");
    }
    if (!seen.insert(id).second) return Wrong("the Sleeper instance '" + id + "' is named twice");
  }
  return instances;
}

std::string Instances::WithAccount(std::string_view id, std::string_view what) const {
  return fmt::format("sleeper-{}-{}-{}", id, what, options_.account);
}

std::string Instances::DataBucket(std::string_view id) const {
  return WithAccount(id, "table-data");
}
std::string Instances::ResultsBucket(std::string_view id) const {
  return WithAccount(id, "query-results");
}
std::string Instances::ExportBucket(std::string_view id) const {
  return WithAccount(id, "bulk-export-results");
}
std::string Instances::QueueName(std::string_view id, std::string_view suffix) {
  return fmt::format("sleeper-{}-{}", id, suffix);
}

std::optional<InstanceBucket> Instances::FindBucket(std::string_view name) const {
  for (const std::string& id : options_.ids) {
    for (const BucketKind& kind : kBuckets) {
      if (name == WithAccount(id, kind.suffix) ||
          (kind.also_without_account && name == QueueName(id, kind.suffix))) {
        return InstanceBucket{.instance = id, .role = kind.role};
      }
    }
    // One bucket a table, where clients of 0.18 and before put what they write.
    if (name.starts_with(QueueName(id, "table-"))) {
      return InstanceBucket{.instance = id, .role = BucketRole::kData};
    }
  }
  return std::nullopt;
}

std::optional<InstanceQueue> Instances::FindQueue(std::string_view name) const {
  for (const std::string& id : options_.ids) {
    for (const QueueKind& kind : kQueues) {
      if (name == QueueName(id, kind.suffix)) return InstanceQueue{id, kind.role};
    }
  }
  return std::nullopt;
}

std::optional<InstanceTracker> Instances::FindTracker(std::string_view name) const {
  for (const std::string& id : options_.ids) {
    for (const TrackerKind& kind : kTrackers) {
      if (name == QueueName(id, kind.suffix)) return InstanceTracker{id, kind.role};
    }
  }
  return std::nullopt;
}

std::vector<std::string> Instances::BucketNames() const {
  std::vector<std::string> names;
  for (const std::string& id : options_.ids) {
    for (const BucketKind& kind : kBuckets) {
      names.push_back(WithAccount(id, kind.suffix));
      if (kind.also_without_account) names.push_back(QueueName(id, kind.suffix));
    }
  }
  return names;
}

std::vector<std::string> Instances::QueueNames() const {
  std::vector<std::string> names;
  for (const std::string& id : options_.ids) {
    for (const QueueKind& kind : kQueues) names.push_back(QueueName(id, kind.suffix));
  }
  return names;
}

std::string Instances::Properties(std::string_view id, const std::string& base) const {
  std::map<std::string, std::string> properties{
      {"sleeper.id", std::string(id)},
      {"sleeper.account", options_.account},
      {"sleeper.region", options_.region},
      {"sleeper.version", std::string(kFollowedVersion)},
      {"sleeper.config.bucket", WithAccount(id, "config")},
      {"sleeper.data.bucket", DataBucket(id)},
      {"sleeper.query.results.bucket", ResultsBucket(id)},
      {"sleeper.bulk.export.s3.bucket", ExportBucket(id)},
      {"sleeper.query.tracker.table.name", QueueName(id, "query-tracking-table")},
      {"sleeper.rest.api.url", base},
  };
  const std::string after_scheme = base.substr(std::min(base.find("://"), base.size()));
  properties["sleeper.query.websocket.api.url"] =
      (base.starts_with("https") ? "wss" : "ws") + after_scheme + "/sleeper/websocket";
  for (const QueueKind& kind : kQueues) {
    if (kind.property.empty()) continue;
    properties[std::string(kind.property)] =
        fmt::format("{}/{}/{}", base, options_.account, QueueName(id, kind.suffix));
  }
  std::string text;
  for (const auto& [name, value] : properties) text += name + "=" + value + "\n";
  return text;
}

}  // namespace firth::doors::aws
