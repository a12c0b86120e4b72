// Goal: key bytes have the stated layout and order. Method: bytes by hand, lists of values in
// order, keys that nobody wrote.
#include "firth/schema/key.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "firth/common/text.h"

namespace firth::schema {
namespace {

using Scalars = std::vector<std::shared_ptr<arrow::Scalar>>;

KeyEncoder EncoderOf(std::vector<std::shared_ptr<arrow::DataType>> types) {
  return KeyEncoder::Make(std::move(types)).ValueOrDie();
}

std::string KeyOf(const Scalars& values) {
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (const auto& value : values) types.push_back(value->type);
  std::string key;
  EXPECT_TRUE(EncoderOf(types).EncodeScalars(values, &key).ok());
  return key;
}

std::shared_ptr<arrow::Scalar> Text(std::string text) {
  return std::make_shared<arrow::StringScalar>(std::move(text));
}

TEST(KeyTest, HasTheStatedBytes) {
  EXPECT_EQ(ToHex(KeyOf({arrow::MakeScalar(int32_t{1})})), "0280000001");
  EXPECT_EQ(ToHex(KeyOf({arrow::MakeScalar(int32_t{-1})})), "027fffffff");
  EXPECT_EQ(ToHex(KeyOf({arrow::MakeScalar(uint16_t{258})})), "020102");
  EXPECT_EQ(ToHex(KeyOf({arrow::MakeScalar(true)})), "0201");
  EXPECT_EQ(ToHex(KeyOf({arrow::MakeScalar(1.0)})), "02bff0000000000000");
  EXPECT_EQ(ToHex(KeyOf({arrow::MakeScalar(-0.0)})), ToHex(KeyOf({arrow::MakeScalar(0.0)})));
  EXPECT_EQ(ToHex(KeyOf({arrow::MakeNullScalar(arrow::utf8())})), "01");
  EXPECT_EQ(ToHex(KeyOf({Text("ab")})), "0261620001");
  EXPECT_EQ(ToHex(KeyOf({Text(std::string("a\0b", 3))})), "026100ff620001");
  EXPECT_EQ(ToHex(KeyOf({Text(""), arrow::MakeScalar(int8_t{0})})), "0200010280");
}

TEST(KeyTest, SortsFloatsByTheirTotalOrder) {
  using Limits = std::numeric_limits<double>;
  const std::vector<double> values = {-Limits::infinity(),
                                      Limits::lowest(),
                                      -1.0,
                                      -Limits::denorm_min(),
                                      0.0,
                                      Limits::denorm_min(),
                                      1.0,
                                      Limits::max(),
                                      Limits::infinity(),
                                      Limits::quiet_NaN()};
  for (size_t i = 1; i < values.size(); ++i) {
    EXPECT_LT(KeyOf({arrow::MakeScalar(values[i - 1])}), KeyOf({arrow::MakeScalar(values[i])}));
  }
  EXPECT_EQ(KeyOf({arrow::MakeScalar(-std::nan("1"))}), KeyOf({arrow::MakeScalar(std::nan("2"))}));
}

TEST(KeyTest, APrefixOfColumnsIsAPrefixOfBytes) {
  const auto encoder = EncoderOf({arrow::utf8(), arrow::int32()});
  std::string prefix;
  std::string key;
  ASSERT_TRUE(encoder.EncodeScalars({Text("a")}, &prefix).ok());
  ASSERT_TRUE(encoder.EncodeScalars({Text("a"), arrow::MakeScalar(int32_t{5})}, &key).ok());
  EXPECT_TRUE(key.starts_with(prefix));
  std::string longer;
  ASSERT_TRUE(encoder.EncodeScalars({Text("ab")}, &longer).ok());
  EXPECT_FALSE(longer.starts_with(prefix));
  EXPECT_GE(longer, PrefixEnd(prefix));
  EXPECT_LT(key, PrefixEnd(prefix));
}

TEST(KeyTest, FindsTheEndOfAPrefix) {
  EXPECT_EQ(PrefixEnd("a"), "b");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
  EXPECT_EQ(PrefixEnd("\x7f"), "\x80");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

TEST(KeyTest, RefusesWhatHasNoOrder) {
  for (const auto& type : {arrow::list(arrow::int32()), arrow::map(arrow::utf8(), arrow::utf8()),
                           arrow::struct_({arrow::field("a", arrow::int32())}),
                           arrow::dictionary(arrow::int8(), arrow::utf8())}) {
    EXPECT_EQ(ReasonOf(KeyEncoder::Make({type}).status()), Reason::kInvalidSchema);
  }
  const auto encoder = EncoderOf({arrow::int32()});
  std::string key;
  EXPECT_EQ(ReasonOf(encoder.EncodeScalars({Text("a")}, &key)), Reason::kSchemaMismatch);
  EXPECT_FALSE(
      encoder.EncodeScalars({arrow::MakeScalar(int32_t{1}), arrow::MakeScalar(int32_t{1})}, &key)
          .ok());
  std::vector<std::string> keys;
  EXPECT_FALSE(encoder.Encode({}, &keys).ok());
}

TEST(KeyTest, RefusesKeysThatNobodyWrote) {
  const auto refused = [](const std::shared_ptr<arrow::DataType>& type, const char* hex) {
    const auto values = EncoderOf({type}).Decode(FromHex(hex).ValueOrDie());
    return !values.ok() && CodeOf(values.status()) == Code::kInvalidArgument;
  };
  EXPECT_FALSE(refused(arrow::int32(), "0280000001"));
  EXPECT_TRUE(refused(arrow::int32(), ""));
  EXPECT_TRUE(refused(arrow::int32(), "0380000001"));
  EXPECT_TRUE(refused(arrow::int32(), "02800000"));
  EXPECT_TRUE(refused(arrow::int32(), "028000000100"));
  EXPECT_TRUE(refused(arrow::boolean(), "0202"));
  EXPECT_TRUE(refused(arrow::utf8(), "0261"));
  EXPECT_TRUE(refused(arrow::utf8(), "026100"));
  EXPECT_TRUE(refused(arrow::utf8(), "02610002"));
  EXPECT_TRUE(refused(arrow::utf8(), "02ff0001"));
  EXPECT_FALSE(refused(arrow::binary(), "02ff0001"));
  EXPECT_TRUE(refused(arrow::fixed_size_binary(2), "02ff0001"));
  EXPECT_TRUE(refused(arrow::float64(), "027fffffffffffffff")) << "negative zero";
  EXPECT_TRUE(refused(arrow::float64(), "02fff8000000000001")) << "another not-a-number";
  EXPECT_TRUE(refused(arrow::decimal32(1, 0), "028000000a")) << "ten in one digit";
  EXPECT_TRUE(refused(arrow::time32(arrow::TimeUnit::SECOND), "0280015180")) << "24:00:00";
  EXPECT_TRUE(refused(arrow::null(), "02"));
}

}  // namespace
}  // namespace firth::schema
