#include "firth/doors/aws/query_message.h"

#include <set>

#include "firth/common/text.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kQueryIdMax = 1024 - 64;

Status Invalid(std::string why) {
  return Error(Code::kInvalidArgument, Reason::kBadValue, std::move(why));
}

}  // namespace

QueryMessage ReadQueryMessage(const std::string& body) {
  QueryMessage message;
  auto parsed = ParseJson(body);
  if (!parsed.ok() || !parsed->is_object()) return message;
  const auto id = TextMember(*parsed, "queryId");
  if (id.ok() && id->size() <= kQueryIdMax && id->find('\0') == std::string::npos) message.id = *id;
  message.body = std::move(*parsed);
  return message;
}

Result<Destination> ReadDestination(const json& query) {
  Destination out;
  const auto config = query.find("resultsPublisherConfig");
  if (config == query.end() || config->is_null()) return out;
  if (!config->is_object()) return Invalid("resultsPublisherConfig is to be an object");
  ARROW_ASSIGN_OR_RAISE(const std::string kind, TextMember(*config, "destination"));
  if (kind.empty() || kind == "S3") {
    ARROW_ASSIGN_OR_RAISE(out.place, TextMember(*config, "bucket"));
  } else if (kind == "SQS") {
    out.kind = Destination::Kind::kQueue;
    ARROW_ASSIGN_OR_RAISE(std::string url, TextMember(*config, "sqsResultsUrl"));
    out.place = url.substr(url.rfind('/') + 1);
    const auto rows = config->find("batchSize");
    if (rows != config->end() && !rows->is_null()) {
      const auto count = rows->is_number_integer()
                             ? Result<int64_t>(rows->get<int64_t>())
                             : ParseInt64(rows->is_string() ? rows->get<std::string>() : "");
      if (!count.ok() || *count < 1) return Invalid("batchSize is a number of rows");
      out.batch_rows = *count;
    }
  } else if (kind == "NO_RESULTS_OUTPUT") {
    out.kind = Destination::Kind::kNowhere;
  } else {
    return Invalid("there is no destination '" + kind.substr(0, 64) +
                   "' for results: there are S3, SQS and NO_RESULTS_OUTPUT");
  }
  return out;
}

Status KeepRequested(const json& query, TableShape* shape) {
  const auto wanted = query.find("requestedValueFields");
  if (wanted == query.end() || wanted->is_null()) return Status::OK();
  if (!wanted->is_array()) return Invalid("requestedValueFields is to be a list");
  std::set<std::string> names;
  for (const json& name : *wanted) {
    if (name.is_string()) names.insert(name.get<std::string>());
  }
  std::vector<ShapeField> kept;
  for (size_t i = 0; i < shape->fields.size(); ++i) {
    const bool key = static_cast<int>(i) < shape->keys();
    if (key || names.contains(shape->fields[i].name)) kept.push_back(shape->fields[i]);
  }
  shape->fields = std::move(kept);
  return Status::OK();
}

}  // namespace firth::doors::aws
