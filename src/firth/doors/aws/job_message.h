// The message that asks for files to be put into a table.
#pragma once

#include <string>
#include <vector>

#include "firth/doors/aws/json.h"
#include "firth/doors/aws/table_shape.h"

namespace firth::doors::aws {

struct JobMessage {
  std::string id;
  std::string table_name;
  std::string table_id;
  std::vector<std::string> files;     // BUCKET/KEY, as sent
  std::vector<std::string> problems;  // why it is refused, in the words that clients know
};

/// Read a message. What is wrong with it stands in `problems`; it always gets an id: its own, if it
/// has one, else `fresh_id`. `strict_id`: that of a bulk import.
JobMessage ReadJobMessage(const std::string& body, const std::string& fresh_id, bool strict_id);

/// `BUCKET/KEY` of a path, without scheme and with no slash in front of the key.
struct ObjectPath {
  std::string bucket;
  std::string key;  // "": the whole bucket
};
ObjectPath ReadObjectPath(std::string_view path);

}  // namespace firth::doors::aws
