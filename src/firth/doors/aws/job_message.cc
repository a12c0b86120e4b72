#include "firth/doors/aws/job_message.h"

#include <algorithm>

namespace firth::doors::aws {
namespace {

constexpr size_t kBulkIdMax = 63;

bool IsBlank(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t'; });
}

void ReadFiles(const json& request, bool strict, JobMessage* message) {
  const auto files = request.find("files");
  if (files == request.end() || files->is_null()) {
    message->problems.emplace_back("Missing property \"files\"");
    return;
  }
  if (!files->is_array() || (strict && files->empty())) {
    message->problems.emplace_back(
        "The input files must be set to a non-null and non-empty value.");
    return;
  }
  for (const json& file : *files) {
    if (!file.is_string()) {
      message->problems.emplace_back("One of the files was null");
      return;
    }
    message->files.push_back(file.get<std::string>());
  }
}

void CheckBulkId(const std::string& id, JobMessage* message) {
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!plain) {
    message->problems.emplace_back("Job Ids must only contain lowercase alphanumerics and dashes.");
  }
  if (id.size() > kBulkIdMax) {
    message->problems.emplace_back("Job IDs are only allowed to be up to 63 characters long.");
  }
}

}  // namespace

JobMessage ReadJobMessage(const std::string& body, const std::string& fresh_id, bool strict_id) {
  JobMessage message{.id = fresh_id};
  const auto parsed = ParseJson(body);
  if (!parsed.ok() || !parsed->is_object()) {
    message.problems.push_back("Error parsing JSON. Reason: " +
                               (parsed.ok() ? "it is no object" : MessageOf(parsed.status())));
    return message;
  }
  const auto read = [&](const char* name) {
    auto text = TextMember(*parsed, name);
    if (text.ok()) return *text;
    message.problems.push_back("Error parsing JSON. Reason: " + MessageOf(text.status()));
    return std::string();
  };
  const std::string id = read("id");
  if (!IsBlank(id) && id.size() <= 1024) message.id = id;
  message.table_name = read("tableName");
  message.table_id = read("tableId");
  if (strict_id) CheckBulkId(message.id, &message);
  ReadFiles(*parsed, strict_id, &message);
  return message;
}

ObjectPath ReadObjectPath(std::string_view path) {
  for (const std::string_view scheme : {"s3://", "s3a://"}) {
    if (path.starts_with(scheme)) path.remove_prefix(scheme.size());
  }
  const size_t slash = std::min(path.find('/'), path.size());
  ObjectPath out{.bucket = std::string(path.substr(0, slash))};
  path.remove_prefix(slash);
  while (path.starts_with('/')) path.remove_prefix(1);
  out.key = path;
  return out;
}

}  // namespace firth::doors::aws
