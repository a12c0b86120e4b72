// Who may do what. Method: a store in memory; checks as a table of (grants, question, answer).
#include "firth/access/access.h"

#include <gtest/gtest.h>

#include <thread>

#include "firth/access/secret_box.h"
#include "firth/store/memory_file_system.h"
#include "firth/store/testing_files.h"

namespace firth::access {
namespace {

Path P(const std::string& text) {
  return Path::Parse(text).ValueOrDie();
}

class AccessTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(Open()); }

  Status Open(const std::string& anonymous_role = "none") {
    access.reset();
    catalog.reset();
    ARROW_ASSIGN_OR_RAISE(catalog, catalog::Catalog::Open({.files = &files, .clock = &clock}));
    ARROW_ASSIGN_OR_RAISE(access, Access::Open({.catalog = catalog.get(),
                                                .files = &files,
                                                .random = &random,
                                                .clock = &clock,
                                                .anonymous_role = anonymous_role}));
    return Status::OK();
  }
  Status Put(const std::string& name, const std::string& role, const std::string& secret = "") {
    return access->PutPrincipal({.name = name, .role = role, .secret = secret}).status();
  }
  Status SignIn(std::string_view secret) { return access->SignInWithSecret(secret).status(); }

  store::MemoryFileSystem files;
  ManualClock clock;
  SeededRandom random{1};
  std::unique_ptr<catalog::Catalog> catalog;
  std::unique_ptr<Access> access;
};

constexpr uint32_t kReader = kSee | kRead;
constexpr uint32_t kWriter = kSee | kRead | kWrite | kCreate;

TEST_F(AccessTest, RolesAreSetsOfRights) {
  EXPECT_EQ(RightsOfRole("admin").ValueOrDie(), kAllRights);
  EXPECT_EQ(RightsOfRole("writer").ValueOrDie(), kWriter);
  EXPECT_EQ(RightsOfRole("reader").ValueOrDie(), kReader);
  EXPECT_EQ(RightsOfRole("none").ValueOrDie(), 0u);
  for (const char* role : {"", "root", "Admin", "admin "}) {
    EXPECT_REASON(RightsOfRole(role).status(), Code::kInvalidArgument, Reason::kBadValue);
  }
}

struct GrantCase {
  const char* name;
  const char* role;
  std::vector<catalog::GrantRow> grants;  // of the principal, whatever these say of it
  const char* path;
  int64_t edition;
  uint32_t expected;
};

std::vector<GrantCase> GrantCases() {
  const auto on = [](const char* path, uint32_t rights, int64_t edition = 0,
                     const char* role = "") {
    return catalog::GrantRow{PrincipalId(0), P(path), EditionId(edition), rights, role};
  };
  return {
      {"nothing", "none", {}, "a/b", 0, 0},
      {"a role holds everywhere", "reader", {}, "a/b", 7, kReader},
      {"admin", "admin", {}, "", 0, kAllRights},
      {"on the path", "none", {on("a/b", kRead)}, "a/b", 0, kRead},
      {"on a path above", "none", {on("a", kRead)}, "a/b/c", 0, kRead},
      {"on the root", "none", {on("", kWrite)}, "a/b/c", 0, kWrite},
      {"on a path below", "none", {on("a/b/c", kRead)}, "a/b", 0, 0},
      {"on a sibling", "none", {on("a/c", kRead)}, "a/b", 0, 0},
      {"on a name that begins alike", "none", {on("a/b", kRead)}, "a/bc", 0, 0},
      {"on a name that begins alike, above", "none", {on("a", kRead)}, "ab/c", 0, 0},
      {"on the path, of any edition", "none", {on("a/b", kRead)}, "a/b", 4, kRead},
      {"on the edition", "none", {on("a/b", kRead, 4)}, "a/b", 4, kRead},
      {"on the edition, wherever its table lies now", "none", {on("a/b", kRead, 4)}, "c", 4, kRead},
      {"on another edition", "none", {on("a/b", kRead, 4)}, "a/b", 5, 0},
      {"on an edition, asked of the path", "none", {on("a/b", kRead, 4)}, "a/b", 0, 0},
      {"grants add up",
       "none",
       {on("a", kRead), on("a/b", kWrite), on("b", kAdmin)},
       "a/b",
       0,
       kRead | kWrite},
      {"roles on one path add up",
       "none",
       {on("a", kRead, 0, "x"), on("a", kWrite, 0, "y")},
       "a",
       0,
       kRead | kWrite},
      {"a grant adds to the role", "reader", {on("a", kWrite)}, "a/b", 0, kReader | kWrite},
      {"a grant is exactly its rights", "none", {on("a", kAdmin)}, "a", 0, kAdmin},
  };
}

