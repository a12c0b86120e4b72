// Goal: each way to set a key works, later ways win, and a mistake is answered with what is right.
#include <gtest/gtest.h>

#include <fstream>

#include "firth/server/config_keys.h"
#include "firth/server/doors.h"
#include "firth/server/nearest.h"
#include "firth/server/server.h"

namespace firth::server {
namespace {

using Words = std::map<std::string, std::string>;

class ConfigTest : public testing::Test {
 protected:
  Result<Config> Load(const std::string& toml, const Words& environment = {},
                      const Words& flags = {}, bool dev = false) {
    std::ofstream(file_) << toml;
    return LoadConfig(file_, environment, flags, dev);
  }
  std::string ErrorOf(const std::string& toml, const Words& environment = {},
                      const Words& flags = {}, bool dev = false) {
    const auto config = Load(toml, environment, flags, dev);
    if (config.ok()) return "";
    EXPECT_EQ(CodeOf(config.status()), Code::kInvalidArgument);
    return MessageOf(config.status());
  }

  const std::string file_ = testing::TempDir() + "config_test.toml";
};

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(ConfigTest, WithoutAnythingEverythingIsClosed) {
  const Config config = LoadConfig("", {}, {}, false).ValueOrDie();
  EXPECT_EQ(config.data, "data");
  EXPECT_TRUE(config.doors.empty());
  EXPECT_EQ(config.anonymous, "none");
  EXPECT_EQ(config.log_level, "info");
}

TEST_F(ConfigTest, InstancesAreAList) {
  const Config config =
      Load("[sleeper]\ninstances = [\"farm\", \"shed\"]\naccount = \"123456789012\"").ValueOrDie();
  EXPECT_EQ(config.sleeper_instances, (std::vector<std::string>{"farm", "shed"}));
  EXPECT_EQ(config.sleeper_account, "123456789012");
  EXPECT_EQ(config.sleeper_region, "eu-west-2");
  const Config flags =
      Load("", {{"FIRTH_SLEEPER_REGION", "mars-1"}}, {{"sleeper-instances", "a,b"}}).ValueOrDie();
  EXPECT_EQ(flags.sleeper_instances, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(flags.sleeper_region, "mars-1");
  EXPECT_TRUE(LoadConfig("", {}, {}, false)->sleeper_instances.empty());
}

TEST_F(ConfigTest, FoldersToTakeFilesFrom) {
  EXPECT_TRUE(LoadConfig("", {}, {}, false)->deltacat_folders.empty());
  EXPECT_FALSE(LoadConfig("", {}, {}, true)->deltacat_folders.empty());
  const Config config = Load("[deltacat]\nfolders = [\"/srv/a\", \"/srv/b, c\"]").ValueOrDie();
  EXPECT_EQ(config.deltacat_folders, (std::vector<std::string>{"/srv/a", "/srv/b, c"}));
  EXPECT_EQ(Load("", {{"FIRTH_DELTACAT_FOLDERS", "/x,/y"}}).ValueOrDie().deltacat_folders,
            (std::vector<std::string>{"/x", "/y"}));
  EXPECT_SAYS(Load("[deltacat]\nfolders = [\"a/b\"]").status().ToString(), "absolute");
}

TEST_F(ConfigTest, ReadsAWholeFile) {
  const Config config = Load(R"(
    data = "/srv/firth"
    [doors]
    console = ["127.0.0.1:8090", "[::1]:8090"]
    advertise = "db.example.org"
    [[user]]
    name = "ada"
    secret = "lovelace1"
    role = "admin"
    email = "ada@analytical.example"
    [[user]]
    name = "guest"
    secret = "12345678"
    [access]
    anonymous = "reader"
    [log]
    level = "warning"
  )")
                            .ValueOrDie();
  EXPECT_EQ(config.data, "/srv/firth");
  EXPECT_EQ(config.doors.at("console"), (std::vector<std::string>{"127.0.0.1:8090", "[::1]:8090"}));
  EXPECT_EQ(config.advertise, "db.example.org");
  ASSERT_EQ(config.users.size(), 2);
  EXPECT_EQ(config.users[0].name, "ada");
  EXPECT_EQ(config.users[0].secret, "lovelace1");
  EXPECT_EQ(config.users[0].role, "admin");
  EXPECT_EQ(config.users[0].email, "ada@analytical.example");
  EXPECT_EQ(config.users[1].role, "none");
  EXPECT_EQ(config.anonymous, "reader");
  EXPECT_EQ(config.log_level, "warning");
}

TEST_F(ConfigTest, LaterWaysWin) {
  const std::string toml = "data = 'file'\nlog.level = 'error'\naccess.anonymous = 'reader'\n";
  const Words environment{{"FIRTH_DATA", "environment"}, {"FIRTH_LOG_LEVEL", "debug"}};
  const Words flags{{"data", "flag"}};
  EXPECT_EQ(Load(toml)->data, "file");
  EXPECT_EQ(Load(toml, environment)->data, "environment");
  const Config config = Load(toml, environment, flags).ValueOrDie();
  EXPECT_EQ(config.data, "flag");
  EXPECT_EQ(config.log_level, "debug");
  EXPECT_EQ(config.anonymous, "reader");
}

TEST_F(ConfigTest, TheSizeOfJournalFilesIsANumberInBounds) {
  EXPECT_EQ(*JournalFileBytes(*Load("")), uint64_t{1} << 30);
  EXPECT_EQ(*JournalFileBytes(*Load("journal.file_bytes = '65536'\n")), 65536u);
  for (const std::string wrong : {"65535", "64k", "-1", "99999999999999"}) {
    const auto loaded = Load("journal.file_bytes = '" + wrong + "'\n");
    EXPECT_FALSE(loaded.ok());
    EXPECT_NE(loaded.status().message().find(wrong), std::string::npos);
  }
}

TEST_F(ConfigTest, NumbersHaveBounds) {
  EXPECT_EQ(*NumberOf(*Load(""), "query.seconds"), 300);
  EXPECT_EQ(*NumberOf(*Load("[query]\nseconds = 7\nat_once = '1'\n"), "query.seconds"), 7);
  EXPECT_EQ(*NumberOf(*Load(""), "keys.lag_bytes"), int64_t{64} << 20);
  EXPECT_FALSE(Load("query.seconds = 7.5\n").ok());
  EXPECT_FALSE(Load("data = 7\n").ok());
  EXPECT_EQ(*JournalFileBytes(*Load("journal.file_bytes = 65536\n")), 65536u);
  for (const NumberKey& key : NumberKeys()) {
    SCOPED_TRACE(key.path);
    const std::string path(key.path);
    const auto load = [&](const std::string& value) { return Load(path + " = '" + value + "'\n"); };
    EXPECT_EQ(*NumberOf(*load(std::to_string(key.least)), path), key.least);
    EXPECT_EQ(*NumberOf(*load(std::to_string(key.most)), path), key.most);
    for (const std::string& wrong : {std::to_string(key.least - 1), std::to_string(key.most + 1),
                                     std::string("1k"), std::string("")}) {
      const auto loaded = load(wrong);
      ASSERT_FALSE(loaded.ok()) << wrong;
      EXPECT_NE(loaded.status().message().find(path), std::string::npos) << loaded.status();
    }
  }
}

TEST_F(ConfigTest, EveryKeyHasThreeNamesThatDoTheSame) {
  for (const auto& key : ConfigKeys()) {
    std::string value = "127.0.0.1:1";
    if (key.path == "access.anonymous") value = "writer";
    if (key.path == "log.level") value = "debug";
    if (key.path == "deltacat.folders") value = "/srv";
    if (key.path == "journal.file_bytes") value = "131072";
    for (const NumberKey& number : NumberKeys()) {
      if (number.path == key.path) value = std::to_string(number.most);
    }
    if (key.path.starts_with("doors.tls")) value = file_;
    // The two TLS keys go together, so both are set each time.
    const std::string tls = "doors.tls.cert = '" + file_ + "'\ndoors.tls.key = '" + file_ + "'\n";
    const std::string own = key.path + " = '" + value + "'\n";
    const std::string toml = key.path.starts_with("doors.tls") ? tls : tls + own;
    const auto by_file = Load(toml);
    const auto by_environment = Load(tls, {{key.environment, value}});
    const auto by_flag = Load(tls, {}, {{key.flag, value}});
    ASSERT_TRUE(by_file.ok()) << key.path << by_file.status();
    ASSERT_TRUE(by_environment.ok()) << key.path << by_environment.status();
    ASSERT_TRUE(by_flag.ok()) << key.path << by_flag.status();
    for (const auto& other : {*by_environment, *by_flag}) {
      EXPECT_EQ(other.data, by_file->data);
      EXPECT_EQ(other.doors, by_file->doors);
      EXPECT_EQ(other.advertise, by_file->advertise);
      EXPECT_EQ(other.tls_certificate_file, by_file->tls_certificate_file);
      EXPECT_EQ(other.tls_key_file, by_file->tls_key_file);
      EXPECT_EQ(other.anonymous, by_file->anonymous);
      EXPECT_EQ(other.log_level, by_file->log_level);
      EXPECT_EQ(other.deltacat_folders, by_file->deltacat_folders);
      EXPECT_EQ(other.journal_file_bytes, by_file->journal_file_bytes);
      EXPECT_EQ(other.numbers, by_file->numbers);
    }
  }
}

TEST_F(ConfigTest, NamesOfKeysFollowOneRule) {
  Words flags;
  Words environment;
  for (const auto& key : ConfigKeys()) {
    flags[key.path] = key.flag;
    environment[key.path] = key.environment;
  }
  EXPECT_EQ(flags["doors.tls.cert"], "tls-cert");
  EXPECT_EQ(flags["access.anonymous"], "access-anonymous");
  EXPECT_EQ(environment["doors.tls.cert"], "FIRTH_DOORS_TLS_CERT");
  EXPECT_EQ(environment["log.level"], "FIRTH_LOG_LEVEL");
}

TEST_F(ConfigTest, DevOpensEveryDoorOnThisMachine) {
  const Config config = Load("", {}, {}, /*dev=*/true).ValueOrDie();
  EXPECT_TRUE(config.dev);
  EXPECT_EQ(config.anonymous, "admin");
  const Config with_tls =
      Load("", {}, {{"tls-cert", file_}, {"tls-key", file_}}, /*dev=*/true).ValueOrDie();
  for (const auto& [door, port] : KnownDoors()) {
    const std::vector<std::string> expected{"localhost:" + std::to_string(port)};
    EXPECT_EQ(with_tls.doors.at(door), expected);
    EXPECT_EQ(config.doors.contains(door), !FindDoor(door)->needs_tls);
  }
  EXPECT_EQ(KnownDoors().at("console"), 8090);
}

TEST_F(ConfigTest, DevGivesWayToWhatIsSet) {
  const Config config =
      Load("access.anonymous = 'none'", {{"FIRTH_DOORS_CONSOLE", "127.0.0.1:0"}}, {}, /*dev=*/true)
          .ValueOrDie();
  EXPECT_EQ(config.anonymous, "none");
  EXPECT_EQ(config.doors.at("console"), std::vector<std::string>{"127.0.0.1:0"});
  EXPECT_EQ(config.doors.size(), KnownDoors().size() - 1);  // one needs TLS
  EXPECT_SAYS(ErrorOf("doors.btrdb_tls = '127.0.0.1:1'"), "doors.tls");
  EXPECT_FALSE(Load("", {}, {{"console", ""}}, true)->doors.contains("console"));
}

TEST_F(ConfigTest, DevRefusesToListenToTheWorld) {
  EXPECT_SAYS(ErrorOf("", {}, {{"console", "0.0.0.0:8090"}}, true), "--dev");
  EXPECT_SAYS(ErrorOf("", {}, {{"console", "10.0.0.1:8090"}}, true), "localhost:8090");
}

TEST_F(ConfigTest, ListsOfAddresses) {
  const auto config = Load("", {}, {{"console", "127.0.0.1:1,[::1]:2"}}).ValueOrDie();
  EXPECT_EQ(config.doors.at("console"), (std::vector<std::string>{"127.0.0.1:1", "[::1]:2"}));
  EXPECT_EQ(Load("", {}, {{"data", "a,b"}})->data, "a,b");
  EXPECT_SAYS(ErrorOf("data = ['a', 'b']"), "takes one value");
}

TEST_F(ConfigTest, NamesTheKeyThatWasMeant) {
  EXPECT_SAYS(ErrorOf("\n[doors]\nconsol = '127.0.0.1:1'"), "did you mean 'doors.console'?");
  EXPECT_SAYS(ErrorOf("\n[doors]\nconsol = '127.0.0.1:1'"),
              file_ + ":3: unknown key 'doors.consol'");
  EXPECT_SAYS(ErrorOf("dta = 'x'"), "did you mean 'data'?");
  EXPECT_SAYS(ErrorOf("[acess]\nanonymous = 'none'"), "did you mean 'access.anonymous'?");
  EXPECT_SAYS(ErrorOf("[[users]]\nname = 'x'"), "did you mean 'user'?");
  EXPECT_SAYS(ErrorOf("[[user]]\nnam = 'x'"), "did you mean 'name'?");
  EXPECT_SAYS(ErrorOf("", {{"FIRTH_DOORS_CONSOL", "x"}}),
              "unknown environment variable FIRTH_DOORS_CONSOL; did you mean FIRTH_DOORS_CONSOLE?");
  EXPECT_SAYS(ErrorOf("", {}, {{"consle", "x"}}),
              "unknown option --consle; did you mean --console?");
}

TEST_F(ConfigTest, NamesNoKeyWhereNoneIsNear) {
  for (const std::string& said :
       {ErrorOf("", {}, {{"nosuch", "x"}}), ErrorOf("", {{"FIRTH_9", "x"}}),
        ErrorOf("whatever = 'x'"), ErrorOf("[[user]]\ncolour = 'x'")}) {
    EXPECT_FALSE(said.empty());
    EXPECT_EQ(said.find("did you mean"), std::string::npos) << said;
  }
  EXPECT_SAYS(ErrorOf("", {}, {{"nosuch", "x"}}), "unknown option --nosuch");
}

TEST_F(ConfigTest, LeavesTheEnvironmentOfOthersAlone) {
  EXPECT_TRUE(Load("", {{"FIRTH_SERVER", "h:1"},
                        {"FIRTH_SECRET", "s"},
                        {"FIRTH_BINARY", "b"},
                        {"FIRTH_TEST_ANYTHING", "t"},
                        {"HOME", "/"},
                        {"FIRTHLY", "x"}})
                  .ok());
}

TEST_F(ConfigTest, SaysWhereAFileIsWrong) {
  EXPECT_SAYS(ErrorOf("data = "), file_ + ":1:");
  EXPECT_SAYS(ErrorOf("\ndata = 5"), file_ + ":2: 'data' is to be a text in quotes");
  EXPECT_SAYS(ErrorOf("doors.console = [1]"), "'doors.console' is to be a text");
  EXPECT_SAYS(ErrorOf("user = 'ada'"), "[[user]]");
  EXPECT_SAYS(ErrorOf("user = ['ada']"), "[[user]]");
  EXPECT_SAYS(ErrorOf("[data]\nx = 'y'"), "unknown key 'data.x'");
  EXPECT_SAYS(MessageOf(LoadConfig("no/such/file.toml", {}, {}, false).status()),
              "no/such/file.toml");
}

TEST_F(ConfigTest, ChecksValues) {
  EXPECT_SAYS(ErrorOf("data = ''"), "'data'");
  EXPECT_SAYS(ErrorOf("doors.console = '8090'"), "door console: address '8090'");
  EXPECT_SAYS(ErrorOf("access.anonymous = 'root'"), "there is no role 'root'");
  EXPECT_SAYS(ErrorOf("log.level = 'inf'"),
              "no level 'inf': it is one of debug, info, warning, error");
  EXPECT_SAYS(ErrorOf("doors.tls.cert = 'x'"), "both");
  EXPECT_SAYS(ErrorOf("doors.tls = { cert = 'no.crt', key = 'no.key' }"), "no.crt");
}

TEST_F(ConfigTest, ChecksUsers) {
  const auto user = [](const std::string& name, const std::string& secret,
                       const std::string& role) {
    return "[[user]]\nname = '" + name + "'\nsecret = '" + secret + "'\nrole = '" + role + "'\n";
  };
  EXPECT_SAYS(ErrorOf(user("", "12345678", "none")), "no name");
  EXPECT_SAYS(ErrorOf(user("ada", "1234567", "none")), "at least 8");
  EXPECT_SAYS(ErrorOf(user("ada", "12345678", "king")), "user 'ada': there is no role 'king'");
  EXPECT_SAYS(ErrorOf(user("ada", "12345678", "none") + user("ada", "87654321", "none")), "twice");
  const std::string shared = ErrorOf(user("a", "12345678", "none") + user("b", "12345678", "none"));
  EXPECT_SAYS(shared, "secret of another user");
  EXPECT_EQ(shared.find("12345678"), std::string::npos);
}

TEST_F(ConfigTest, DoorsThatHandOutTheirHostNeedOne) {
  if (!KnownDoors().contains("fluss")) GTEST_SKIP() << "the door is left out of this build";
  EXPECT_SAYS(ErrorOf("doors.fluss = '0.0.0.0:9123'"), "doors.advertise");
  EXPECT_SAYS(ErrorOf("doors.fluss_sasl = '[::]:9223'"), "doors.advertise");
  EXPECT_EQ(ErrorOf("doors.fluss = '0.0.0.0:9123'\ndoors.advertise = 'db.example.org'"), "");
  EXPECT_EQ(ErrorOf("doors.console = '0.0.0.0:8090'"), "");
}

TEST(Nearest, CountsEdits) {
  EXPECT_EQ(Nearest("kitten", {"mitten", "sitting", "kit"}), "mitten");
  EXPECT_EQ(Nearest("", {"abc", "a"}), "a");
  EXPECT_EQ(Nearest("ab", {"ba", "abc"}), "abc");
  EXPECT_EQ(Nearest("same", {"some", "same"}), "same");
}

}  // namespace
}  // namespace firth::server
