// Goal: memory of nodes is never handed out twice, is used again, goes back to the kernel, and may
// outlive who handed it out. Method: many pieces of random sizes, each filled with bytes of its
// own, that are given back in any order and looked at before; several threads at once.

#include "firth/timeview/node_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace firth::timeview {
namespace {

struct Piece {
  unsigned char* at = nullptr;
  size_t bytes = 0;
  unsigned char filling = 0;
};

Piece TakePiece(NodeMemory* memory, size_t bytes, unsigned char filling) {
  auto* const at = static_cast<unsigned char*>(memory->Take(bytes));
  std::memset(at, filling, bytes);
  return {at, bytes, filling};
}

/// Is it as it was filled?
bool Whole(const Piece& piece) {
  return std::all_of(piece.at, piece.at + piece.bytes,
                     [&](unsigned char byte) { return byte == piece.filling; });
}

void TakeAndGiveBack(NodeMemory* memory, uint64_t seed, int operations) {
  std::mt19937_64 random(seed);
  std::vector<Piece> pieces;
  for (int i = 0; i < operations; ++i) {
    if (pieces.empty() || random() % 1000 < (i % 20'000 < 10'000 ? 600 : 400)) {
      const size_t most = random() % 4 == 0 ? NodeMemory::kPieceBytesMax : 3'000;
      pieces.push_back(
          TakePiece(memory, 1 + random() % most, static_cast<unsigned char>(random())));
      ASSERT_EQ(reinterpret_cast<uintptr_t>(pieces.back().at) % 16, 0u);
    } else {
      std::swap(pieces[random() % pieces.size()], pieces.back());
      ASSERT_TRUE(Whole(pieces.back()));
      NodeMemory::GiveBack(pieces.back().at);
      pieces.pop_back();
    }
  }
  for (const Piece& piece : pieces) {
    ASSERT_TRUE(Whole(piece));
    NodeMemory::GiveBack(piece.at);
  }
}

TEST(NodeMemoryTest, NoPieceIsHandedOutTwice) {
  NodeMemory memory;
  TakeAndGiveBack(&memory, 1, 50'000);
}

TEST(NodeMemoryTest, ThreadsTakeAtOnce) {
  NodeMemory memory;
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&memory, i] { TakeAndGiveBack(&memory, i, 20'000); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(NodeMemoryTest, WhatCameBackServesAnySizeAgain) {
  constexpr size_t kBytes = size_t{24} << 20;
  NodeMemory memory;
  EXPECT_EQ(memory.BytesMapped(), 0u);
  size_t most = 0;
  for (const size_t size : {2'300u, 300u, 17'000u, 2'400u}) {
    std::vector<void*> pieces;
    for (size_t taken = 0; taken < kBytes; taken += size) pieces.push_back(memory.Take(size));
    EXPECT_GE(memory.BytesMapped(), kBytes);
    if (most == 0) most = memory.BytesMapped() * 5 / 4;
    EXPECT_LE(memory.BytesMapped(), most) << "of " << size;
    for (void* const piece : pieces) NodeMemory::GiveBack(piece);
    EXPECT_LE(memory.BytesMapped(), size_t{2} << 20) << "one region is kept";
  }
}

TEST(NodeMemoryTest, PiecesOutliveWhoHandedThemOut) {
  std::vector<Piece> pieces;
  {
    NodeMemory memory;
    for (unsigned char i = 0; i < 200; ++i) pieces.push_back(TakePiece(&memory, 9'000, i));
  }
  for (const Piece& piece : pieces) {
    EXPECT_TRUE(Whole(piece));
    NodeMemory::GiveBack(piece.at);
  }
}

}  // namespace
}  // namespace firth::timeview