TEST_F(AccessTest, Checks) {
  for (const GrantCase& c : GrantCases()) {
    SCOPED_TRACE(c.name);
    ASSERT_OK(Put(c.name, c.role, std::string("secret of ") + c.name));
    for (const catalog::GrantRow& grant : c.grants) {
      ASSERT_OK(access->Grant(c.name, grant.path, grant.edition, grant.rights, grant.role));
    }
    const Caller caller = access->SignInWithSecret(std::string("secret of ") + c.name).ValueOrDie();
    EXPECT_EQ(caller.name, c.name);
    EXPECT_EQ(access->RightsOn(caller, P(c.path), EditionId(c.edition)), c.expected);
    for (uint32_t wanted = 0; wanted <= kAllRights; ++wanted) {
      const Status status = access->Check(caller, wanted, P(c.path), EditionId(c.edition));
      EXPECT_EQ(status.ok(), (wanted & ~c.expected) == 0) << wanted << status;
    }
  }
}

TEST_F(AccessTest, ARefusalNamesTheCallerTheRightAndThePath) {
  ASSERT_OK(Put("ada", "reader", "correct horse"));
  const Caller ada = access->SignInWithSecret("correct horse").ValueOrDie();
  const Status status = access->Check(ada, kRead | kWrite | kAdmin, P("d/t"));
  EXPECT_REASON(status, Code::kPermissionDenied, Reason::kNotAllowed);
  EXPECT_EQ(MessageOf(status), "'ada' lacks the right to write, admin on 'd/t'");
}

TEST_F(AccessTest, TheEngineMayDoEverythingAndAnonymousWhatIsConfigured) {
  EXPECT_OK(access->Check(Internal(), kAllRights, P("a")));
  EXPECT_TRUE(Internal().internal);
  EXPECT_EQ(access->RightsOn(access->Anonymous(), P("a")), 0u);
  ASSERT_OK(Open("reader"));
  EXPECT_EQ(access->RightsOn(access->Anonymous(), P("a")), kReader);
  ASSERT_OK(Open("admin"));
  EXPECT_EQ(access->RightsOn(access->Anonymous(), P("a")), kAllRights);
  EXPECT_REASON(Open("king"), Code::kInvalidArgument, Reason::kBadValue);
}

TEST_F(AccessTest, AChangeOfRightsBindsTheNextCheck) {
  ASSERT_OK(Put("ada", "admin", "correct horse"));
  const Caller ada = access->SignInWithSecret("correct horse").ValueOrDie();
  EXPECT_OK(access->Check(ada, kAdmin, P("a")));
  ASSERT_OK(Put("ada", "none"));
  EXPECT_FALSE(access->Check(ada, kSee, P("a")).ok());
  ASSERT_OK(access->Grant("ada", P("a"), EditionId(0), kSee, "viewer"));
  EXPECT_OK(access->Check(ada, kSee, P("a")));
  ASSERT_OK(access->Grant("ada", P("a"), EditionId(0), 0, "viewer"));
  EXPECT_FALSE(access->Check(ada, kSee, P("a")).ok());
  ASSERT_OK(Put("ada", "admin"));
  ASSERT_OK(access->RemovePrincipal("ada"));
  EXPECT_FALSE(access->Check(ada, kSee, P("a")).ok());
  ASSERT_OK(Put("ada", "admin"));  // another principal of that name
  EXPECT_FALSE(access->Check(ada, kSee, P("a")).ok());
}

