// XML answers, and small XML requests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::doors::aws {

/// Writes elements in order; texts are escaped, and bytes that XML 1.0 cannot hold are replaced.
class XmlWriter {
 public:
  XmlWriter();
  void Open(std::string_view name, std::string_view xml_namespace = {});
  void Close();
  void Text(std::string_view name, std::string_view text);
  void Number(std::string_view name, int64_t number);
  void Bool(std::string_view name, bool value);
  std::string Finish();

 private:
  std::string out_;
  std::vector<std::string> open_;
};

/// One element of a request: its children's texts by name, as far as requests here are deep.
struct XmlItem {
  std::vector<std::pair<std::string, std::string>> texts;
  std::string Find(std::string_view name) const;
};
struct XmlRequest {
  XmlItem top;                 // texts directly below the root
  std::vector<XmlItem> items;  // elements `item_name` below the root
};
/// Read a document whose root is `root`, in any namespace or none. Takes hostile bytes; Fault
/// MalformedXML for another root, more than `items_max` items, and what is not XML.
Result<XmlRequest> ParseXml(const std::string& text, std::string_view root,
                            std::string_view item_name, size_t items_max);

}  // namespace firth::doors::aws
