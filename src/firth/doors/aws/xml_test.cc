// Goal: whatever an answer is to hold, it is XML that a strict reader takes.
#include "firth/doors/aws/xml.h"

#include <gtest/gtest.h>

#include "firth/common/text.h"

namespace firth::doors::aws {
namespace {

std::string Written(std::string_view text) {
  XmlWriter xml;
  xml.Open("Delete", "http://s3.amazonaws.com/doc/2006-03-01/");
  xml.Open("Object");
  xml.Text("Key", text);
  xml.Close();
  const std::string document = xml.Finish();
  EXPECT_TRUE(IsUtf8(document));
  const auto read = ParseXml(document, "Delete", "Object", 1);
  EXPECT_TRUE(read.ok()) << read.status().ToString();
  return read.ok() && read->items.size() == 1 ? read->items.front().Find("Key") : "?";
}

TEST(XmlTest, TextsComeBack) {
  EXPECT_EQ(Written("a & <b> \"c\" ]]>"), "a & <b> \"c\" ]]>");
  EXPECT_EQ(Written("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(Written("a\r\nb\tc"), "a\r\nb\tc");
}

TEST(XmlTest, WhatXmlCannotHoldIsReplaced) {
  const std::string gone = "\xef\xbf\xbd";
  EXPECT_EQ(Written(std::string_view("a\0b\x1b", 4)), "a" + gone + "b" + gone);
  EXPECT_EQ(Written("a\xff\xfe\x62\xe2\x82"), "a" + gone + gone + "b" + gone + gone);
  EXPECT_EQ(Written("\xef\xbf\xbe|\xef\xbf\xbf|\xed\xa0\x80"),
            gone + "|" + gone + "|" + gone + gone + gone);
}

}  // namespace
}  // namespace firth::doors::aws
