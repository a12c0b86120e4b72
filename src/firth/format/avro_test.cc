// Goal: the encoding is Avro's. Method: the examples of its specification, and a file byte by byte.
#include "firth/format/avro.h"

#include <gtest/gtest.h>

namespace firth::format {
namespace {

std::string LongBytes(int64_t value) {
  AvroEncoder encoder;
  encoder.Long(value);
  return encoder.bytes();
}

TEST(AvroTest, LongsAreZigzagVarints) {
  EXPECT_EQ(LongBytes(0), std::string("\x00", 1));
  EXPECT_EQ(LongBytes(-1), "\x01");
  EXPECT_EQ(LongBytes(1), "\x02");
  EXPECT_EQ(LongBytes(-2), "\x03");
  EXPECT_EQ(LongBytes(-64), "\x7f");
  EXPECT_EQ(LongBytes(64), "\x80\x01");
  EXPECT_EQ(LongBytes(INT64_MAX), "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(LongBytes(INT64_MIN), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(AvroTest, TextUnionsAndBooleans) {
  AvroEncoder encoder;
  encoder.Text("foo");
  encoder.Some();
  encoder.Text("a");
  encoder.Null();
  encoder.Boolean(true);
  EXPECT_EQ(encoder.bytes(), std::string("\x06\x66\x6f\x6f\x02\x02\x61\x00\x01", 9));
}

TEST(AvroTest, AFileIsHeaderAndOneBlock) {
  const std::string sync = "0123456789abcdef";
  AvroEncoder record;
  record.Text("x");
  const std::string header = std::string("Obj\x01\x06", 5) + "\x16" + "avro.schema" + "\x10" +
                             "\"string\"" + "\x14" + "avro.codec" + "\x08" + "null" + "\x02" + "a" +
                             "\x02" + "b" + std::string(1, 0) + sync;
  EXPECT_EQ(AvroFile("\"string\"", {{"a", "b"}}, 1, record.bytes(), sync),
            header + "\x02" + "\x04" + "\x02x" + sync);
  EXPECT_EQ(AvroFile("\"string\"", {{"a", "b"}}, 0, "", sync), header);
}

}  // namespace
}  // namespace firth::format
