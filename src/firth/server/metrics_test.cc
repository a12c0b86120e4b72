// Goal: what was measured stands in the text as Prometheus reads it, under the door that it belongs
// to.
#include "firth/server/metrics.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>

namespace firth::server {
namespace {

MetricsInput Example() {
  MetricsInput input;
  input.log.commits = 7;
  input.log.queue_bytes = 5;
  input.last_commit = 9'007'199'254;
  input.doors = {{"fluss", {"127.0.0.1:9123", "[::1]:9123"}}, {"console", {"127.0.0.1:8090"}}};
  net::Traffic traffic;
  traffic.endpoints = {"127.0.0.1:9123", "[::1]:9123"};
  traffic.connections = 3;
  traffic.bytes_in = 1234;
  input.traffic = {traffic};
  input.backlogs = {{"reader", 2}};
  input.ready = true;
  return input;
}

TEST(Metrics, AreWrittenAsText) {
  const std::string text = MetricsText(Example());
  for (const std::string line : {
           "# TYPE firth_commits_total counter\nfirth_commits_total 7\n",
           "# TYPE firth_commit_queue_bytes gauge\nfirth_commit_queue_bytes 5\n",
           "firth_last_commit 9007199254\n",
           "firth_ready 1\n",
           "firth_door_open{door=\"console\"} 1\n",
           "firth_door_connections{door=\"fluss\"} 3\n",
           "firth_door_received_bytes_total{door=\"fluss\"} 1234\n",
           "firth_pool_backlog{pool=\"reader\"} 2\n",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  EXPECT_EQ(text.find("firth_door_connections{door=\"console\"}"), std::string::npos);
}

TEST(Metrics, MeasureThisProcess) {
  const std::string text = MetricsText(Example());
  std::smatch found;
  ASSERT_TRUE(
      std::regex_search(text, found, std::regex("\nprocess_resident_memory_bytes ([0-9.e+]+)")));
  EXPECT_GT(std::stod(found[1]), 1e6);
  ASSERT_TRUE(std::regex_search(text, found, std::regex("\nprocess_open_fds ([0-9]+)")));
  EXPECT_GE(std::stod(found[1]), 3);
}

}  // namespace
}  // namespace firth::server
