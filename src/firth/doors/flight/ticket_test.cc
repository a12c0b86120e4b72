// Goal: a ticket says what it says, and wrong ones are refused.
#include "firth/doors/flight/ticket.h"

#include <gtest/gtest.h>

namespace firth::doors::flight {
namespace {

TEST(Ticket, ReadsEveryField) {
  const auto ticket =
      ParseTicket(R"({"path": "a/b", "columns": ["x"], "partition": "p", "bucket": 2,
      "from": 3, "to": 9, "as_of": 7, "filter": [{"column": "y", "op": ">", "value": 1}],
      "hidden": true, "limit": 5})");
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  EXPECT_EQ(ticket->path.ToString(), "a/b");
  EXPECT_EQ(ticket->columns, std::vector<std::string>{"x"});
  EXPECT_EQ(ticket->partition, std::vector<std::string>{"p"});
  EXPECT_EQ(ticket->bucket, 2);
  EXPECT_EQ(ticket->from, 3);
  EXPECT_FALSE(ticket->from_end);
  EXPECT_EQ(ticket->to, 9);
  EXPECT_EQ(ticket->as_of, CommitId(7));
  EXPECT_EQ(ticket->filter.Columns(), std::vector<std::string>{"y"});
  EXPECT_TRUE(ticket->hidden);
  EXPECT_EQ(ticket->limit, 5);
}

TEST(Ticket, BeginsAtAnEnd) {
  const auto from = [](const std::string& value) {
    return *ParseTicket(R"({"path": "a", "from": )" + value + "}");
  };
  EXPECT_FALSE(from("\"earliest\"").from.has_value());
  EXPECT_EQ(from("\"latest\"").from, 0);
  EXPECT_TRUE(from("\"latest\"").from_end);
  EXPECT_EQ(from("-10").from, 10);
  EXPECT_TRUE(from("-10").from_end);
  EXPECT_EQ(from("-9223372036854775808").from, INT64_MAX);
}

TEST(Ticket, OfATableReadsAllOfIt) {
  const Path path{{"a/b", "c"}};
  const auto ticket = ParseTicket(TicketOf(path));
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  EXPECT_EQ(ticket->path, path);
  EXPECT_EQ(ticket->as_of, catalog::kNow);
  EXPECT_FALSE(ticket->from || ticket->to || ticket->limit || ticket->follow);
}

TEST(Ticket, RefusesTheRest) {
  for (const char* text :
       {"[]", "{}", "nothing", R"({"path": 1})", R"({"path": "a", "bucket": -1})",
        R"({"path": "a", "limit": -1})", R"({"path": "a", "from": "noon"})",
        R"({"path": "a", "follow": true, "to": 1})", R"({"path": "a", "follow": true, "as_of": 1})",
        R"({"path": "a", "filter": {}})",
        R"({"path": "a", "filter": [{"column": "b", "op": "~"}]})",
        R"({"path": "a", "filter": [{"op": "="}]})", R"({"path": "a", "colums": []})",
        R"({"path": "a", "current": true, "from": 1})",
        R"({"path": "a", "current": true, "follow": true})"}) {
    EXPECT_EQ(CodeOf(ParseTicket(text).status()), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace firth::doors::flight
