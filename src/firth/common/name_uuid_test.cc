// Goal: ids of names are those that everybody else makes of them.
#include "firth/common/name_uuid.h"

#include <gtest/gtest.h>

#include "firth/common/text.h"

namespace firth {
namespace {

TEST(NameUuid, IsThatOfTheStandard) {
  // The name space of domain names, and the example of RFC 9562, appendix A.4.
  const std::string dns = *UuidFromText("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  EXPECT_EQ(UuidToText(NameUuid(dns, "www.example.com")), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(NameUuid, DiffersByNameAndNameSpace) {
  const std::string zero(16, '\0');
  const std::string one(16, '\1');
  EXPECT_NE(NameUuid(zero, "a"), NameUuid(zero, "b"));
  EXPECT_NE(NameUuid(zero, "a"), NameUuid(one, "a"));
  EXPECT_EQ(NameUuid(zero, ""), NameUuid(zero, ""));
}

}  // namespace
}  // namespace firth
