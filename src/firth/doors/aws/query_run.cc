#include "firth/doors/aws/query_run.h"

#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <algorithm>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/doors/aws/object_file.h"
#include "firth/format/reader.h"

namespace firth::doors::aws {
namespace {

using catalog::ValueChange;
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

/// Clients refuse a row group of more than 256 MiB; one file has less than that.
constexpr int64_t kFileBytesMax = int64_t{192} << 20;
constexpr int64_t kResultLifetimeNs = int64_t{7} * 24 * 3600 * 1'000'000'000;
constexpr size_t kListStep = 1000;
/// Which message an item speaks of; clients do not know the attribute.
constexpr char kRunAttribute[] = "messageId";
/// They are sent in one transaction, so that no attempt leaves a part of them.
constexpr size_t kMessagesBytesMax = size_t{64} << 20;

Status Invalid(std::string why) {
  return Error(Code::kInvalidArgument, Reason::kBadValue, std::move(why));
}

std::string ResultPrefix(const std::string& query_id) {
  return "query-" + query_id + "/";
}

/// Rows as objects that sort in the rows' order; how many they are.
Result<int64_t> WriteObjects(work::Objects* objects, const work::NewObject& object,
                             const std::string& run, SelectedRows* rows,
                             std::vector<work::StagedObject>* staged) {
  int64_t count = 0;
  ARROW_ASSIGN_OR_RAISE(BatchPtr batch, rows->Next());
  while (batch != nullptr) {
    // Listed before it has bytes: if that fails, its owner discards them.
    work::StagedObject& file = staged->emplace_back(work::StagedObject{.object = object});
    file.object.key += fmt::format("{:05}-{}.parquet", staged->size() - 1, run);
    // Its bytes are spread over blobs; the tag only has to tell contents apart.
    file.object.tag = fmt::format("{}-{}", run, staged->size() - 1);
    file.object.metadata["content-type"] = "application/vnd.apache.parquet";
    const auto stream = WriteStaged(objects, &file);
    ARROW_ASSIGN_OR_RAISE(const auto writer, format::MakeWriter(format::FileFormat::kParquet,
                                                                stream, batch->schema()));
    int64_t bytes = 0;
    while (batch != nullptr && bytes < kFileBytesMax) {
      bytes += arrow::util::TotalBufferSize(*batch);
      count += batch->num_rows();
      ARROW_RETURN_NOT_OK(writer->Write(*batch));
      ARROW_ASSIGN_OR_RAISE(batch, rows->Next());
    }
    ARROW_RETURN_NOT_OK(writer->Close());
    ARROW_RETURN_NOT_OK(stream->Close());
  }
  return count;
}

/// Rows as messages, each within the size of a message; how many rows they are.
Result<int64_t> WriteMessages(const std::string& query_id, const TableShape& shape,
                              int64_t batch_rows, SelectedRows* rows,
                              std::vector<std::string>* messages) {
  json head{{"queryId", query_id}, {"schema", SchemaJson(shape)}, {"rows", json::array()}};
  const size_t head_bytes = JsonText(head).size();
  int64_t count = 0;
  json waiting = json::array();
  size_t bytes = head_bytes;
  size_t all_bytes = 0;
  const auto pass = [&] {
    head["rows"] = std::move(waiting);
    messages->push_back(JsonText(head));
    all_bytes += messages->back().size();
    waiting = json::array();
    bytes = head_bytes;
  };
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const BatchPtr batch, rows->Next());
    if (batch == nullptr) break;
    count += batch->num_rows();
    ARROW_ASSIGN_OR_RAISE(json list, RowsToJson(*batch));
    for (json& row : list) {
      const size_t row_bytes = JsonText(row).size() + 1;
      const bool full = static_cast<int64_t>(waiting.size()) >= batch_rows ||
                        bytes + row_bytes > work::kMessageBytesMax;
      if (full && !waiting.empty()) pass();
      if (head_bytes + row_bytes > work::kMessageBytesMax) {
        return Invalid("a row of the answer is longer than a message");
      }
      bytes += row_bytes;
      waiting.push_back(std::move(row));
      if (all_bytes > kMessagesBytesMax) {
        return Invalid("the answer takes more than 64 MiB of messages: let it go to a bucket");
      }
    }
  }
  if (!waiting.empty() || messages->empty()) pass();
  return count;
}

}  // namespace

