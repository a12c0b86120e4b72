// Goal: reads of a connection are held back where that brings several requests at once, never for
// long, and never for a client that waits for each answer but for a try now and then.
// Method: clients of each kind against the pace alone, in a time of the test's own.
#include "firth/net/read_pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <vector>

namespace firth::net {
namespace {

constexpr int64_t kUs = 1'000;
constexpr size_t kFrameBytes = 24;
constexpr int64_t kWakeNs = 5 * kUs;  // from a frame's arrival to its reading

/// What became of a client's frames.
struct Outcome {
  int64_t frames = 0;
  int64_t reads = 0;
  int64_t tries = 0;  // reads that waited for something and brought one frame or none
  int64_t held_ns_max = 0;
  int64_t held_ns = 0;  // of all frames together, beyond kWakeNs

  double held_ns_mean() const { return static_cast<double>(held_ns) / static_cast<double>(frames); }
};

/// A connection, its frames arriving at times that are known, or after others were read.
class Wire {
 public:
  explicit Wire(size_t frame_bytes = kFrameBytes) : frame_bytes_(frame_bytes) {}

  void Arrives(int64_t at_ns) { arrivals_.push(at_ns); }

  /// Read until nothing arrives any more; `answered` is called with how many frames a read brought
  /// and when it was over.
  Outcome Run(const std::function<void(uint64_t, int64_t)>& answered = [](uint64_t, int64_t) {}) {
    Outcome outcome;
    size_t wanted = 1;
    int64_t hold_ends_ns = 0;
    while (!arrivals_.empty() || wanted > 1) {
      // When are `wanted` bytes there?
      const size_t frames = (wanted + frame_bytes_ - 1) / frame_bytes_;
      auto later = arrivals_;
      for (size_t i = 1; i < frames && !later.empty(); ++i) later.pop();
      int64_t at = later.empty() ? INT64_MAX : later.top() + kWakeNs;
      const bool in_time = wanted == 1 || at <= hold_ends_ns;
      if (!in_time) at = hold_ends_ns;
      at = std::max(at, now_ns_);
      uint64_t count = 0;
      for (; !arrivals_.empty() && arrivals_.top() <= at; arrivals_.pop()) {
        const int64_t held = std::max<int64_t>(0, at - arrivals_.top() - kWakeNs);
        outcome.held_ns_max = std::max(outcome.held_ns_max, held);
        outcome.held_ns += held;
        ++count;
      }
      now_ns_ = at + static_cast<int64_t>(count) * kUs;  // serving them
      ++outcome.reads;
      if (wanted > 1 && count < 2) ++outcome.tries;
      outcome.frames += static_cast<int64_t>(count);
      wanted = pace_.After(
          {.now_ns = now_ns_, .frames = count, .bytes = count * frame_bytes_, .in_time = in_time});
      hold_ends_ns = now_ns_ + ReadPace::kHoldNs;
      if (count > 0) answered(count, now_ns_);
    }
    return outcome;
  }

 private:
  const size_t frame_bytes_;
  int64_t now_ns_ = 0;
  ReadPace pace_;
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> arrivals_;
};

/// A client with `window` requests on their way, which sends as many new ones as it gets answers.
Outcome RunWindow(int64_t window, int64_t requests) {
  Wire wire;
  int64_t left = requests - window;
  for (int64_t i = 0; i < window; ++i) wire.Arrives(i * 3 * kUs);
  return wire.Run([&](uint64_t answers, int64_t at_ns) {
    for (uint64_t i = 0; i < answers && left > 0; ++i, --left) {
      wire.Arrives(at_ns + 10 * kUs + static_cast<int64_t>(i) * 3 * kUs);
    }
  });
}

Outcome RunStream(int64_t every_ns, int64_t requests, size_t frame_bytes = kFrameBytes) {
  Wire wire(frame_bytes);
  for (int64_t i = 0; i < requests; ++i) wire.Arrives(i * every_ns);
  return wire.Run();
}

TEST(ReadPace, AStreamOfSmallFramesIsReadManyAtOnce) {
  const Outcome outcome = RunStream(/*every_ns=*/20 * kUs, /*requests=*/50'000);
  EXPECT_EQ(outcome.frames, 50'000);
  EXPECT_LT(outcome.reads, 50'000 / 4);
  EXPECT_LE(outcome.held_ns_max, ReadPace::kHoldNs);
}

TEST(ReadPace, ShortBurstsAreReadTogetherToo) {
  Wire wire;
  for (int64_t burst = 0; burst < 1000; ++burst) {
    for (int64_t i = 0; i < 8; ++i) wire.Arrives(burst * 1'000 * kUs + i * 15 * kUs);
  }
  const Outcome outcome = wire.Run();
  EXPECT_EQ(outcome.frames, 8'000);
  EXPECT_LT(outcome.reads, 5'500) << "two, those behind them, and none";
  EXPECT_LE(outcome.held_ns_max, ReadPace::kHoldNs);
}

TEST(ReadPace, AClientThatWaitsForEachAnswerIsHeldUpRarely) {
  const Outcome outcome = RunWindow(/*window=*/1, /*requests=*/100'000);
  EXPECT_EQ(outcome.frames, 100'000);
  EXPECT_GT(outcome.tries, 0);
  EXPECT_LT(outcome.tries, 100'000 / ReadPace::kTryAfterMax + 12);
  EXPECT_LE(outcome.held_ns_max, ReadPace::kHoldNs);
}

TEST(ReadPace, AClientThatHasAFewRequestsOnTheirWayIsReadWhenTheseAreThere) {
  for (const int64_t window : {2, 4, 8}) {
    const Outcome outcome = RunWindow(window, /*requests=*/80'000);
    EXPECT_EQ(outcome.frames, 80'000);
    EXPECT_LT(outcome.reads, 80'000 / window + 80'000 / 100) << window;
    // The first of them waits for the last, and now and then all for what does not come.
    EXPECT_LT(outcome.held_ns_mean(), 3.0 * kUs * static_cast<double>(window)) << window;
  }
}

TEST(ReadPace, RequestsThatComeSlowlyAreNeverHeld) {
  const Outcome outcome = RunStream(/*every_ns=*/200 * kUs, /*requests=*/10'000);
  EXPECT_EQ(outcome.reads, 10'000);
  EXPECT_EQ(outcome.held_ns_max, 0);
}

TEST(ReadPace, LargeFramesAreNeverHeld) {
  const Outcome outcome = RunStream(20 * kUs, 10'000, ReadPace::kSmallBytes + 1);
  EXPECT_EQ(outcome.held_ns_max, 0);
}

TEST(ReadPace, TheFirstRequestAfterAPauseIsNotHeld) {
  ReadPace pace;
  int64_t now = 0;
  const auto read = [&](uint64_t frames, bool in_time) {
    now += 20 * kUs;
    return pace.After(
        {.now_ns = now, .frames = frames, .bytes = frames * kFrameBytes, .in_time = in_time});
  };
  size_t wanted = 1;
  for (uint32_t i = 0; i <= ReadPace::kTryAfterMin && wanted == 1; ++i) wanted = read(1, true);
  ASSERT_GT(wanted, 1);
  ASSERT_GT(read(5, false), 1) << "several came in that time";
  EXPECT_EQ(read(0, false), 1) << "nothing came: the next is not held";
  now += 1'000 * kUs;
  EXPECT_EQ(read(1, true), 1) << "nor what comes behind one that came late";
  EXPECT_GT(read(1, true), 1) << "but when it goes on quickly";
}

}  // namespace
}  // namespace firth::net
