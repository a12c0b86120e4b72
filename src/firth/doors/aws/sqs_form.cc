// The older spelling of SQS: fields of a form, answers in XML.
#include <array>

#include "firth/common/text.h"
#include "firth/doors/aws/sqs.h"
#include "firth/doors/aws/xml.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kFieldsMax = 1000;
constexpr int64_t kIndexMax = 100;

/// Lists of a form, by the name in front of the number: `SendMessageBatchRequestEntry.1.Id`.
struct ListName {
  std::string_view form;
  const char* member;
  bool of_objects;
};
constexpr std::array kLists{
    ListName{"SendMessageBatchRequestEntry", "Entries", true},
    ListName{"DeleteMessageBatchRequestEntry", "Entries", true},
    ListName{"AttributeName", "AttributeNames", false},
};

/// Set `field` of a list's member; true if the name is one of a list.
Result<bool> SetInList(const std::string& name, const std::string& value, json* request) {
  for (const ListName& list : kLists) {
    if (!name.starts_with(std::string(list.form) + ".")) continue;
    const std::string rest = name.substr(list.form.size() + 1);
    const size_t dot = std::min(rest.find('.'), rest.size());
    const auto index = ParseInt64(rest.substr(0, dot));
    if (!index.ok() || *index < 1 || *index > kIndexMax) {
      return Fault("InvalidParameterValue", "a list's members are numbered from 1");
    }
    json& members = (*request)[list.member];
    if (!members.is_array()) members = json::array();
    while (members.size() < static_cast<size_t>(*index)) {
      members.push_back(list.of_objects ? json::object() : json());
    }
    json& member = members[static_cast<size_t>(*index) - 1];
    if (!list.of_objects) {
      member = value;
    } else if (dot < rest.size()) {
      member[rest.substr(dot + 1)] = value;
    }
    return true;
  }
  return false;
}

void WriteMember(const std::string& name, const json& value, XmlWriter* xml);

void WriteFields(const json& object, XmlWriter* xml) {
  for (const auto& [name, value] : object.items()) WriteMember(name, value, xml);
}

/// The element that a list's members have in XML.
std::string ElementOf(const std::string& action, const std::string& list) {
  if (list == "Messages") return "Message";
  if (list == "QueueUrls") return "QueueUrl";
  if (list == "Failed") return "BatchResultErrorEntry";
  if (list == "Successful") return action + "ResultEntry";
  return list;
}

void WriteAttributes(const json& attributes, XmlWriter* xml) {
  for (const auto& [name, value] : attributes.items()) {
    xml->Open("Attribute");
    xml->Text("Name", name);
    xml->Text("Value", value.get<std::string>());
    xml->Close();
  }
}

void WriteMember(const std::string& name, const json& value, XmlWriter* xml) {
  if (name == "Attributes") return WriteAttributes(value, xml);
  xml->Text(name, value.is_string() ? value.get<std::string>() : value.dump());
}

}  // namespace

Result<json> FormToRequest(const std::string&,
                           const std::vector<std::pair<std::string, std::string>>& fields) {
  if (fields.size() > kFieldsMax)
    return Fault("InvalidParameterValue", "the form has too many fields");
  json request = json::object();
  for (const auto& [name, value] : fields) {
    if (!IsUtf8(name) || !IsUtf8(value)) {
      return Fault("InvalidParameterValue", "the form is not UTF-8");
    }
    ARROW_ASSIGN_OR_RAISE(const bool in_list, SetInList(name, value, &request));
    if (!in_list) request[name] = value;
  }
  return request;
}

std::string AnswerToXml(const std::string& action, const json& answer,
                        const std::string& request_id) {
  XmlWriter xml;
  xml.Open(action + "Response", "http://queue.amazonaws.com/doc/2012-11-05/");
  xml.Open(action + "Result");
  for (const auto& [name, value] : answer.items()) {
    if (!value.is_array()) {
      WriteMember(name, value, &xml);
      continue;
    }
    for (const json& member : value) {
      if (!member.is_object()) {
        xml.Text(ElementOf(action, name), member.get<std::string>());
        continue;
      }
      xml.Open(ElementOf(action, name));
      WriteFields(member, &xml);
      xml.Close();
    }
  }
  xml.Close();
  xml.Open("ResponseMetadata");
  xml.Text("RequestId", request_id);
  return xml.Finish();
}

}  // namespace firth::doors::aws
