// Goal: what ends with time ends at its moment: records in log and index, tickets, periods of
// quotas, hours and months of use. Method: the door's parts over a database in a simulated world,
// whose clock is moved.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "firth/doors/beneath/avro_codec.h"
#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/quota.h"
#include "firth/doors/beneath/reading.h"
#include "firth/table/table_testing.h"

namespace firth::doors::beneath {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kDay = 24 * kHour;

class TimePassesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.Open().ok());
    for (const char* name : {"ada", "root"}) {
      access::NewPrincipal user{.name = name,
                                .role = name == std::string("root") ? "admin" : "none"};
      user.secret = std::string("secret of ") + name;
      std::replace(user.secret.begin(), user.secret.end(), ' ', '-');
      ASSERT_TRUE(world_.db->access()->PutPrincipal(user).ok());
    }
    facts_ = Facts::Open(world_.db->catalog(), &world_.clock, world_.db->random()).ValueOrDie();
    rights_ = std::make_unique<Rights>(world_.db.get(), facts_.get());
    metering_ = std::make_unique<access::Metering>(world_.db->catalog(), &world_.clock, nullptr);
    control_ = std::make_unique<Control>(world_.db.get(), facts_.get(), rights_.get(), &tables_,
                                         metering_.get(), std::map<std::string, std::string>());
    reading_ = std::make_unique<Reading>(world_.db.get());
    ASSERT_TRUE(control_->Start().ok());
    ada_ = rights_->SignIn("Bearer secret-of-ada").ValueOrDie();
    root_ = rights_->SignIn("Bearer secret-of-root").ValueOrDie();
  }
  void TearDown() override {
    control_.reset();
    metering_.reset();
  }

  Json Ask(const Requester& who, const std::string& document) {
    const auto answer = control_->Run(who, Json{{"query", document}}.dump());
    Json reply = Json::parse(answer.body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return reply;
  }
  /// The root field's value.
  Json Get(const Requester& who, const std::string& document) {
    const Json reply = Ask(who, document);
    EXPECT_FALSE(reply.contains("errors")) << reply.dump();
    return reply.contains("errors") ? Json() : *reply["data"].begin();
  }
  std::string Refusal(const Requester& who, const std::string& document) {
    const Json reply = Ask(who, document);
    return reply.contains("errors") ? reply["errors"][0]["message"].get<std::string>() : "";
  }

  Instance Table(const std::string& options) {
    if (!made_) {
      const std::string mine = Get(ada_, "{ me { organizationID } }")["organizationID"];
      Get(ada_, "mutation { createProject(input: {organizationID: \"" + mine +
                    "\", projectName: \"p\"}) { name } }");
      made_ = true;
    }
    const std::string name = "t" + std::to_string(++count_);
    Get(ada_,
        "mutation { createTable(input: {organizationName: \"ada\", projectName: \"p\", tableName: "
        "\"" +
            name + "\", schemaKind: GraphQL, schema: \"type T @schema { k: Int! @key v: Int! }\" " +
            options + "}) { name } }");
    const auto table =
        world_.db->GetTable(access::Internal(), Path{{"ada", "p", name}}).ValueOrDie();
    return OpenInstance(world_.db.get(), &tables_, table->current->id).ValueOrDie();
  }

  static std::string Encoded(int64_t k, int64_t v) {
    std::string out;
    for (const int64_t number : {k, v}) {
      auto zigzag = static_cast<uint64_t>(number) << 1;
      for (; zigzag >= 0x80; zigzag >>= 7) out.push_back(static_cast<char>(zigzag | 0x80));
      out.push_back(static_cast<char>(zigzag));
    }
    return out;
  }
  /// A record of that age.
  void Write(const Instance& instance, int64_t k, int64_t v, int64_t age_ms) {
    const std::string avro = Encoded(k, v);
    auto rows = DecodeRecords(*instance.facts->type, {{.avro = avro, .time_ms = NowMs() - age_ms}});
    ASSERT_TRUE(rows.ok());
    ASSERT_TRUE(world_.db
                    ->Write(access::Internal(),
                            {{.table = instance.table,
                              .kind = table::TableWrite::Kind::kUpsert,
                              .rows = {*rows}}},
                            {})
                    .ok());
  }
  int64_t NowMs() { return world_.clock.NowNs() / kMs; }

  using Numbers = std::vector<int64_t>;
  /// The second fields of all records, by pages of two, which are full but for the last one.
  Numbers All(const Instance& instance, Cursor::Kind kind) {
    const auto range = reading_->Range(instance).ValueOrDie();
    Cursor cursor{.kind = kind, .id = std::string(16, 'x')};
    cursor.from = kind == Cursor::Kind::kPeek ? range.end.value : range.start.value;
    cursor.to = range.end.value;
    Numbers found;
    while (true) {
      const Page page = reading_->Read(instance, cursor, 2).ValueOrDie();
      for (const auto& record : page.records) {
        // Both fields are below 64, so that each is one byte.
        found.push_back(record.avro.back() >> 1);
      }
      if (!page.more) return found;
      EXPECT_EQ(page.records.size(), 2u);
      cursor = page.next;
    }
  }
  Numbers Log(const Instance& instance) { return All(instance, Cursor::Kind::kReplay); }
  Numbers Peek(const Instance& instance) { return All(instance, Cursor::Kind::kPeek); }
  Numbers Index(const Instance& instance) { return All(instance, Cursor::Kind::kIndex); }

  table::TableWorld world_;
  std::unique_ptr<Facts> facts_;
  std::unique_ptr<Rights> rights_;
  std::unique_ptr<access::Metering> metering_;
  TableFactsCache tables_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<Reading> reading_;
  Requester ada_, root_;
  bool made_ = false;
  int count_ = 0;
};