TEST_F(AccessTest, SigningIn) {
  ASSERT_OK(Put("ada", "reader", "correct horse"));
  ASSERT_OK(Put("bob", "reader", "battery staple"));
  ASSERT_OK(Put("eve", "reader"));  // no secret yet
  for (const bool reopened : {false, true}) {
    if (reopened) {
      ASSERT_OK(Open());
    }
    EXPECT_EQ(access->SignInWithSecret("correct horse").ValueOrDie().name, "ada");
    EXPECT_EQ(access->SignInWithName("bob", "battery staple").ValueOrDie().name, "bob");
    const Status expected = access->SignInWithSecret("wrong").status();
    EXPECT_REASON(expected, Code::kUnauthenticated, Reason::kUnknownSecret);
    for (const Status& status :
         {access->SignInWithName("bob", "correct horse").status(),
          access->SignInWithName("bob", "").status(), access->SignInWithName("eve", "").status(),
          access->SignInWithName("nobody", "correct horse").status(),
          access->SignInWithName("", "battery staple").status(), SignIn(""), SignIn("correct hors"),
          SignIn("correct horse "), SignIn(std::string("correct horse\0", 14))}) {
      EXPECT_EQ(status, expected);  // in every word: it tells nothing
    }
  }
}

TEST_F(AccessTest, BadPrincipalsAreRefused) {
  ASSERT_OK(Put("ada", "reader", "correct horse"));
  for (const Status& status :
       {Put("", "reader"), Put("anonymous", "admin"), Put("bob", "king"),
        Put("bob", "reader", "1234567"), Put("bob", "reader", "correct horse")}) {
    EXPECT_REASON(status, Code::kInvalidArgument, Reason::kBadValue);
    for (const char* secret : {"1234567", "correct horse"}) {
      EXPECT_EQ(MessageOf(status).find(secret), std::string::npos) << status;
    }
  }
  EXPECT_EQ(access->ListPrincipals().ValueOrDie().size(), 1u);
  EXPECT_OK(Put("bob", "reader", "12345678"));
}

TEST_F(AccessTest, APrincipalIsUpdatedByName) {
  const PrincipalId id =
      access->PutPrincipal({.name = "ada", .role = "reader", .secret = "correct horse"})
          .ValueOrDie();
  EXPECT_EQ(access
                ->PutPrincipal(
                    {.name = "ada", .kind = "service", .role = "writer", .secret = "correct horse"})
                .ValueOrDie(),
            id);
  const auto rows = access->ListPrincipals().ValueOrDie();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].kind, "service");
  EXPECT_EQ(rows[0].role, "writer");
  EXPECT_EQ(access->ListSecrets("ada").ValueOrDie().size(), 1u);
  ASSERT_OK(Put("ada", "writer"));  // no word of a secret: it stays
  EXPECT_OK(SignIn("correct horse"));
}

TEST_F(AccessTest, WhatIsNotGivenStays) {
  const auto put = [&](NewPrincipal what) { return access->PutPrincipal(what).ValueOrDie(); };
  const auto row = [&] { return access->ListPrincipals().ValueOrDie().at(0); };
  const PrincipalId id = put({.name = "ada", .kind = "", .role = ""});
  EXPECT_EQ(row().kind, "user");
  EXPECT_EQ(row().role, "none");
  EXPECT_EQ(put({.name = "ada", .kind = "service", .role = ""}), id);
  EXPECT_EQ(put({.name = "ada", .kind = "", .role = "writer"}), id);
  EXPECT_EQ(put({.name = "ada", .kind = "", .role = "", .secret = "correct horse"}), id);
  EXPECT_EQ(row().kind, "service");
  EXPECT_EQ(row().role, "writer");
  EXPECT_OK(SignIn("correct horse"));
}

