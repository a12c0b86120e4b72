// Writing: every record is checked before the first is stored, and those of all instances are one
// commit.
#include <arrow/array/array_primitive.h>

#include <set>

#include "firth/doors/beneath/gateway.h"
#include "firth/doors/beneath/quota.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

constexpr int kInstancesMax = 64;
constexpr int kRecordsMax = 10'000;
constexpr size_t kRecordBytesMax = 8192;
constexpr size_t kKeyBytesMax = 1024;
constexpr int64_t kMsNs = 1'000'000;

Status CheckKeys(const TableFacts& facts, const arrow::RecordBatch& rows) {
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const auto& name : facts.key) columns.push_back(rows.GetColumnByName(name));
  std::vector<std::string> keys;
  ARROW_RETURN_NOT_OK(facts.key_encoder->Encode(columns, &keys));
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].size() > kKeyBytesMax) {
      return Invalid("the key of record " + std::to_string(i) + " takes " +
                     std::to_string(keys[i].size()) + " bytes: at most 1024 are allowed");
    }
  }
  return Status::OK();
}

/// The records of one instance as rows of its table.
Result<std::shared_ptr<arrow::RecordBatch>> RowsOf(const TableFacts& facts,
                                                   const wire::InstanceRecords& given,
                                                   int64_t now_ms, int64_t* bytes) {
  if (given.records_size() == 0) return Invalid("a write must have records");
  if (given.records_size() > kRecordsMax) {
    return Invalid("a write has at most 10000 records for an instance, not " +
                   std::to_string(given.records_size()));
  }
  std::vector<TimedRecord> records;
  records.reserve(static_cast<size_t>(given.records_size()));
  for (const auto& record : given.records()) {
    if (record.avro_data().size() > kRecordBytesMax) {
      return Invalid("a record has " + std::to_string(record.avro_data().size()) +
                     " bytes: at most 8192 are allowed");
    }
    *bytes += static_cast<int64_t>(record.avro_data().size());
    records.push_back({.avro = record.avro_data(),
                       .time_ms = record.timestamp() == 0 ? now_ms : record.timestamp()});
  }
  ARROW_ASSIGN_OR_RAISE(auto rows, DecodeRecords(*facts.type, records));
  ARROW_RETURN_NOT_OK(CheckKeys(facts, *rows));
  return rows;
}

}  // namespace

Status Gateway::DoWrite(const Requester& who, const wire::WriteRequest& request,
                        wire::WriteResponse* reply) {
  if (who.kind == Requester::Kind::kAnonymous) return NotAllowed("write without a secret");
  if (request.instance_records_size() == 0) return Invalid("a write must have records");
  if (request.instance_records_size() > kInstancesMax) {
    return Invalid("a write has at most 64 instances");
  }
  struct Part {
    Instance instance;
    const wire::InstanceRecords* given = nullptr;
    int64_t bytes = 0;
  };
  std::vector<Part> parts;
  std::set<std::string> seen;
  for (const auto& given : request.instance_records()) {
    Part part{.given = &given};
    ARROW_ASSIGN_OR_RAISE(part.instance, InstanceOf(given.instance_id()));
    ARROW_ASSIGN_OR_RAISE(const TableRights rights,
                          parts_->rights->OnTable(who, part.instance.table->path));
    if (!rights.write) return NotAllowed("write to this table");
    if (part.instance.table->current->sealed) {
      return Invalid("the instance is final: it takes no more records");
    }
    if (part.instance.facts->foreign) {
      return Invalid("table '" + part.instance.table->path.ToString() +
                     "' was made elsewhere: it can be read here, but not written");
    }
    if (!seen.insert(given.instance_id()).second) return Invalid("an instance is given twice");
    parts.push_back(std::move(part));
  }
  ARROW_ASSIGN_OR_RAISE(const access::Payers payer,
                        PayersOf(parts_->control.get(), parts_->metering.get(), who));
  ARROW_RETURN_NOT_OK(payer.Check(Using::kWrite));
  const int64_t now_ms = parts_->database->clock().NowNs() / kMsNs;
  std::vector<table::TableWrite> writes;
  for (Part& part : parts) {
    ARROW_ASSIGN_OR_RAISE(auto rows,
                          RowsOf(*part.instance.facts, *part.given, now_ms, &part.bytes));
    writes.push_back({.table = part.instance.table,
                      .kind = table::TableWrite::Kind::kUpsert,
                      .rows = {std::move(rows)}});
  }
  const auto written = parts_->database->Write(access::Internal(), writes, {});
  if (ReasonOf(written.status()) == Reason::kEditionSealed) {
    return Invalid("the instance is final: it takes no more records");
  }
  ARROW_RETURN_NOT_OK(written.status());
  for (const Part& part : parts) {
    ARROW_RETURN_NOT_OK(payer.Count(Using::kWrite, part.bytes, part.given->records_size(),
                                    {MeterOfTable(part.instance.table->id),
                                     MeterOfInstance(part.instance.table->current->id)}));
  }
  reply->set_write_id(parts_->facts->ids().Make(IdKind::kWrite, written->commit.value));
  return Status::OK();
}

}  // namespace firth::doors::beneath
