// Cursors of any keys: they fit, they come back, and what was cut short is known again.
#include "firth/work/cursor_bytes.h"

#include <gtest/gtest.h>

#include <random>

#include "firth/schema/key.h"

namespace firth::work {
namespace {

const std::string kId(16, 'i');

/// Bytes that cannot be packed, without a zero at the end.
std::string Noise(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string out;
  for (size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(1 + random() % 250));
  return out;
}

Cursor Again(const Cursor& cursor) {
  const std::string bytes = EncodeCursor(cursor).ValueOrDie();
  EXPECT_LE(bytes.size(), kCursorBodyMax);
  return DecodeCursor(bytes).ValueOrDie();
}

void ExpectSame(const Cursor& a, const Cursor& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.to, b.to);
  EXPECT_EQ(a.keys.from, b.keys.from);
  EXPECT_EQ(a.keys.to, b.keys.to);
  EXPECT_EQ(a.keys.prefix.digest, b.keys.prefix.digest);
  EXPECT_EQ(a.behind, b.behind);
  EXPECT_EQ(a.after.digest, b.after.digest);
}

TEST(CursorBytesTest, PlainOnesComeBackAsTheyWere) {
  for (const auto kind : {Cursor::Kind::kReplay, Cursor::Kind::kPeek, Cursor::Kind::kChanges,
                          Cursor::Kind::kIndex, Cursor::Kind::kResult}) {
    const int64_t ends[] = {0, 1, 1 << 20, INT64_MAX};
    for (const int64_t from : ends) {
      for (const int64_t to : ends) {
        Cursor cursor{.kind = kind, .id = kId, .from = from, .to = to};
        ExpectSame(Again(cursor), cursor);
        cursor.keys.from = "abc";
        cursor.keys.to = schema::PrefixEnd("abc");
        ExpectSame(Again(cursor), cursor);
        cursor.keys.from = std::string("abcd\0", 5);
        cursor.behind = true;
        ExpectSame(Again(cursor), cursor);
      }
    }
  }
}

TEST(CursorBytesTest, LongTextsThatCanBePackedAreWhole) {
  Cursor cursor{.kind = Cursor::Kind::kIndex, .id = kId};
  cursor.keys.from = std::string(20'000, 'a');
  cursor.keys.to = std::string(20'000, 'b');
  ExpectSame(Again(cursor), cursor);
}

TEST(CursorBytesTest, AnyPrefixFits) {
  for (const size_t size : {900, 960, 990, 1000, 1024, 5000, 60'000}) {
    const std::string prefix = Noise(size, size);
    Cursor cursor{.kind = Cursor::Kind::kChanges, .id = kId, .from = INT64_MAX};
    cursor.keys.from = prefix;
    cursor.keys.to = schema::PrefixEnd(prefix);
    const Cursor again = Again(cursor);
    EXPECT_TRUE(again.keys.Holds(prefix));
    EXPECT_TRUE(again.keys.Holds(prefix + "more"));
    EXPECT_FALSE(again.keys.Holds(prefix.substr(0, size - 1)));
    for (const size_t at : {size_t{0}, size / 2, size - 1}) {
      std::string other = prefix;
      other[at] = static_cast<char>(other[at] ^ 1);
      EXPECT_FALSE(again.keys.Holds(other)) << size << " " << at;
    }
    ExpectSame(Again(again), again);
  }
}

TEST(CursorBytesTest, AnyPositionFits) {
  for (const size_t size : {900, 960, 990, 1000, 1024, 5000}) {
    for (const size_t prefix : {size_t{0}, size_t{1}, size_t{500}, size - 1, size}) {
      const std::string key = Noise(size, size + prefix);
      Cursor cursor{.kind = Cursor::Kind::kIndex, .id = kId, .behind = true};
      cursor.keys.from = key + '\0';
      cursor.keys.to = schema::PrefixEnd(key.substr(0, prefix));
      const Cursor again = Again(cursor);
      if (!again.after.IsSet()) {
        ExpectSame(again, cursor);
        continue;
      }
      EXPECT_TRUE(key.starts_with(again.keys.from));
      EXPECT_TRUE(again.after.Is(key));
      EXPECT_FALSE(again.after.Is(key + "x"));
      EXPECT_TRUE(again.keys.Holds(key));
      // What is in the range afterwards is what was in it before.
      for (const std::string& other :
           {key + "x", key.substr(0, prefix) + "\xff\xff", Noise(20, 3)}) {
        if (other < key) continue;
        const bool inside = cursor.keys.to.empty() || other < cursor.keys.to;
        EXPECT_EQ(again.keys.Holds(other), inside) << size << " " << prefix;
      }
      ExpectSame(Again(again), again);
    }
  }
}

TEST(CursorBytesTest, APositionFitsIntoAnyRangeThatWasWritten) {
  for (const size_t end : {1, 100, 400, 430, 900}) {
    Cursor cursor{.kind = Cursor::Kind::kIndex, .id = kId};
    cursor.keys.from = "a";
    cursor.keys.to = end == 900 ? std::string(end, 'y') : "y" + Noise(end, end);
    ASSERT_TRUE(EncodeCursor(cursor).ok()) << end;
    for (const size_t size : {10, 500, 1024, 70'000}) {
      cursor.keys.from = "b" + Noise(size, size) + '\0';
      cursor.behind = true;
      const Cursor again = Again(cursor);
      EXPECT_EQ(again.keys.to, cursor.keys.to);
      ExpectSame(Again(again), again);
    }
  }
}

TEST(CursorBytesTest, BoundsThatCannotBeKeptAreRefused) {
  Cursor cursor{.kind = Cursor::Kind::kIndex, .id = kId};
  cursor.keys.to = Noise(1000, 1);
  EXPECT_FALSE(EncodeCursor(cursor).ok());
  cursor.keys = {.from = Noise(1100, 2), .to = "", .prefix = {}};
  EXPECT_FALSE(EncodeCursor(cursor).ok());
}

TEST(CursorBytesTest, HostileBytes) {
  std::mt19937_64 random(5);
  Cursor cursor{.kind = Cursor::Kind::kIndex, .id = kId, .behind = true};
  cursor.keys.from = Noise(1024, 1) + '\0';
  cursor.keys.to = schema::PrefixEnd(cursor.keys.from.substr(0, 1000));
  const std::string good = EncodeCursor(cursor).ValueOrDie();
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = i % 2 == 0 ? good : Noise(random() % 100, random());
    for (uint64_t changes = random() % 3; changes > 0 && !bytes.empty(); --changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(bytes.size() - random() % (bytes.size() + 1) / 2);
    const auto read = DecodeCursor(bytes);
    if (read.ok()) static_cast<void>(EncodeCursor(*read).ok());
  }
  EXPECT_FALSE(DecodeCursor("").ok());
}

}  // namespace
}  // namespace firth::work
