// Jobs: files of objects into a table, each job in one commit, exactly once for each message.
#pragma once

#include <string>
#include <vector>

#include "firth/doors/aws/instances.h"
#include "firth/doors/aws/job_message.h"
#include "firth/doors/aws/s3.h"
#include "firth/doors/aws/trackers.h"
#include "firth/table/database.h"
#include "firth/work/objects.h"
#include "firth/work/queues.h"

namespace firth::doors::aws {

/// What the parts of this door that act on messages share. All outlive them.
struct TakerParts {
  table::Database* database = nullptr;
  work::Objects* objects = nullptr;
  work::Queues* queues = nullptr;
  const Instances* instances = nullptr;
  const Trackers* trackers = nullptr;
  const S3* s3 = nullptr;  // checks rights on buckets
};

/// Thread-safe; blocks.
class Ingest {
 public:
  explicit Ingest(const TakerParts& parts) : parts_(parts) {}

  /// The table that a message is for, by which jobs are kept in order; "" if it cannot be told.
  static std::string LaneOf(const work::Message& message);

  /// Do what a taken message asks, and remove it with the commit of its rows, or with the record of
  /// why it was refused or failed. An error means that the message is still there.
  Status Run(const InstanceQueue& queue, const work::Message& message);

 private:
  Status Refuse(const JobRun& run, const work::Message& message, const JobMessage& job);
  Status Fail(const JobRun& run, const work::Message& message, const Status& why);
  Result<std::vector<work::ObjectInfo>> Expand(const work::Message& message, JobMessage* job);
  /// Read all files; the error names the file and what is wrong with it.
  Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> ReadFiles(
      const std::vector<work::ObjectInfo>& files, const std::shared_ptr<arrow::Schema>& schema,
      int64_t* rows);
  Status Commit(const JobRun& run, const work::Message& message, const table::TablePtr& table,
                const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows, int64_t count,
                size_t files);

  const TakerParts parts_;
};

}  // namespace firth::doors::aws
