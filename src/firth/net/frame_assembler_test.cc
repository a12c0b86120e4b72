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

/// Feed `stream` in reads of the given sizes, each directly into the frame first, as a socket
/// would.
Status Feed(FrameAssembler* assembler, std::string_view stream, const std::vector<size_t>& reads,
            const FrameAssembler::Sink& sink) {
  for (size_t i = 0; !stream.empty(); ++i) {
    const std::string_view read = stream.substr(0, reads[i % reads.size()]);
    stream.remove_prefix(read.size());
    const auto direct = assembler->Direct();
    const size_t in_place = std::min(direct.size(), read.size());
    std::copy_n(AsBytes(read).data(), in_place, direct.data());
    if (in_place > 0) ARROW_RETURN_NOT_OK(assembler->Filled(in_place, sink));
    ARROW_RETURN_NOT_OK(assembler->Consume(AsBytes(read.substr(in_place)), sink));
  }
  return Status::OK();
}

TEST(FrameAssembler, GivesTheSameFramesHoweverTheyAreCut) {
  EXPECT_TRUE(rc::check([](const std::vector<std::string>& bodies) {
    const auto reads = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(1, 40)));
    std::string stream;
    for (const auto& body : bodies) stream += Framed(body);
    FrameAssembler assembler(kFrameBytesMax);
    Collected collected;
    RC_ASSERT(Feed(&assembler, stream, reads, collected.sink).ok());
    RC_ASSERT(collected.frames == bodies);
    RC_ASSERT(!assembler.begun());
    RC_ASSERT(assembler.frames() == bodies.size());
  }));
}

TEST(FrameAssembler, GrowsThroughAllStepsOfALargeFrame) {
  std::string body(kFrameBytesMax, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 + i / 4093);
  for (const size_t read : {size_t{1000}, size_t{16384}, size_t{300'000}, body.size() + 8}) {
    FrameAssembler assembler(kFrameBytesMax);
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
    FrameAssembler assembler(kFrameBytesMax);
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
  FrameAssembler assembler(kFrameBytesMax);
  Collected collected;
  ASSERT_TRUE(assembler.Consume(AsBytes(header), collected.sink).ok());
  EXPECT_TRUE(assembler.begun());
  EXPECT_EQ(arrow::default_memory_pool()->bytes_allocated(), before);
  ASSERT_TRUE(assembler.Consume(AsBytes("a"), collected.sink).ok());
  EXPECT_LE(arrow::default_memory_pool()->bytes_allocated(), before + (256 << 10));
}

}  // namespace
}  // namespace firth::net
