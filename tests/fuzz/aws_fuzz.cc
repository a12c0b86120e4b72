// Every decoder of the door for AWS's clients, on arbitrary bytes: the first byte chooses which.
// With: doors/aws/chunked_body doors/aws/digests doors/aws/dynamo doors/aws/item_condition
// With: doors/aws/job_message doors/aws/json doors/aws/regions doors/aws/signature
// With: doors/aws/trackers doors/aws/instances doors/aws/sqs_form doors/aws/table_shape
// With: doors/aws/new_table doors/aws/xml doors/aws/errors net/http_text doors/aws/query_message
// With: doors/aws/byte_range
// With: schema/schema schema/types schema/key
// With: common/json_depth common/path common/status common/text common/checksum common/logging
#include <cstddef>
#include <cstdint>
#include <string>

#include "firth/doors/aws/byte_range.h"
#include "firth/doors/aws/chunked_body.h"
#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/dynamo.h"
#include "firth/doors/aws/job_message.h"
#include "firth/doors/aws/json.h"
#include "firth/doors/aws/query_message.h"
#include "firth/doors/aws/regions.h"
#include "firth/doors/aws/signature.h"
#include "firth/doors/aws/sqs.h"
#include "firth/doors/aws/table_shape.h"
#include "firth/doors/aws/xml.h"

namespace {

using namespace firth::doors::aws;  // NOLINT: a fuzz target

TableShape Shape() {
  TableShape shape;
  shape.fields = {{.name = "a", .type = arrow::int32()},
                  {.name = "b", .type = arrow::utf8()},
                  {.name = "c", .type = arrow::binary()}};
  shape.row_keys = 3;
  return shape;
}

/// However the bytes come in, what they carry is the same.
void DecodeInPieces(const std::string& text) {
  const auto whole = DecodeChunkedBody(text, {});
  ChunkDecoder decoder{ChunkSigning{}};
  std::string bytes;
  firth::Status status;
  for (size_t at = 0, size = 1; at < text.size() && status.ok(); at += size, size = size % 7 + 1) {
    status = decoder.Update(std::string_view(text).substr(at, size), [&](std::string_view run) {
      bytes += run;
      return firth::Status::OK();
    });
  }
  if (status.ok()) status = decoder.Finish();
  FIRTH_CHECK(status.ok() == whole.ok());
  if (whole.ok()) FIRTH_CHECK(bytes == whole->bytes && decoder.trailers() == whole->trailers);
}

void ReadHeaders(const std::string& text) {
  firth::net::HttpRequest request;
  request.method = "GET";
  request.path = "/";
  request.query = text;
  request.headers = {{"Host", "h"}, {"x-amz-date", "20130524T000000Z"}, {"Authorization", text}};
  const auto signature = ReadSignature(request);
  std::string key;
  if (signature.ok()) {
    static_cast<void>(
        VerifySignature(request, *signature, "secret", 1'369'353'600'000'000'000, &key));
  }
}

/// Names, values, conditions of the old kind and the item itself from outside.
void ReadCondition(const std::string& text) {
  const auto request = ParseJson(text);
  if (!request.ok() || !request->is_object()) return;
  const auto member = [&](const char* name) { return request->value(name, json()); };
  const json expression = member("KeyConditionExpression");
  if (expression.is_string()) {
    const auto condition =
        ItemCondition::Parse(expression.get<std::string>(), member("ExpressionAttributeNames"),
                             member("ExpressionAttributeValues"));
    if (condition.ok()) {
      static_cast<void>(condition->Holds(member("Item")));
      static_cast<void>(condition->EqualTo("queryId"));
    }
  }
  const auto legacy = ItemCondition::FromLegacy(member("KeyConditions"));
  if (legacy.ok()) static_cast<void>(legacy->Holds(member("Item")));
}

/// A message that asks for rows: who asks, where they are to go, which of them, and what of each.
void ReadQuery(const std::string& text) {
  const QueryMessage query = ReadQueryMessage(text);
  if (query.id.empty()) return;
  static_cast<void>(ReadDestination(query.body));
  TableShape shape = Shape();
  if (KeepRequested(query.body, &shape).ok()) FIRTH_CHECK(shape.fields.size() >= 3);
  if (query.body.contains("regions")) {
    static_cast<void>(RegionSet::Read(query.body["regions"], Shape()));
  }
}

/// Whatever is asked for lies in the object.
void ReadRange(const std::string& text) {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40}) {
    const auto range = ReadByteRange("bytes=" + text, bytes);
    if (range.ok()) FIRTH_CHECK(range->begin <= range->end && range->end <= bytes);
  }
  static_cast<void>(ReadByteRange(text, 7));
}

/// A request to a queue as JSON is one as a form, too.
void ReadQueueRequest(const std::string& text) {
  const auto request = ParseJson(text);
  if (request.ok() && request->is_object()) {
    for (const char* name : {"QueueUrl", "MessageBody", "ReceiptHandle"}) {
      static_cast<void>(TextMember(*request, name));
    }
  }
}

/// Whatever a name holds, what is written of it is XML.
void WriteText(const std::string& text) {
  XmlWriter xml;
  xml.Open("Delete", "http://s3.amazonaws.com/doc/2006-03-01/");
  xml.Open("Object");
  xml.Text("Key", text);
  xml.Close();
  const auto read = ParseXml(xml.Finish(), "Delete", "Object", 1);
  FIRTH_CHECK(read.ok());
  FIRTH_CHECK(read->items.size() == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 15) {
    case 0:
      DecodeInPieces(text);
      break;
    case 1:
      static_cast<void>(ParseXml(text, "Delete", "Object", 100));
      break;
    case 2:
      if (const auto parsed = ParseJson(text); parsed.ok()) {
        static_cast<void>(RegionSet::Read(*parsed, Shape()));
      }
      break;
    case 3:
      if (const auto parsed = ParseJson(text); parsed.ok())
        static_cast<void>(ReadNewTable(*parsed));
      break;
    case 4:
      static_cast<void>(ReadJobMessage(text, "fresh", true));
      break;
    case 5: {
      static const json kNames{{"#a", "queryId"}};
      static const json kValues{{":a", {{"S", "x"}}}, {":b", {{"N", "1"}}}};
      const auto condition = ItemCondition::Parse(text, kNames, kValues);
      if (condition.ok()) static_cast<void>(condition->Holds({{"queryId", {{"S", "x"}}}}));
      break;
    }
    case 6:
      if (const auto fields = firth::net::ParseQuery(text); fields.ok()) {
        static_cast<void>(FormToRequest("SendMessage", *fields));
      }
      break;
    case 7:
      ReadHeaders(text);
      break;
    case 9:
      ReadCondition(text);
      break;
    case 10:
      static_cast<void>(ParseXml(text, "CompleteMultipartUpload", "Part", 10'000));
      static_cast<void>(ParseXml(text, "CreateBucketConfiguration", "", 0));
      break;
    case 11:
      WriteText(text);
      break;
    case 12:
      ReadQuery(text);
      break;
    case 13:
      ReadRange(text);
      break;
    case 14:
      ReadQueueRequest(text);
      break;
    default:
      static_cast<void>(FromBase64(text));
      static_cast<void>(ReadObjectPath(text));
  }
  return 0;
}
