// Goal: a frame is taken for what it says of itself only if it is whole. Method: frames of both
// formats as libraries write them, with and without their optional parts, cut, lengthened and
// changed.
#include "firth/log/packed_frame.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "firth/common/random.h"

namespace firth::log {
namespace {

/// Half of it can be packed well, half not at all.
std::string Text(size_t length) {
  SeededRandom random(length);
  std::string text(length, 'x');
  for (size_t i = 0; i < length / 2; ++i) text[i] = static_cast<char>(random.Next64());
  return text;
}

std::string Zstd(const std::string& text, int checksum = 0) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
  std::string made(ZSTD_compressBound(text.size()), '\0');
  made.resize(ZSTD_compress2(context, made.data(), made.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return made;
}

/// One that does not say how long its content is.
std::string SilentZstd(const std::string& text) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string made(ZSTD_compressBound(text.size()), '\0');
  made.resize(ZSTD_compress2(context, made.data(), made.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return made;
}

std::string Lz4(const std::string& text, const LZ4F_frameInfo_t& frame) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo = frame;
  std::string made(LZ4F_compressFrameBound(text.size(), &preferences), '\0');
  made.resize(LZ4F_compressFrame(made.data(), made.size(), text.data(), text.size(), &preferences));
  return made;
}

/// Frames with all their optional parts, and without.
std::vector<std::string> Lz4Frames(const std::string& text) {
  std::vector<std::string> frames;
  for (const auto id : {LZ4F_max64KB, LZ4F_max4MB}) {
    for (int parts = 0; parts < 8; ++parts) {
      LZ4F_frameInfo_t frame{};
      frame.blockSizeID = id;
      if ((parts & 1) != 0) frame.contentChecksumFlag = LZ4F_contentChecksumEnabled;
      if ((parts & 2) != 0) frame.blockChecksumFlag = LZ4F_blockChecksumEnabled;
      if ((parts & 4) != 0) frame.contentSize = text.size();
      frames.push_back(Lz4(text, frame));
    }
  }
  return frames;
}

constexpr size_t kLengths[] = {1, 100, 65'536, 65'537, 300'000};

bool IsZstd(const std::string& frame, size_t bytes) {
  return IsFrameOf(IpcCompression::kZstd, AsBytes(frame), static_cast<int64_t>(bytes));
}

bool IsLz4(const std::string& frame, size_t bytes) {
  return IsFrameOf(IpcCompression::kLz4Frame, AsBytes(frame), static_cast<int64_t>(bytes));
}

TEST(PackedFrameTest, WholeFramesAreTaken) {
  for (const size_t length : kLengths) {
    const std::string text = Text(length);
    EXPECT_TRUE(IsZstd(Zstd(text), length));
    EXPECT_TRUE(IsZstd(Zstd(text, 1), length));
    EXPECT_FALSE(IsLz4(Zstd(text), length));
    for (const std::string& frame : Lz4Frames(text)) {
      EXPECT_TRUE(IsLz4(frame, length)) << length;
      EXPECT_FALSE(IsZstd(frame, length));
    }
  }
}

TEST(PackedFrameTest, AnotherLengthIsNotTaken) {
  const std::string text = Text(70'000);
  for (const size_t other : {size_t{0}, size_t{69'999}, size_t{70'001}, size_t{1} << 40}) {
    EXPECT_FALSE(IsZstd(Zstd(text), other)) << other;
  }
  EXPECT_FALSE(IsZstd(SilentZstd(text), 70'000)) << "it does not say so";
  LZ4F_frameInfo_t frame{};
  frame.blockSizeID = LZ4F_max64KB;
  const std::string silent = Lz4(text, frame);
  EXPECT_TRUE(IsLz4(silent, 131'072)) << "two blocks may hold as much";
  EXPECT_FALSE(IsLz4(silent, 131'073));
  frame.contentSize = text.size();
  EXPECT_FALSE(IsLz4(Lz4(text, frame), 69'999));
}

TEST(PackedFrameTest, WhatIsCutOrLengthenedIsNotTaken) {
  const std::string text = Text(70'000);
  std::vector<std::pair<bool, std::string>> frames = {{true, Zstd(text)}, {true, Zstd(text, 1)}};
  for (std::string& frame : Lz4Frames(text)) frames.emplace_back(false, std::move(frame));
  for (const auto& [zstd, frame] : frames) {
    const auto is_frame = [&](const std::string& bytes) {
      return zstd ? IsZstd(bytes, text.size()) : IsLz4(bytes, text.size());
    };
    ASSERT_TRUE(is_frame(frame));
    for (size_t cut = 0; cut < frame.size(); cut += cut < 40 ? 1 : 997) {
      EXPECT_FALSE(is_frame(frame.substr(0, cut))) << cut;
    }
    EXPECT_FALSE(is_frame(frame.substr(0, frame.size() - 1)));
    EXPECT_FALSE(is_frame(frame + std::string(1, '\0')));
    EXPECT_FALSE(is_frame(frame + frame));
  }
}

// Nothing outside of the bytes is touched, whatever they are: the sanitizers look on.
TEST(PackedFrameTest, HostileBytes) {
  SeededRandom random(7);
  std::vector<std::string> frames = Lz4Frames(Text(200));
  frames.push_back(Zstd(Text(200)));
  int taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = frames[random.Next64() % frames.size()];
    for (uint64_t i = 0; i <= random.Next64() % 3; ++i) {
      bytes[random.Next64() % std::min<size_t>(bytes.size(), 24)] =
          static_cast<char>(random.Next64());
    }
    bytes.resize(bytes.size() - (random.Next64() % 4 == 0 ? random.Next64() % bytes.size() : 0));
    bytes.shrink_to_fit();
    taken += IsZstd(bytes, 200) ? 1 : 0;
    taken += IsLz4(bytes, 200) ? 1 : 0;
  }
  EXPECT_LT(taken, 10'000);
}

}  // namespace
}  // namespace firth::log