Result<std::vector<ValueChange>> QueryRun::Queued(const InstanceQueue& queue,
                                                  const work::Message& message) const {
  const QueryMessage query = ReadQueryMessage(message.body);
  if (query.id.empty()) return std::vector<ValueChange>{};
  json item = parts_.trackers->QueryItem(query.id, "QUEUED");
  item[kRunAttribute] = TextItem(message.id);
  return std::vector<ValueChange>{
      {.name = parts_.trackers->QueryName(queue.instance, query.id), .value = JsonText(item)}};
}

Status QueryRun::RemoveEarlier(const InstanceQueue& queue, const work::Message& message,
                               const std::string& query_id) const {
  if (query_id.empty()) return Status::OK();
  const std::string bucket = parts_.instances->ResultsBucket(queue.instance);
  std::string from;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto found,
                          parts_.objects->List(bucket, ResultPrefix(query_id), from, kListStep));
    for (const auto& object : found) {
      if (object.key.find(message.id) != std::string::npos) continue;
      ARROW_RETURN_NOT_OK(parts_.objects->Remove(bucket, object.key));
    }
    if (found.size() < kListStep) return Status::OK();
    from = found.back().key + '\0';
  }
}

Result<QueryRun::End> QueryRun::EndWith(const InstanceQueue& queue, const work::Message& message,
                                        const std::string& query_id, const json& item) const {
  End end;
  ARROW_ASSIGN_OR_RAISE(end.changes.emplace_back(), parts_.queues->Removal(message));
  const std::string name = parts_.trackers->QueryName(queue.instance, query_id);
  ARROW_ASSIGN_OR_RAISE(const auto held, parts_.database->catalog()->GetValue(name));
  const json now = held.has_value() ? json::parse(*held, nullptr, false) : json();
  end.overtaken =
      now.is_object() && now.contains(kRunAttribute) && now[kRunAttribute] != TextItem(message.id);
  if (end.overtaken) return end;
  json word = item;
  word[kRunAttribute] = TextItem(message.id);
  end.changes.push_back({.name = name, .value = JsonText(word), .compare = true, .expected = held});
  return end;
}

Status QueryRun::Run(const InstanceQueue& queue, const work::Message& message) {
  const QueryMessage query = ReadQueryMessage(message.body);
  if (query.id.empty()) {
    logging::Warning("aws", "a query of instance {} has no readable queryId, and is dropped",
                     queue.instance);
    return parts_.queues->Finish(message.queue, message.receipt);
  }
  ARROW_RETURN_NOT_OK(RemoveEarlier(queue, message, query.id));
  Answer answer;
  if (const Status made = Make(queue, message, query, &answer); !made.ok()) {
    for (const work::StagedObject& staged : answer.objects) parts_.objects->Discard(staged);
    return Fail(queue, message, query.id, made);
  }
  const Status published = Publish(queue, message, query.id, &answer);
  for (const work::StagedObject& staged : answer.objects) {
    parts_.objects->DiscardRefused(staged, published);
  }
  // Where the results' place is gone, say so instead of trying for ever.
  if (CodeOf(published) == Code::kNotFound) return Fail(queue, message, query.id, published);
  return published;
}

