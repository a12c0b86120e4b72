#include "firth/doors/aws/xml.h"

#include <algorithm>
#include <pugixml.hpp>

#include "firth/common/text.h"
#include "firth/doors/aws/errors.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kXmlBytesMax = size_t{4} << 20;

constexpr char kReplacement[] = "\xef\xbf\xbd";  // U+FFFD
constexpr size_t kCharacterBytesMax = 4;

/// Text as UTF-8 without U+FFFE and U+FFFF: each byte or character that it cannot hold is replaced.
std::string Utf8Of(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t bytes = 1;
    while (bytes < std::min(kCharacterBytesMax, text.size()) && !IsUtf8(text.substr(0, bytes))) {
      ++bytes;
    }
    const std::string_view character = text.substr(0, bytes);
    if (!IsUtf8(character)) {
      out += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    const bool none = character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf";
    out += none ? std::string_view(kReplacement) : character;
    text.remove_prefix(bytes);
  }
  return out;
}

bool CanStand(std::string_view text) {
  return IsUtf8(text) && text.find("\xef\xbf\xbe") == std::string_view::npos &&
         text.find("\xef\xbf\xbf") == std::string_view::npos;
}

void AppendEscaped(std::string* out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&':
        *out += "&amp;";
        break;
      case '<':
        *out += "&lt;";
        break;
      case '>':
        *out += "&gt;";
        break;
      case '"':
        *out += "&quot;";
        break;
      case '\r':
        *out += "&#13;";
        break;
      default:
        if (byte < 0x20 && c != '\t' && c != '\n') {
          *out += kReplacement;
        } else {
          *out += c;
        }
    }
  }
}

/// A name without the prefix of its namespace.
std::string_view LocalName(std::string_view name) {
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

XmlItem ReadItem(const pugi::xml_node& node) {
  XmlItem item;
  for (const auto& child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    item.texts.emplace_back(std::string(LocalName(child.name())), child.text().get());
  }
  return item;
}

}  // namespace

XmlWriter::XmlWriter() : out_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {}

void XmlWriter::Open(std::string_view name, std::string_view xml_namespace) {
  out_.append("<").append(name);
  if (!xml_namespace.empty()) out_.append(" xmlns=\"").append(xml_namespace).append("\"");
  out_ += '>';
  open_.emplace_back(name);
}

void XmlWriter::Close() {
  out_.append("</").append(open_.back()).append(">");
  open_.pop_back();
}

void XmlWriter::Text(std::string_view name, std::string_view text) {
  out_.append("<").append(name).append(">");
  if (CanStand(text)) {
    AppendEscaped(&out_, text);
  } else {
    AppendEscaped(&out_, Utf8Of(text));
  }
  out_.append("</").append(name).append(">");
}

void XmlWriter::Number(std::string_view name, int64_t number) {
  Text(name, std::to_string(number));
}

void XmlWriter::Bool(std::string_view name, bool value) {
  Text(name, value ? "true" : "false");
}

std::string XmlWriter::Finish() {
  while (!open_.empty()) Close();
  return std::move(out_);
}

std::string XmlItem::Find(std::string_view name) const {
  for (const auto& [key, value] : texts) {
    if (key == name) return value;
  }
  return {};
}

Result<XmlRequest> ParseXml(const std::string& text, std::string_view root,
                            std::string_view item_name, size_t items_max) {
  const auto malformed = [](std::string why) { return Fault("MalformedXML", std::move(why)); };
  if (text.size() > kXmlBytesMax || !IsUtf8(text)) {
    return malformed("the body is no XML document in UTF-8 of at most 4 MiB");
  }
  pugi::xml_document document;
  const auto parsed =
      document.load_buffer(text.data(), text.size(),
                           pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!parsed) return malformed(std::string("the body is no XML: ") + parsed.description());
  const pugi::xml_node top = document.document_element();
  if (LocalName(top.name()) != root) {
    return malformed("the document's root is to be " + std::string(root));
  }
  XmlRequest request;
  for (const auto& child : top.children()) {
    if (child.type() != pugi::node_element) continue;
    if (LocalName(child.name()) == item_name) {
      if (request.items.size() == items_max) {
        return malformed("the document has more than " + std::to_string(items_max) + " elements " +
                         std::string(item_name));
      }
      request.items.push_back(ReadItem(child));
    } else {
      request.top.texts.emplace_back(std::string(LocalName(child.name())), child.text().get());
    }
  }
  return request;
}

}  // namespace firth::doors::aws