TEST_F(TimePassesTest, RecordsEndAtTheirMillisecondInEachView) {
  world_.clock.Advance(400 * kDay);
  const Instance instance =
      Table("logRetentionSeconds: 100, indexRetentionSeconds: 10, useWarehouse: false");
  for (int64_t i = 0; i < 8; ++i) Write(instance, i, i, i * 1000);  // 0 to 7 seconds old
  EXPECT_EQ(Index(instance), (Numbers{0, 1, 2, 3, 4, 5, 6, 7}));
  for (int64_t left = 7; left >= 0; --left) {
    // The oldest is 10 seconds old in a moment.
    world_.clock.Advance((left == 7 ? 3 : 1) * kSecond - kMs);
    Numbers expected;
    for (int64_t i = 0; i <= left; ++i) expected.push_back(i);
    EXPECT_EQ(Index(instance), expected);
    world_.clock.Advance(kMs);
    expected.pop_back();
    EXPECT_EQ(Index(instance), expected);
    EXPECT_EQ(Log(instance), (Numbers{0, 1, 2, 3, 4, 5, 6, 7}));
  }
  world_.clock.Advance(83 * kSecond - kMs);
  EXPECT_EQ(Log(instance), (Numbers{0, 1, 2, 3, 4, 5, 6, 7}));
  world_.clock.Advance(kMs);
  EXPECT_EQ(Log(instance), (Numbers{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Peek(instance), (Numbers{6, 5, 4, 3, 2, 1, 0}));
  world_.clock.Advance(7 * kSecond);
  EXPECT_EQ(Log(instance), Numbers{});
}

TEST_F(TimePassesTest, TheWinnerOfAKeyTakesTheKeyAlong) {
  world_.clock.Advance(400 * kDay);
  const Instance instance = Table("indexRetentionSeconds: 10");
  Write(instance, 1, 1, 0);
  Write(instance, 1, 2, 5000);  // older: in the log alone
  Write(instance, 2, 3, 5000);
  Write(instance, 2, 4, 2000);    // newer: wins
  Write(instance, 3, 5, 10'000);  // has expired when it comes
  Write(instance, 4, 6, -5000);   // of the future
  EXPECT_EQ(Index(instance), (Numbers{1, 4, 6}));
  EXPECT_EQ(Log(instance), (Numbers{1, 2, 3, 4, 5, 6}));
  world_.clock.Advance(8 * kSecond);
  EXPECT_EQ(Index(instance), (Numbers{1, 6}));  // and not 3 for key 2
  Write(instance, 1, 7, 9000);                  // older than what is there
  EXPECT_EQ(Index(instance), (Numbers{1, 6}));
  world_.clock.Advance(2 * kSecond);
  EXPECT_EQ(Index(instance), (Numbers{6}));
  Write(instance, 1, 8, 20'000);  // older than what has expired
  EXPECT_EQ(Index(instance), (Numbers{6}));
  Write(instance, 1, 9, 0);
  EXPECT_EQ(Index(instance), (Numbers{9, 6}));
  EXPECT_EQ(Log(instance).size(), 9u);
}

TEST_F(TimePassesTest, WithoutRetentionNothingEnds) {
  const Instance instance = Table("");
  world_.clock.Advance(10 * kDay);
  Write(instance, 1, 1, 1'000'000'000'000);
  Write(instance, 2, 2, 0);
  world_.clock.Advance(4000 * kDay);
  EXPECT_EQ(Log(instance), (Numbers{1, 2}));
  EXPECT_EQ(Index(instance), (Numbers{1, 2}));
}

TEST_F(TimePassesTest, TicketsLiveTenMinutes) {
  const std::string make =
      "mutation { createAuthTicket(input: {requesterName: \"a laptop\"}) { authTicketID } }";
  const auto query = [](const std::string& id) {
    return "{ authTicketByID(authTicketID: \"" + id + "\") { issuedSecret { token } } }";
  };
  const std::string id = Get({}, make)["authTicketID"];
  world_.clock.Advance(600 * kSecond);
  EXPECT_TRUE(Get({}, query(id))["issuedSecret"].is_null());
  const auto update = [&](const std::string& ticket, const char* approve) {
    return "mutation { updateAuthTicket(input: {authTicketID: \"" + ticket +
           "\", approve: " + approve + "}) { authTicketID } }";
  };
  EXPECT_EQ(Get(ada_, update(id, "true"))["authTicketID"], id);
  world_.clock.Advance(1);
  EXPECT_NE(Refusal({}, query(id)).find(" not found"), std::string::npos);
  EXPECT_NE(Refusal(ada_, update(id, "true")).find(" not found"), std::string::npos);
  // One that is refused is gone at once; one that is approved gives one secret.
  const std::string refused = Get({}, make)["authTicketID"];
  EXPECT_TRUE(Get(ada_, update(refused, "false")).is_null());
  EXPECT_NE(Refusal({}, query(refused)).find(" not found"), std::string::npos);
  const std::string approved = Get({}, make)["authTicketID"];
  Get(ada_, update(approved, "true"));
  EXPECT_FALSE(Get({}, query(approved))["issuedSecret"]["token"].get<std::string>().empty());
  EXPECT_NE(Refusal({}, query(approved)).find(" not found"), std::string::npos);
  for (const auto& [name, good] : {std::pair("ab", false), std::pair("abc", true),
                                   std::pair("äöü", true), std::pair("ä", false)}) {
    const std::string text = std::string("mutation { createAuthTicket(input: {requesterName: \"") +
                             name + "\"}) { requesterName } }";
    EXPECT_EQ(Refusal({}, text).empty(), good) << name;
  }
}

TEST_F(TimePassesTest, QuotasAreOfPeriodsOf31Days) {
  const std::string mine = Get(ada_, "{ me { organizationID } }")["organizationID"];
  const auto set = [&](const std::string& quotas) {
    Get(root_, "mutation { updateOrganizationQuotas(organizationID: \"" + mine + "\" " + quotas +
                   ") { name } }");
  };
  const auto payer = [&] { return PayersOf(control_.get(), metering_.get(), ada_).ValueOrDie(); };
  const auto usage = [&] {
    const Json me = Get(ada_, "{ me { readUsage writeUsage scanUsage } }");
    return std::vector<int64_t>{me["readUsage"], me["writeUsage"], me["scanUsage"]};
  };
  using Usage = std::vector<int64_t>;
  set("readQuota: 2000, writeQuota: 3000, scanQuota: 3000000");
  // Small calls count as 1024 bytes, scans as 2^20; what crosses a quota is the last.
  ASSERT_TRUE(payer().Check(Using::kRead).ok());
  ASSERT_TRUE(payer().Count(Using::kRead, 1, 1, {}).ok());
  ASSERT_TRUE(payer().Check(Using::kRead).ok());
  ASSERT_TRUE(payer().Count(Using::kRead, 5000, 1, {}).ok());
  EXPECT_EQ(CodeOf(payer().Check(Using::kRead)), Code::kResourceExhausted);
  EXPECT_NE(MessageOf(payer().Check(Using::kRead)).find("quota"), std::string::npos);
  ASSERT_TRUE(payer().Check(Using::kWrite).ok());
  ASSERT_TRUE(payer().Count(Using::kWrite, 2999, 1, {}).ok());
  ASSERT_TRUE(payer().Check(Using::kWrite).ok());
  ASSERT_TRUE(payer().Count(Using::kWrite, 1, 1, {}).ok());
  EXPECT_FALSE(payer().Check(Using::kWrite).ok());
  // Scans are refused before they cross it.
  ASSERT_TRUE(payer().Count(Using::kScan, 10, 0, {}).ok());
  EXPECT_TRUE(payer().Check(Using::kScan, 3'000'000 - (1 << 20)).ok());
  EXPECT_FALSE(payer().Check(Using::kScan, 3'000'000 - (1 << 20) + 1).ok());
  EXPECT_EQ(usage(), (Usage{6024, 4023, 1 << 20}));
  world_.clock.Advance(31 * kDay - 1);
  EXPECT_FALSE(payer().Check(Using::kRead).ok());
  world_.clock.Advance(1);
  EXPECT_TRUE(payer().Check(Using::kRead).ok());
  EXPECT_EQ(usage(), (Usage{0, 0, 0}));
  set("");  // null: unlimited
  ASSERT_TRUE(payer().Count(Using::kRead, 1'000'000'000'000, 1, {}).ok());
  EXPECT_TRUE(payer().Check(Using::kRead).ok());
  // A quota of 0 is used up from the start.
  set("writeQuota: 0");
  EXPECT_FALSE(payer().Check(Using::kWrite).ok());
}

TEST_F(TimePassesTest, UseByHoursAndMonths) {
  // 2021-03-31T22:30:00Z
  const int64_t start = 1'617'229'800 * kSecond;
  world_.clock.Advance(start - world_.clock.NowNs());
  const std::string user = Get(ada_, "{ me { personalUserID } }")["personalUserID"];
  const auto usage = [&](const std::string& period, const std::string& from,
                         const std::string& until) {
    return Get(ada_, "{ getUserUsage(userID: \"" + user + "\", period: \"" + period +
                         "\", from: \"" + from + "\"" +
                         (until.empty() ? "" : ", until: \"" + until + "\"") +
                         ") { entityID period time readOps readBytes readRecords writeOps "
                         "writeBytes writeRecords "
                         "scanOps scanBytes } }");
  };
  const auto count = [&](Using what, int64_t bytes, int64_t records) {
    const access::Payers payer = PayersOf(control_.get(), metering_.get(), ada_).ValueOrDie();
    ASSERT_TRUE(payer.Count(what, bytes, records, {}).ok());
  };
  EXPECT_EQ(usage("M", "2021-01-01T00:00:00Z", ""), Json::array());
  count(Using::kRead, 5000, 7);
  world_.clock.Advance(kHour);
  count(Using::kWrite, 10, 2);
  count(Using::kScan, 1, 0);
  world_.clock.Advance(2 * kHour);  // April
  count(Using::kRead, 2000, 1);
  const auto bucket = [&](const char* period, const char* time, std::array<int64_t, 8> n) {
    return Json{{"entityID", user}, {"period", period},   {"time", time},
                {"readOps", n[0]},  {"readBytes", n[1]},  {"readRecords", n[2]},
                {"writeOps", n[3]}, {"writeBytes", n[4]}, {"writeRecords", n[5]},
                {"scanOps", n[6]},  {"scanBytes", n[7]}};
  };
  const Json march = bucket("M", "2021-03-01T00:00:00Z", {1, 5000, 7, 1, 1024, 2, 1, 1 << 20});
  const Json april = bucket("M", "2021-04-01T00:00:00Z", {1, 2000, 1, 0, 0, 0, 0, 0});
  const Json ten = bucket("H", "2021-03-31T22:00:00Z", {1, 5000, 7, 0, 0, 0, 0, 0});
  const Json eleven = bucket("H", "2021-03-31T23:00:00Z", {0, 0, 0, 1, 1024, 2, 1, 1 << 20});
  const Json one = bucket("H", "2021-04-01T01:00:00Z", {1, 2000, 1, 0, 0, 0, 0, 0});
  EXPECT_EQ(usage("M", "2021-03-15T12:00:00Z", ""), (Json{march, april}));
  EXPECT_EQ(usage("M", "2021-03-15T12:00:00Z", "2021-04-01T00:00:00Z"), (Json{march}));
  EXPECT_EQ(usage("M", "2021-04-02T00:00:00Z", ""), (Json{april}));
  EXPECT_EQ(usage("H", "2021-03-31T22:59:59.999Z", ""), (Json{ten, eleven, one}));
  EXPECT_EQ(usage("H", "2021-03-31T23:00:00Z", "2021-04-01T01:00:00Z"), (Json{eleven}));
  EXPECT_EQ(usage("H", "2021-04-01T01:00:00+02:00", "2021-04-01T01:00:00.5Z"), (Json{eleven, one}));
  for (const char* period : {"D", "", "m", "MM"}) {
    EXPECT_NE(Refusal(ada_, "{ getUserUsage(userID: \"" + user + "\", period: \"" + period +
                                "\", from: \"2021-01-01T00:00:00Z\") { time } }")
                  .find("period"),
              std::string::npos);
  }
  for (int i = 0; i < 200; ++i) {
    world_.clock.Advance(kHour);
    count(Using::kRead, 1, 1);
  }
  EXPECT_EQ(usage("H", "2021-03-31T00:00:00Z", "").size(), 175u);
}

}  // namespace
}  // namespace firth::doors::beneath