Status QueryRun::Make(const InstanceQueue& queue, const work::Message& message,
                      const QueryMessage& query, Answer* answer) {
  ARROW_ASSIGN_OR_RAISE(const std::string type, TextMember(query.body, "type"));
  if (!type.empty() && type != "Query") return Invalid("a query's type is Query");
  ARROW_ASSIGN_OR_RAISE(const std::string name, TextMember(query.body, "tableName"));
  ARROW_ASSIGN_OR_RAISE(const std::string id, TextMember(query.body, "tableId"));
  ARROW_ASSIGN_OR_RAISE(const std::string iterator,
                        TextMember(query.body, "queryTimeIteratorClassName"));
  if (!iterator.empty()) {
    return Invalid("the iterator " + iterator.substr(0, 128) +
                   " cannot run: this server runs no custom Java code");
  }
  ARROW_ASSIGN_OR_RAISE(Destination to, ReadDestination(query.body));
  auto table = FindTable(parts_.database, message.sender, queue.instance, name, id);
  if (CodeOf(table.status()) == Code::kNotFound) {
    return Invalid("Table could not be found with name: \"" + name.substr(0, 128) + "\"");
  }
  ARROW_RETURN_NOT_OK(table.status());
  ARROW_ASSIGN_OR_RAISE(TableShape shape, ShapeOf(queue.instance, **table));
  const json regions = query.body.contains("regions") ? query.body["regions"] : json();
  ARROW_ASSIGN_OR_RAISE(const RegionSet set, RegionSet::Read(regions, shape));
  ARROW_RETURN_NOT_OK(KeepRequested(query.body, &shape));
  ARROW_ASSIGN_OR_RAISE(const auto rows,
                        SelectRows(parts_.database, message.sender, *table, shape, set));
  if (to.kind == Destination::Kind::kQueue) {
    if (to.place.empty()) to.place = Instances::QueueName(queue.instance, "QueryResultsQ");
    ARROW_ASSIGN_OR_RAISE(
        answer->rows, WriteMessages(query.id, shape, to.batch_rows, rows.get(), &answer->messages));
    answer->messages_to = to.place;
  } else if (to.kind == Destination::Kind::kObjects) {
    if (to.place.empty()) to.place = parts_.instances->ResultsBucket(queue.instance);
    if (to.place != parts_.instances->ResultsBucket(queue.instance)) {
      ARROW_RETURN_NOT_OK(parts_.s3->Check(message.sender, access::kWrite, to.place));
    }
    const work::NewObject object{
        .container = to.place,
        .key = ResultPrefix(query.id),
        .expires_ns = parts_.database->clock().NowNs() + kResultLifetimeNs};
    ARROW_ASSIGN_OR_RAISE(answer->rows, WriteObjects(parts_.objects, object, message.id, rows.get(),
                                                     &answer->objects));
  } else {
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const BatchPtr batch, rows->Next());
      if (batch == nullptr) break;
      answer->rows += batch->num_rows();
    }
  }
  return Status::OK();
}

/// Results, the tracker's word and the message's end become true in one transaction.
Status QueryRun::Publish(const InstanceQueue& queue, const work::Message& message,
                         const std::string& query_id, Answer* answer) {
  const json item = parts_.trackers->QueryItem(query_id, "COMPLETED", answer->rows);
  ARROW_ASSIGN_OR_RAISE(End end, EndWith(queue, message, query_id, item));
  if (end.overtaken) {
    for (const work::StagedObject& staged : answer->objects) parts_.objects->Discard(staged);
    answer->objects.clear();
    ARROW_RETURN_NOT_OK(parts_.database->catalog()->ChangeValues(end.changes));
  } else if (!answer->messages.empty()) {
    const auto owned = parts_.instances->FindQueue(answer->messages_to);
    if (owned.has_value() && owned->role != QueueRole::kPlain) {
      return Fail(queue, message, query_id,
                  Invalid("results cannot go to a queue of the server's"));
    }
    ARROW_RETURN_NOT_OK(
        parts_.queues
            ->Send(answer->messages_to, message.sender, std::move(answer->messages), end.changes)
            .status());
  } else if (answer->objects.empty()) {
    ARROW_RETURN_NOT_OK(parts_.database->catalog()->ChangeValues(end.changes));
  } else {
    ARROW_RETURN_NOT_OK(parts_.objects->Publish(answer->objects, end.changes).status());
  }
  parts_.queues->Removed(message);
  return Status::OK();
}

Status QueryRun::Fail(const InstanceQueue& queue, const work::Message& message,
                      const std::string& query_id, const Status& why) {
  const std::string text = MessageOf(why).substr(0, 2048);
  const json item = parts_.trackers->QueryItem(query_id, "FAILED", 0, text);
  ARROW_ASSIGN_OR_RAISE(const End end, EndWith(queue, message, query_id, item));
  ARROW_RETURN_NOT_OK(parts_.database->catalog()->ChangeValues(end.changes));
  parts_.queues->Removed(message);
  return Status::OK();
}

}  // namespace firth::doors::aws
