// Goal: bytes leave in the order in which they were pushed, whatever the sizes of parts and of
// writes.
#include "firth/net/send_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace firth::net {
namespace {

std::string Drain(SendQueue* queue, size_t at_once) {
  std::string out;
  std::array<Bytes, 3> runs;
  while (!queue->empty()) {
    const size_t count = queue->Peek(runs);
    size_t taken = 0;
    for (const Bytes run : std::span(runs).first(count)) {
      const Bytes part = run.first(std::min(run.size(), at_once - taken));
      out += AsText(part);
      taken += part.size();
    }
    queue->Pop(taken);
  }
  return out;
}

TEST(SendQueue, KeepsTheOrder) {
  EXPECT_TRUE(rc::check([] {
    const auto sizes = *rc::gen::container<std::vector<std::vector<int>>>(
        rc::gen::container<std::vector<int>>(rc::gen::element(0, 1, 5, 1000, 1024, 1025, 20'000)));
    const auto at_once = *rc::gen::inRange<size_t>(1, 30'000);
    SendQueue queue;
    std::string expected;
    size_t pushed = 0;
    char fill = 'a';
    for (const auto& frame : sizes) {
      std::vector<std::shared_ptr<arrow::Buffer>> parts;
      std::string body;
      for (const int size : frame) {
        const std::string part(static_cast<size_t>(size), fill);
        fill = fill == 'z' ? 'a' : static_cast<char>(fill + 1);
        body += part;
        parts.push_back(arrow::Buffer::FromString(part));
      }
      AppendBe(&expected, static_cast<uint32_t>(body.size()));
      expected += body;
      const bool as_text = body.size() <= 1024 && parts.size() == 1;
      pushed +=
          as_text ? queue.PushFrame(std::string_view(body)) : queue.PushFrame(std::move(parts));
    }
    RC_ASSERT(pushed == expected.size());
    RC_ASSERT(Drain(&queue, at_once) == expected);
  }));
}

TEST(SendQueue, GathersSmallFramesAndSharesLargeParts) {
  SendQueue queue;
  for (int i = 0; i < 50; ++i) {
    queue.PushFrame({arrow::Buffer::FromString("small")});
    queue.PushFrame("small");
  }
  const auto large = arrow::Buffer::FromString(std::string(100'000, 'x'));
  queue.PushFrame({large});
  std::array<Bytes, 64> runs;
  ASSERT_EQ(queue.Peek(runs), 2);
  EXPECT_EQ(runs[0].size(), 100 * 9 + 4);
  EXPECT_EQ(reinterpret_cast<const uint8_t*>(runs[1].data()), large->data());
}

}  // namespace
}  // namespace firth::net
