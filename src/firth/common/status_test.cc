// Goal: a status keeps its code and reason, and every reason has a name of its own.
#include "firth/common/status.h"

#include <gtest/gtest.h>

#include <set>

namespace firth {
namespace {

TEST(StatusTest, CarriesCodeAndReason) {
  const Status status = Error(Code::kNotFound, Reason::kTableNotFound, "no table 'x'");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(CodeOf(status), Code::kNotFound);
  EXPECT_EQ(ReasonOf(status), Reason::kTableNotFound);
  EXPECT_EQ(MessageOf(status), "no table 'x'");
  EXPECT_EQ(CodeOf(Status::OK()), Code::kOk);
  EXPECT_EQ(CodeOf(Status::Invalid("x")), Code::kInvalidArgument);
  EXPECT_EQ(ReasonOf(Status::Invalid("x")), Reason::kNone);
}

TEST(StatusTest, EveryReasonHasItsOwnName) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Reason::kQueryRefused); ++i) {
    const std::string_view name = ReasonName(static_cast<Reason>(i));
    EXPECT_NE(name, "unknown");
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

}  // namespace
}  // namespace firth
