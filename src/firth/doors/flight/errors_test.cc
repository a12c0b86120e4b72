// Goal: an error crosses the wire whole: code, reason and message.
#include "firth/doors/flight/errors.h"

#include <gtest/gtest.h>

namespace firth::doors::flight {
namespace {

TEST(Errors, CrossTheWire) {
  for (int code = 1; code <= 16; ++code) {
    for (int reason = 0; reason <= static_cast<int>(Reason::kQueryRefused); ++reason) {
      const Status sent = Error(static_cast<Code>(code), static_cast<Reason>(reason), "why");
      const grpc::Status wire = ToGrpc(sent);
      EXPECT_EQ(static_cast<int>(wire.error_code()), code);
      const Status got = FromGrpc(wire, std::string(ReasonName(ReasonOf(sent))));
      EXPECT_EQ(CodeOf(got), CodeOf(sent));
      EXPECT_EQ(ReasonOf(got), ReasonOf(sent));
      EXPECT_EQ(MessageOf(got), "why");
    }
  }
  EXPECT_TRUE(ToGrpc(Status::OK()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK, "").ok());
}

TEST(Errors, OfArrowKeepTheirKind) {
  EXPECT_EQ(ToGrpc(Status::KeyError("k")).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ToGrpc(Status::Invalid("i")).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace firth::doors::flight
