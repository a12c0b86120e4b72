#include "firth/doors/aws/sts.h"

#include "firth/doors/aws/xml.h"

namespace firth::doors::aws {

Result<net::HttpResponse> AnswerSts(const Call& call, const Instances& instances) {
  ARROW_ASSIGN_OR_RAISE(auto fields, net::ParseQuery(call.body));
  fields.insert(fields.end(), call.query.begin(), call.query.end());
  std::string action;
  for (const auto& [name, value] : fields) {
    if (name == "Action") action = value;
  }
  if (action != "GetCallerIdentity") {
    return Fault("InvalidAction", "the only operation here is GetCallerIdentity");
  }
  XmlWriter xml;
  xml.Open("GetCallerIdentityResponse", "https://sts.amazonaws.com/doc/2011-06-15/");
  xml.Open("GetCallerIdentityResult");
  xml.Text("Arn", "arn:aws:iam::" + instances.account() + ":user/" + call.caller.name);
  xml.Text("UserId", call.access_key);
  xml.Text("Account", instances.account());
  xml.Close();
  xml.Open("ResponseMetadata");
  xml.Text("RequestId", call.request_id);
  net::HttpResponse answer;
  answer.content_type = "text/xml";
  answer.body = xml.Finish();
  return answer;
}

}  // namespace firth::doors::aws
