// Instances: the namespaces that this door shows as Sleeper instances, and the buckets, queues and
// tracking tables that belong to each. All of it follows from their names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/path.h"
#include "firth/common/status.h"

namespace firth::doors::aws {

struct InstanceOptions {
  std::vector<std::string> ids;
  std::string account = "000000000000";
  std::string region = "eu-west-2";
  std::string url;  // public address of the door; empty: as each client calls it
};

enum class BucketRole { kConfig, kData, kResults, kExport };
enum class QueueRole {
  kIngest,
  kBulkImport,
  kBatcher,
  kQuery,
  kExport,
  kPlain,  // for users to receive from
};
enum class TrackerRole { kQueries, kJobUpdates, kJobLookup };

struct InstanceBucket {
  std::string instance;
  BucketRole role = BucketRole::kData;
};
struct InstanceQueue {
  std::string instance;
  QueueRole role = QueueRole::kPlain;
};
struct InstanceTracker {
  std::string instance;
  TrackerRole role = TrackerRole::kQueries;
};

/// Immutable; thread-safe.
class Instances {
 public:
  /// Errors: kInvalidArgument for an id that is not lower-case letters, digits and dashes, for
  /// names that get too long, and for an account that is not 12 digits.
  static Result<Instances> Make(InstanceOptions options);

  const std::vector<std::string>& ids() const { return options_.ids; }
  const std::string& account() const { return options_.account; }
  const std::string& url() const { return options_.url; }

  std::optional<InstanceBucket> FindBucket(std::string_view name) const;
  std::optional<InstanceQueue> FindQueue(std::string_view name) const;
  std::optional<InstanceTracker> FindTracker(std::string_view name) const;
  /// Buckets and queues that are there from the start, of all instances.
  std::vector<std::string> BucketNames() const;
  std::vector<std::string> QueueNames() const;

  std::string DataBucket(std::string_view id) const;
  std::string ResultsBucket(std::string_view id) const;
  std::string ExportBucket(std::string_view id) const;
  static std::string QueueName(std::string_view id, std::string_view suffix);

  /// The properties as text; `base` is the door's address as the client writes it, with its scheme.
  std::string Properties(std::string_view id, const std::string& base) const;

 private:
  explicit Instances(InstanceOptions options) : options_(std::move(options)) {}
  std::string WithAccount(std::string_view id, std::string_view what) const;

  InstanceOptions options_;
};

/// Keys under which the properties are read, by older and newer clients.
bool IsPropertiesKey(std::string_view key);

/// Can a bucket have this name?
bool IsBucketName(std::string_view name);

}  // namespace firth::doors::aws
