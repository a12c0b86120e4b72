// Goal: records survive decoding and encoding byte for byte, numbers of any size too, and no bytes
// whatever can do harm.
// Method: hand-written encodings, every prefix and many random changes of a good one, random bytes.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "firth/doors/beneath/avro_codec.h"
#include "firth/doors/beneath/big_number.h"
#include "firth/doors/beneath/schema_text.h"

namespace firth::doors::beneath {
namespace {

TypePtr Everything() {
  return ParseSchemaText(R"(
    enum E { A B }
    type R { x: Int32! y: [String!] }
    type T @schema { k: String! @key b: Bytes f: Bytes2 t: Boolean! i: Int n: Numeric at: Timestamp u: UUID e: E r: R
                     l: [R!]! z: Float32 d: Float })")
      .ValueOrDie()
      .record;
}

const std::string kRecord(
    "\x02k"
    "\x02\x04\x00\xff"
    "\x02zz"
    "\x01"
    "\x02\x01"
    "\x02\x04\xff\x7f"
    "\x02\x02"
    "\x02\x48"
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    "\x02\x02"
    "\x02\x05\x00"
    "\x02\x02\x02\x02\x02q\x00\x00"
    "\x02\x00\x00\xc0\x3f"
    "\x00",
    2 + 4 + 3 + 1 + 2 + 4 + 2 + 38 + 2 + 3 + 8 + 5 + 1);

Result<std::string> There(const TypePtr& type, std::string_view bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto rows, DecodeRecords(*type, {{.avro = bytes, .time_ms = 5}}));
  ARROW_RETURN_NOT_OK(rows->ValidateFull());
  std::vector<std::string> names;
  for (const Field& field : type->fields) names.push_back(field.name);
  const RecordEncoder encoder(type, names);
  ARROW_ASSIGN_OR_RAISE(const auto columns, encoder.Columns(*rows));
  std::string out;
  ARROW_RETURN_NOT_OK(encoder.Encode(columns, 0, &out));
  return out;
}

TEST(RecordCodecTest, BytesComeBack) {
  const auto back = There(Everything(), kRecord);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, kRecord);
}

TEST(RecordCodecTest, NoPrefixIsARecord) {
  const TypePtr type = Everything();
  for (size_t i = 0; i < kRecord.size(); ++i) {
    EXPECT_FALSE(There(type, std::string_view(kRecord).substr(0, i)).ok()) << i;
  }
  EXPECT_FALSE(There(type, kRecord + "x").ok());
}

TEST(RecordCodecTest, WhateverIsTakenComesBack) {
  const TypePtr type = Everything();
  std::mt19937 random(7);
  for (int turn = 0; turn < 20'000; ++turn) {
    std::string bytes = kRecord;
    if (turn % 4 == 0) {
      bytes.assign(random() % 40, '\0');
      for (char& c : bytes) c = static_cast<char>(random());
    } else {
      for (unsigned i = 0; i <= random() % 3; ++i)
        bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto back = There(type, bytes);
    if (!back.ok()) continue;
    const auto again = There(type, *back);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(*again, *back);
  }
}

TEST(RecordCodecTest, AnArrayCannotLieAboutItsLength) {
  const TypePtr type =
      ParseSchemaText("type T @schema { k: Int! @key l: [Int!]! }").ValueOrDie().record;
  EXPECT_FALSE(There(type, std::string("\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)).ok());
  EXPECT_FALSE(There(type, std::string("\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)).ok());
  // A block that says its size.
  EXPECT_EQ(There(type, std::string("\0\x03\x04\x02\x04\0", 6)).ValueOr("refused"),
            std::string("\0\x04\x02\x04\0", 5));
}

TEST(BigNumberTest, TextAndBytes) {
  const std::pair<std::string, std::string> cases[] = {
      {std::string("\0", 1), "0"},       {"\x7f", "127"},     {"\x80", "-128"}, {"\xff", "-1"},
      {std::string("\0\x80", 2), "128"}, {"\xff\x7f", "-129"}};
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(NumberFromBytes(bytes).ValueOr("refused"), text);
    EXPECT_EQ(NumberToBytes(text).ValueOr("refused"), bytes);
  }
  EXPECT_EQ(NumberFromBytes("").ValueOr("refused"), "0");
  const std::string most(128, '9');
  for (const std::string& text : {most, "-" + most}) {
    EXPECT_EQ(NumberFromBytes(NumberToBytes(text).ValueOr("")).ValueOr("refused"), text);
  }
  EXPECT_FALSE(NumberToBytes(most + "9").ok());
  EXPECT_FALSE(NumberFromBytes(std::string(60, '\x7f')).ok());
  for (const char* bad : {"", "-", "1.5", "x", "1e5"}) EXPECT_FALSE(NumberToBytes(bad).ok()) << bad;
}

TEST(SchemaTextTest, AvroTextIsReadBack) {
  const TypePtr type = Everything();
  const auto again = ParseAvro(AvroText(*type, true));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(AvroText(**again, true), AvroText(*type, true));
}

TEST(SchemaTextTest, RandomTextIsRefusedOrRead) {
  const std::string_view words[] = {
      "type ", "enum ", "T ", "@schema ", "@key", "{",  "}", "(",  ")",      ":", "!",    "[",
      "]",     "Int",   " k", "'",        "\"",   "\\", "#", "\n", "fields", ",", "true", "-1"};
  std::mt19937 random(11);
  for (int turn = 0; turn < 20'000; ++turn) {
    std::string text;
    for (unsigned i = 0; i < random() % 30; ++i) text += words[random() % std::size(words)];
    const auto schema = ParseSchemaText(text);
    if (!schema.ok()) continue;
    EXPECT_FALSE(schema->avro().empty());
  }
}

}  // namespace
}  // namespace firth::doors::beneath
