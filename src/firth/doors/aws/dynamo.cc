#include "firth/doors/aws/dynamo.h"

#include <algorithm>

#include "firth/doors/aws/digests.h"

namespace firth::doors::aws {
namespace {

constexpr int64_t kItemsMax = 100'000;
constexpr size_t kAnswerBytesMax = size_t{1} << 20;

Status Invalid(std::string why) {
  return Fault("ValidationException", std::move(why));
}

const json& Member(const json& request, const char* name) {
  static const json none;
  const auto found = request.find(name);
  return found == request.end() ? none : *found;
}

std::string TextOf(const json& item, const std::string& attribute) {
  const auto found = item.find(attribute);
  if (found == item.end() || !found->is_object()) return {};
  const auto text = found->find("S");
  return text == found->end() || !text->is_string() ? std::string() : text->get<std::string>();
}

/// The key of an item, which a later request starts after.
json KeyOfItem(const json& item, const Trackers::Key& key) {
  json out{{key.hash, Member(item, key.hash.c_str())}};
  if (!key.range.empty()) out[key.range] = Member(item, key.range.c_str());
  return out;
}

/// One page of `items`, which are all that the key condition takes, in order.
Result<json> Page(const json& request, std::vector<json> items, const Trackers::Key& key) {
  if (Member(request, "ScanIndexForward") == json(false)) std::reverse(items.begin(), items.end());
  size_t begin = 0;
  if (const json& start = Member(request, "ExclusiveStartKey"); start.is_object()) {
    const auto at = std::find_if(items.begin(), items.end(),
                                 [&](const json& item) { return KeyOfItem(item, key) == start; });
    if (at != items.end()) begin = static_cast<size_t>(at - items.begin()) + 1;
  }
  int64_t limit = INT64_MAX;
  if (const json& wanted = Member(request, "Limit"); !wanted.is_null()) {
    if (!wanted.is_number_integer() || wanted.get<int64_t>() < 1) {
      return Invalid("Limit is at least 1");
    }
    limit = wanted.get<int64_t>();
  }
  std::optional<ItemCondition> filter;
  if (const json& text = Member(request, "FilterExpression"); text.is_string()) {
    ARROW_ASSIGN_OR_RAISE(
        filter,
        ItemCondition::Parse(text.get<std::string>(), Member(request, "ExpressionAttributeNames"),
                             Member(request, "ExpressionAttributeValues")));
  }
  json answer{{"Items", json::array()}};
  int64_t scanned = 0;
  size_t bytes = 0;
  for (size_t i = begin; i < items.size(); ++i) {
    if (scanned == limit || bytes > kAnswerBytesMax) {
      answer["LastEvaluatedKey"] = KeyOfItem(items[i - 1], key);
      break;
    }
    ++scanned;
    bytes += JsonText(items[i]).size();
    if (!filter.has_value() || filter->Holds(items[i])) answer["Items"].push_back(items[i]);
  }
  answer["Count"] = answer["Items"].size();
  answer["ScannedCount"] = scanned;
  if (Member(request, "Select") == json("COUNT")) answer.erase("Items");
  return answer;
}

}  // namespace

Result<InstanceTracker> Dynamo::TableOf(const Call& call, const json& request) const {
  ARROW_ASSIGN_OR_RAISE(std::string name, TextMember(request, "TableName"));
  if (name.starts_with("arn:")) name = name.substr(name.rfind('/') + 1);
  const auto table = instances_->FindTracker(name);
  if (!table.has_value()) {
    return Fault("ResourceNotFoundException", "there is no table '" + name.substr(0, 255) + "'");
  }
  ARROW_RETURN_NOT_OK(
      database_->access()->Check(call.caller, access::kSee, Path{{table->instance}}));
  return *table;
}

Result<json> Dynamo::Query(const Call& call, const json& request) const {
  ARROW_ASSIGN_OR_RAISE(const InstanceTracker table, TableOf(call, request));
  ARROW_ASSIGN_OR_RAISE(const std::string index, TextMember(request, "IndexName"));
  Trackers::Key key = Trackers::KeyOf(table.role);
  const bool by_validation = table.role == TrackerRole::kJobLookup && index == "by-validation";
  if (!index.empty() && !by_validation) return Invalid("the table has no index '" + index + "'");
  Result<ItemCondition> condition = Invalid("a query needs a KeyConditionExpression");
  if (const json& text = Member(request, "KeyConditionExpression"); text.is_string()) {
    condition =
        ItemCondition::Parse(text.get<std::string>(), Member(request, "ExpressionAttributeNames"),
                             Member(request, "ExpressionAttributeValues"));
  } else if (const json& legacy = Member(request, "KeyConditions"); legacy.is_object()) {
    condition = ItemCondition::FromLegacy(legacy);
  }
  ARROW_RETURN_NOT_OK(condition.status());
  const std::string hash_name = by_validation ? "LastValidationResult" : key.hash;
  const auto hash = condition->EqualTo(hash_name);
  if (!hash.has_value() || !hash->contains("S") || !(*hash)["S"].is_string()) {
    return Invalid("the key condition is to have " + hash_name + " = a text");
  }
  std::optional<std::string> wanted;
  if (!by_validation) wanted = (*hash)["S"].get<std::string>();
  ARROW_ASSIGN_OR_RAISE(auto items, trackers_->Items(table, wanted, kItemsMax));
  std::erase_if(items, [&](const json& item) { return !condition->Holds(item); });
  return Page(request, std::move(items), key);
}

Result<json> Dynamo::Scan(const Call& call, const json& request) const {
  ARROW_ASSIGN_OR_RAISE(const InstanceTracker table, TableOf(call, request));
  ARROW_ASSIGN_OR_RAISE(auto items, trackers_->Items(table, std::nullopt, kItemsMax));
  return Page(request, std::move(items), Trackers::KeyOf(table.role));
}

Result<json> Dynamo::GetItem(const Call& call, const json& request) const {
  ARROW_ASSIGN_OR_RAISE(const InstanceTracker table, TableOf(call, request));
  const Trackers::Key key = Trackers::KeyOf(table.role);
  const json& wanted = Member(request, "Key");
  if (!wanted.is_object()) return Invalid("Key is missing");
  const std::string hash = TextOf(wanted, key.hash);
  if (hash.empty()) return Invalid("the key is to have " + key.hash + " as a text");
  ARROW_ASSIGN_OR_RAISE(const auto items, trackers_->Items(table, hash, kItemsMax));
  for (const json& item : items) {
    if (key.range.empty() || TextOf(item, key.range) == TextOf(wanted, key.range)) {
      return json{{"Item", item}};
    }
  }
  return json::object();
}

Result<json> Dynamo::Describe(const Call& call, const json& request) const {
  ARROW_ASSIGN_OR_RAISE(const InstanceTracker table, TableOf(call, request));
  const Trackers::Key key = Trackers::KeyOf(table.role);
  json schema = json::array({{{"AttributeName", key.hash}, {"KeyType", "HASH"}}});
  json attributes = json::array({{{"AttributeName", key.hash}, {"AttributeType", "S"}}});
  if (!key.range.empty()) {
    schema.push_back({{"AttributeName", key.range}, {"KeyType", "RANGE"}});
    attributes.push_back({{"AttributeName", key.range}, {"AttributeType", "S"}});
  }
  return json{{"Table",
               {{"TableName", request.value("TableName", "")},
                {"TableStatus", "ACTIVE"},
                {"KeySchema", schema},
                {"AttributeDefinitions", attributes}}}};
}

Result<json> Dynamo::ListTables(const Call& call) const {
  json names = json::array();
  for (const std::string& id : instances_->ids()) {
    if (!database_->access()->Check(call.caller, access::kSee, Path{{id}}).ok()) continue;
    for (const char* suffix : {"ingest-job-lookup", "ingest-job-updates", "query-tracking-table"}) {
      names.push_back(Instances::QueueName(id, suffix));
    }
  }
  return json{{"TableNames", names}};
}

Result<net::HttpResponse> Dynamo::Answer(const Call& call) const {
  const std::string_view target = call.request->Header("x-amz-target");
  const std::string_view action = target.substr(std::min(target.find('.') + 1, target.size()));
  auto parsed = ParseJson(call.body.empty() ? "{}" : call.body);
  if (!parsed.ok() || !parsed->is_object()) {
    return Fault("SerializationException", "the body is to be a JSON object");
  }
  Result<json> answer = Fault("UnknownOperationException", "there is no such operation here");
  if (action == "Query") answer = Query(call, *parsed);
  if (action == "Scan") answer = Scan(call, *parsed);
  if (action == "GetItem") answer = GetItem(call, *parsed);
  if (action == "DescribeTable") answer = Describe(call, *parsed);
  if (action == "ListTables") answer = ListTables(call);
  for (const char* write : {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "CreateTable",
                            "DeleteTable", "UpdateTable", "TransactWriteItems"}) {
    if (action == write)
      answer = Fault("AccessDeniedException", "the tracking tables are read-only");
  }
  ARROW_RETURN_NOT_OK(answer.status());
  net::HttpResponse response;
  response.content_type = "application/x-amz-json-1.0";
  response.body = JsonText(*answer);
  response.headers.emplace_back("x-amz-crc32", std::to_string(Crc32(response.body)));
  return response;
}

}  // namespace firth::doors::aws
