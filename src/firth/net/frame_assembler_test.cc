// Goal: however a stream is cut into reads, the same frames come out, and memory follows what
// arrived.
#include "firth/net/frame_assembler.h"

#include <arrow/memory_pool.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

namespace firth::net {
namespace {

constexpr uint32_t kFrameBytesMax = 4 << 20;

std::string Framed(const std::string& body) {
  std::string frame;
  AppendBe(&frame, static_cast<uint32_t>(body.size()));
  return frame + body;
}

struct Collected {
  std::vector<std::string> frames;
  FrameAssembler::Sink sink = [this](std::shared_ptr<arrow::Buffer> frame) {
    frames.push_back(frame->ToString());
  };
};

/// Feed `stream` in reads of the given sizes, each directly into the frame first and then where the
/// assembler likes it best, as a socket would.
Status Feed(FrameAssembler* assembler, std::string_view stream, const std::vector<size_t>& reads,
            const FrameAssembler::Sink& sink) {
  for (size_t i = 0; !stream.empty(); ++i) {
    std::string_view read = stream.substr(0, reads[i % reads.size()]);
    const auto direct = assembler->Direct();
    const auto beyond = assembler->Beyond();
    if (!beyond.empty()) read = read.substr(0, direct.size() + beyond.size());
    stream.remove_prefix(read.size());
    const size_t in_place = std::min(direct.size(), read.size());
    std::copy_n(AsBytes(read).data(), in_place, direct.data());
    Bytes more = AsBytes(read.substr(in_place));
    if (!beyond.empty()) {
      std::copy_n(more.data(), more.size(), beyond.data());
      more = beyond.first(more.size());
    }
    if (in_place > 0) ARROW_RETURN_NOT_OK(assembler->Filled(in_place, sink));
    ARROW_RETURN_NOT_OK(assembler->Consume(more, sink));
  }
  return Status::OK();
}

TEST(FrameAssembler, GivesTheSameFramesHoweverTheyAreCut) {
  EXPECT_TRUE(rc::check([](const std::vector<std::string>& bodies) {
    const auto reads = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(1, 40)));
    std::string stream;
    for (const auto& body : bodies) stream += Framed(body);
    FrameAssembler assembler(kFrameBytesMax, nullptr);
    Collected collected;
    RC_ASSERT(Feed(&assembler, stream, reads, collected.sink).ok());
    RC_ASSERT(collected.frames == bodies);
    RC_ASSERT(!assembler.begun());
    RC_ASSERT(assembler.frames() == bodies.size());
  }));
}