// One gives the role and another the kind, again and again: what one gave is there until he gives
// something else.
TEST_F(AccessTest, WhatTwoGiveAtOnceBothHolds) {
  constexpr int kRounds = 300;
  ASSERT_OK(access->PutPrincipal({.name = "ada"}).status());
  const auto row = [&] { return access->ListPrincipals().ValueOrDie().at(0); };
  int lost_kinds = 0, lost_roles = 0;
  std::thread other([&] {
    for (int i = 0; i < kRounds; ++i) {
      const std::string kind = i % 2 == 0 ? "service" : "user";
      const bool put = access->PutPrincipal({.name = "ada", .kind = kind, .role = ""}).ok();
      if (!put || row().kind != kind) ++lost_kinds;
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    const std::string role = i % 2 == 0 ? "writer" : "reader";
    const bool put = access->PutPrincipal({.name = "ada", .kind = "", .role = role}).ok();
    if (!put || row().role != role) ++lost_roles;
  }
  other.join();
  EXPECT_EQ(lost_kinds, 0);
  EXPECT_EQ(lost_roles, 0);
}

TEST_F(AccessTest, ANewSecretReplacesTheOneThatWasSetAndNotThoseThatWereIssued) {
  ASSERT_OK(Put("ada", "reader", "correct horse"));
  const std::string issued = access->IssueSecret("ada", "laptop").ValueOrDie();
  ASSERT_OK(Put("ada", "reader", "battery staple"));
  EXPECT_FALSE(SignIn("correct horse").ok());
  EXPECT_OK(SignIn("battery staple"));
  EXPECT_OK(SignIn(issued));
}

TEST_F(AccessTest, SecretsAreIssuedListedAndRevoked) {
  ASSERT_OK(Put("ada", "reader", "correct horse"));
  const std::string first = access->IssueSecret("ada", "laptop").ValueOrDie();
  const std::string second = access->IssueSecret("ada", "phone").ValueOrDie();
  EXPECT_GE(first.size(), 40u);
  EXPECT_NE(first, second);
  const auto rows = access->ListSecrets("ada").ValueOrDie();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].prefix, "");  // of a secret that a person chose, nothing is shown
  EXPECT_EQ(rows[1].description, "laptop");
  EXPECT_EQ(rows[1].prefix, first.substr(0, 4));
  EXPECT_EQ(rows[1].created_ns, clock.NowNs());
  for (const auto& row : rows) {
    EXPECT_TRUE(row.digest.empty());
    EXPECT_TRUE(row.encrypted.empty());
  }
  ASSERT_OK(access->RevokeSecret(rows[1].id));
  EXPECT_FALSE(SignIn(first).ok());
  EXPECT_OK(SignIn(second));
  EXPECT_REASON(access->RevokeSecret(rows[1].id), Code::kNotFound, Reason::kUnknownSecret);
}

TEST_F(AccessTest, SecretsAreRevealedToProtocolsThatNeedThem) {
  ASSERT_OK(Put("ada", "reader", "correct horse"));
  const std::string issued = access->IssueSecret("ada", "").ValueOrDie();
  ASSERT_OK(Open());
  EXPECT_EQ(access->RevealSecrets("ada").ValueOrDie(),
            (std::vector<std::string>{"correct horse", issued}));
  EXPECT_REASON(access->RevealSecrets("nobody").status(), Code::kUnauthenticated,
                Reason::kUnknownSecret);
}

TEST_F(AccessTest, GrantsAreListedAsTheyWereGiven) {
  ASSERT_OK(Put("ada", "none"));
  ASSERT_OK(access->Grant("ada", P("a/b"), EditionId(0), kRead, "viewer"));
  ASSERT_OK(access->Grant("ada", P("a/b"), EditionId(3), kWrite, ""));
  ASSERT_OK(access->Grant("ada", P("a/b"), EditionId(3), kWrite | kRead, ""));  // replaces
  const auto grants = access->ListGrants("ada").ValueOrDie();
  ASSERT_EQ(grants.size(), 2u);
  EXPECT_EQ(grants[0].path, P("a/b"));
  EXPECT_EQ(grants[0].role, "viewer");
  EXPECT_EQ(grants[0].rights, kRead);
  EXPECT_EQ(grants[1].edition, EditionId(3));
  EXPECT_EQ(grants[1].rights, kRead | kWrite);
  EXPECT_REASON(access->Grant("ada", P("a"), EditionId(0), 32, ""), Code::kInvalidArgument,
                Reason::kBadValue);
}

