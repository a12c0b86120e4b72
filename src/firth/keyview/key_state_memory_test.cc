#include "firth/keyview/key_state_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace firth::keyview {
namespace {

struct Taken {
  char* memory;
  size_t bytes;
  char filled;
};

Taken Take(size_t bytes, char filled) {
  auto* const memory = static_cast<char*>(TakeStateMemory(bytes));
  std::memset(memory, filled, bytes);
  return {memory, bytes, filled};
}

bool IsUntouched(const Taken& taken) {
  for (size_t i = 0; i < taken.bytes; ++i) {
    if (taken.memory[i] != taken.filled) return false;
  }
  return true;
}

void TakeAndGive(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Taken> all;
  for (int i = 0; i < 60'000; ++i) {
    if (!all.empty() && random() % 5 < 2) {
      const size_t at = random() % all.size();
      ASSERT_TRUE(IsUntouched(all[at]));
      GiveStateMemory(all[at].memory, all[at].bytes);
      all[at] = all.back();
      all.pop_back();
    } else {
      all.push_back(Take(40 + random() % 5 * 61 + (random() % 64 == 0 ? 4000 : 0),
                         static_cast<char>(random())));
    }
  }
  for (const Taken& taken : all) {
    ASSERT_TRUE(IsUntouched(taken));
    GiveStateMemory(taken.memory, taken.bytes);
  }
}

TEST(KeyStateMemoryTest, PiecesOfManySizesDoNotTouch) {
  TakeAndGive(1);
}

TEST(KeyStateMemoryTest, ManyThreadsTakeAndGive) {
  std::vector<std::thread> threads;
  for (uint64_t seed = 1; seed <= 4; ++seed) threads.emplace_back([seed] { TakeAndGive(seed); });
  for (std::thread& thread : threads) thread.join();
}

TEST(KeyStateMemoryTest, WhatOneThreadTookAnotherMayGive) {
  std::vector<Taken> all;
  for (int i = 0; i < 30'000; ++i) all.push_back(Take(300, static_cast<char>(i)));
  std::set<char*> places;
  for (const Taken& taken : all) places.insert(taken.memory);
  EXPECT_EQ(places.size(), all.size());
  std::thread([&] {
    for (const Taken& taken : all) {
      EXPECT_TRUE(IsUntouched(taken));
      GiveStateMemory(taken.memory, taken.bytes);
    }
  }).join();
}

TEST(KeyStateMemoryTest, SizesAreRoundedAndPlacesAligned) {
  for (size_t bytes = 1; bytes < 5000; bytes += 7) {
    EXPECT_GE(StateMemoryBytes(bytes), bytes);
    EXPECT_LT(StateMemoryBytes(bytes), bytes + 32);
    void* const memory = TakeStateMemory(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 16, 0u);
    GiveStateMemory(memory, bytes);
  }
}

}  // namespace
}  // namespace firth::keyview