// Frames of several connections in the same memory: none is written over while it is held.
TEST(FrameAssembler, LargeFramesShareMemoryThatIsUsedAgain) {
  const bool held = rc::check([] {
    constexpr size_t kPieceBytes = 256 << 10;
    const auto pieces = std::make_shared<BlockMemory>(kPieceBytes, *rc::gen::inRange<size_t>(1, 4));
    FrameMemory memory(pieces, *rc::gen::element<size_t>(8, FrameMemory::kLargeBytesMin));
    const size_t connections = 3;
    std::vector<FrameAssembler> assemblers;
    std::vector<std::string> streams(connections);
    std::vector<std::vector<std::string>> sent(connections);
    for (size_t c = 0; c < connections; ++c) {
      assemblers.emplace_back(kFrameBytesMax, &memory);
      const auto sizes = *rc::gen::container<std::vector<size_t>>(
          rc::gen::oneOf(rc::gen::inRange<size_t>(0, 300), rc::gen::inRange<size_t>(30'000, 40'000),
                         rc::gen::inRange<size_t>(0, 300'000)));
      for (const size_t size : sizes) {
        std::string body(size, '\0');
        for (size_t i = 0; i < size; ++i) {
          body[i] = static_cast<char>(i * 13 + i / 251 + sent[c].size() * 7 + c);
        }
        streams[c] += Framed(body);
        sent[c].push_back(std::move(body));
      }
    }
    std::vector<std::vector<std::shared_ptr<arrow::Buffer>>> got(connections);
    std::vector<size_t> let_go(connections);
    std::vector<size_t> at(connections);
    for (bool more = true; more;) {
      more = false;
      for (size_t c = 0; c < connections; ++c) {
        const size_t bytes =
            std::min(streams[c].size() - at[c], *rc::gen::inRange<size_t>(1, 200'000));
        if (bytes == 0) continue;
        const auto sink = [&](std::shared_ptr<arrow::Buffer> frame) {
          got[c].push_back(std::move(frame));
        };
        // What one read takes at most, as a socket does.
        std::string_view rest = std::string_view(streams[c]).substr(at[c], bytes);
        RC_ASSERT(Feed(&assemblers[c], rest, {bytes}, sink).ok());
        at[c] += bytes;
        more = true;
        // The oldest are let go of, as they were sent.
        while (got[c].size() - let_go[c] > 4) {
          RC_ASSERT(got[c][let_go[c]]->ToString() == sent[c][let_go[c]]);
          got[c][let_go[c]++].reset();
        }
      }
    }
    for (size_t c = 0; c < connections; ++c) {
      RC_ASSERT(got[c].size() == sent[c].size());
      for (size_t i = let_go[c]; i < got[c].size(); ++i) {
        RC_ASSERT(got[c][i]->ToString() == sent[c][i]);
      }
      RC_ASSERT(!assemblers[c].begun());
    }
  });
  EXPECT_TRUE(held);
}

// What many send at once is received with few calls, each into its frame.
TEST(FrameAssembler, FramesBehindALargeOneAreNotCopied) {
  const auto pieces = std::make_shared<BlockMemory>(4 << 20, 1);
  FrameMemory memory(pieces);
  FrameAssembler assembler(kFrameBytesMax, &memory);
  const std::string stream = Framed(std::string(100'000, 'a')) + Framed(std::string(90'000, 'b')) +
                             Framed("short") + Framed(std::string(80'000, 'c'));
  std::vector<std::shared_ptr<arrow::Buffer>> frames;
  const auto sink = [&](std::shared_ptr<arrow::Buffer> frame) {
    frames.push_back(std::move(frame));
  };
  ASSERT_TRUE(assembler.Consume(AsBytes(stream).first(1000), sink).ok());
  const auto direct = assembler.Direct();
  EXPECT_EQ(direct.size(), 100'004 - 1000);
  const auto beyond = assembler.Beyond();
  ASSERT_EQ(beyond.data(), direct.data() + direct.size());
  std::copy_n(AsBytes(stream).data() + 1000, stream.size() - 1000, direct.data());
  ASSERT_TRUE(assembler.Filled(direct.size(), sink).ok());
  ASSERT_TRUE(assembler.Consume(beyond.first(stream.size() - 100'004), sink).ok());
  ASSERT_EQ(frames.size(), 4);
  const auto* const first = reinterpret_cast<const std::byte*>(frames[0]->data());
  EXPECT_EQ(reinterpret_cast<const std::byte*>(frames[1]->data()), first + 100'004);
  EXPECT_EQ(reinterpret_cast<const std::byte*>(frames[3]->data()), first + 100'004 + 90'004 + 9);
  EXPECT_EQ(frames[2]->ToString(), "short");
  EXPECT_EQ(frames[3]->ToString(), std::string(80'000, 'c'));
  // The one piece there is, is in use: others have memory of their own, as long as it is.
  FrameMemory other(pieces);
  FrameAssembler without(kFrameBytesMax, &other);
  frames.clear();
  ASSERT_TRUE(without.Consume(AsBytes(stream), sink).ok());
  ASSERT_EQ(frames.size(), 4);
  EXPECT_EQ(frames[0]->ToString(), std::string(100'000, 'a'));
  EXPECT_TRUE(without.Beyond().empty());
}

// A piece is used again as soon as all of its frames are let go of, and not before.
TEST(FrameAssembler, PiecesAreUsedAgain) {
  constexpr size_t kPieceBytes = 4 << 20;
  const auto pieces = std::make_shared<BlockMemory>(kPieceBytes, 2);
  FrameMemory memory(pieces);
  const auto take = [&](size_t bytes) { return memory.Take(AsBytes("begin"), bytes); };
  std::vector<std::shared_ptr<arrow::Buffer>> frames;
  for (int i = 0; i < 10'000; ++i) {
    frames.push_back(take(FrameMemory::kLargeBytesMin));
    ASSERT_NE(frames.back(), nullptr) << i;
    if (frames.size() > 100) frames.erase(frames.begin());
  }
  frames.clear();
  frames.push_back(take(kPieceBytes));
  frames.push_back(take(kPieceBytes));
  EXPECT_NE(frames.back(), nullptr);
  EXPECT_EQ(take(kPieceBytes), nullptr);
  frames.erase(frames.begin());
  EXPECT_NE(take(kPieceBytes), nullptr);
}

TEST(FrameAssembler, GrowsThroughAllStepsOfALargeFrame) {
  std::string body(kFrameBytesMax, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 + i / 4093);
  for (const size_t read : {size_t{1000}, size_t{16384}, size_t{300'000}, body.size() + 8}) {
    FrameAssembler assembler(kFrameBytesMax, nullptr);
    Collected collected;
    ASSERT_TRUE(Feed(&assembler, Framed(body) + Framed("x"), {read}, collected.sink).ok());
    ASSERT_EQ(collected.frames.size(), 2);
    EXPECT_EQ(collected.frames[0], body);
    EXPECT_EQ(collected.frames[1], "x");
  }
}

TEST(FrameAssembler, RefusesALengthAboveTheBound) {
  for (const uint32_t length : {kFrameBytesMax + 1, uint32_t{0x80000000}, UINT32_MAX}) {
    std::string header;
    AppendBe(&header, length);
    FrameAssembler assembler(kFrameBytesMax, nullptr);
    Collected collected;
    const Status status = assembler.Consume(AsBytes(header), collected.sink);
    EXPECT_EQ(CodeOf(status), Code::kInvalidArgument);
    EXPECT_TRUE(collected.frames.empty());
  }
}

TEST(FrameAssembler, TakesNoMemoryForAPromise) {
  std::string header;
  AppendBe(&header, kFrameBytesMax);
  const int64_t before = arrow::default_memory_pool()->bytes_allocated();
  FrameAssembler assembler(kFrameBytesMax, nullptr);
  Collected collected;
  ASSERT_TRUE(assembler.Consume(AsBytes(header), collected.sink).ok());
  EXPECT_TRUE(assembler.begun());
  EXPECT_EQ(arrow::default_memory_pool()->bytes_allocated(), before);
  ASSERT_TRUE(assembler.Consume(AsBytes("a"), collected.sink).ok());
  EXPECT_LE(arrow::default_memory_pool()->bytes_allocated(), before + (256 << 10));
}

}  // namespace
}  // namespace firth::net