TEST_F(AccessTest, ANameThatNobodyHas) {
  for (const Status& status :
       {access->RemovePrincipal("bob"), access->IssueSecret("bob", "").status(),
        access->ListSecrets("bob").status(), access->ListGrants("bob").status(),
        access->Grant("bob", P("a"), EditionId(0), kRead, "")}) {
    EXPECT_REASON(status, Code::kNotFound, Reason::kBadValue);
    EXPECT_EQ(MessageOf(status), "there is no principal 'bob'");
  }
}

TEST_F(AccessTest, NothingAtRestHoldsASecretInTheClear) {
  const std::string secret = "correct horse battery staple";
  ASSERT_OK(Put("ada", "reader", secret));
  for (const store::FileInfo& file : files.List("").ValueOrDie()) {
    const std::string bytes = store::ReadAllText(&files, file.name).ValueOrDie();
    EXPECT_EQ(bytes.find(secret), std::string::npos) << file.name;
  }
}

TEST_F(AccessTest, AChangeThatIsNotDurableIsNotInForce) {
  ASSERT_OK(Put("ada", "reader", "correct horse"));
  const Caller ada = access->SignInWithSecret("correct horse").ValueOrDie();
  files.SetFaultHook([](const char* operation, const std::string&) {
    return std::string_view(operation) == "sync"
               ? Error(Code::kUnavailable, Reason::kIo, "the disk is on fire")
               : Status::OK();
  });
  EXPECT_REASON(Put("ada", "admin"), Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(access->RightsOn(ada, P("a")), kReader);
}

TEST_F(AccessTest, AMissingKeyFileIsNamedOnceThereAreSecrets) {
  access.reset();
  ASSERT_OK(files.Remove(kKeyFile));
  ASSERT_OK(Open());  // no secret was lost
  ASSERT_OK(Put("ada", "reader", "correct horse"));
  ASSERT_OK(files.Remove(kKeyFile));
  const Status status = Open();
  EXPECT_REASON(status, Code::kDataLoss, Reason::kFileMissing);
  EXPECT_NE(MessageOf(status).find("access.key"), std::string::npos);
}

TEST_F(AccessTest, ADamagedKeyFileIsNamed) {
  const size_t bytes = store::ReadAllText(&files, kKeyFile).ValueOrDie().size();
  EXPECT_EQ(bytes, 40u);
  for (size_t byte = 0; byte < bytes; ++byte) {
    ASSERT_OK(files.FlipBits(kKeyFile, byte, 0x20));
    const Status status = Open();
    EXPECT_REASON(status, Code::kDataLoss, Reason::kChecksumMismatch);
    EXPECT_NE(MessageOf(status).find("access.key"), std::string::npos);
    ASSERT_OK(files.FlipBits(kKeyFile, byte, 0x20));
  }
  ASSERT_OK(files.Open(kKeyFile).ValueOrDie()->Truncate(10));
  EXPECT_REASON(Open(), Code::kDataLoss, Reason::kChecksumMismatch);
}

TEST_F(AccessTest, TheFirstStartMayBeCutAtAnyMoment) {
  store::MemoryFileSystem fresh;
  const auto fresh_catalog =
      catalog::Catalog::Open({.files = &files, .clock = &clock, .path = "c"});
  ASSERT_TRUE(fresh_catalog.ok());
  const AccessOptions options{
      .catalog = fresh_catalog->get(), .files = &fresh, .random = &random, .clock = &clock};
  SeededRandom cuts(4);
  std::vector<std::unique_ptr<store::MemoryFileSystem>> left;
  fresh.SetFaultHook([&](const char*, const std::string&) {
    for (int i = 0; i < 10; ++i) left.push_back(fresh.PowerCut(&cuts));
    return Status::OK();
  });
  ASSERT_OK(Access::Open(options).status());
  fresh.SetFaultHook(nullptr);
  for (const auto& one : left) {
    AccessOptions again = options;
    again.files = one.get();
    ASSERT_OK(Access::Open(again).status());
  }
  EXPECT_GT(left.size(), 30u);
}

}  // namespace
}  // namespace firth::access
