// Goal: comparing key bytes compares the rows, and keys can be read back. Method: random rows of
// every sortable type, each pair compared by an order that is written out here on its own.
#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "firth/schema/key.h"
#include "firth/schema/testing_data.h"

namespace firth::schema {
namespace {

template <typename T>
int Compare(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

template <typename T>
int CompareFloats(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return Compare<int>(std::isnan(a), std::isnan(b));
  return Compare(a, b);
}

template <typename ArrayType>
int CompareViews(const arrow::Array& array, int64_t i, int64_t k) {
  const auto& typed = static_cast<const ArrayType&>(array);
  return Compare(std::string(typed.GetView(i)), std::string(typed.GetView(k)));  // unsigned bytes
}

template <typename C>
int CompareNumbers(const arrow::Array& array, int64_t i, int64_t k) {
  const C* values = array.data()->GetValues<C>(1);
  if constexpr (std::is_floating_point_v<C>) return CompareFloats(values[i], values[k]);
  return Compare(values[i], values[k]);
}

template <typename Decimal>
int CompareDecimals(const arrow::Array& array, int64_t i, int64_t k) {
  const auto& typed = static_cast<const arrow::FixedSizeBinaryArray&>(array);
  return Compare(Decimal(typed.GetValue(i)), Decimal(typed.GetValue(k)));
}

int CompareAt(const arrow::Array& array, int64_t i, int64_t k) {
  if (array.IsNull(i) || array.IsNull(k)) return Compare<int>(array.IsValid(i), array.IsValid(k));
  switch (array.type_id()) {
    case arrow::Type::BOOL: {
      const auto& typed = static_cast<const arrow::BooleanArray&>(array);
      return Compare<int>(typed.Value(i), typed.Value(k));
    }
    case arrow::Type::INT8:
      return CompareNumbers<int8_t>(array, i, k);
    case arrow::Type::INT16:
      return CompareNumbers<int16_t>(array, i, k);
    case arrow::Type::INT32:
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
      return CompareNumbers<int32_t>(array, i, k);
    case arrow::Type::UINT8:
      return CompareNumbers<uint8_t>(array, i, k);
    case arrow::Type::UINT16:
      return CompareNumbers<uint16_t>(array, i, k);
    case arrow::Type::UINT32:
      return CompareNumbers<uint32_t>(array, i, k);
    case arrow::Type::UINT64:
      return CompareNumbers<uint64_t>(array, i, k);
    case arrow::Type::FLOAT:
      return CompareNumbers<float>(array, i, k);
    case arrow::Type::DOUBLE:
      return CompareNumbers<double>(array, i, k);
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return CompareViews<arrow::BinaryArray>(array, i, k);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return CompareViews<arrow::LargeBinaryArray>(array, i, k);
    case arrow::Type::FIXED_SIZE_BINARY:
      return CompareViews<arrow::FixedSizeBinaryArray>(array, i, k);
    case arrow::Type::DECIMAL32:
      return CompareDecimals<arrow::Decimal32>(array, i, k);
    case arrow::Type::DECIMAL64:
      return CompareDecimals<arrow::Decimal64>(array, i, k);
    case arrow::Type::DECIMAL128:
      return CompareDecimals<arrow::Decimal128>(array, i, k);
    case arrow::Type::DECIMAL256:
      return CompareDecimals<arrow::Decimal256>(array, i, k);
    default:
      return CompareNumbers<int64_t>(array, i, k);
  }
}

int CompareRows(const arrow::ArrayVector& columns, int64_t i, int64_t k) {
  for (const auto& column : columns) {
    if (const int order = CompareAt(*column, i, k); order != 0) return order;
  }
  return 0;
}

struct Sample {
  std::vector<std::shared_ptr<arrow::DataType>> types;
  arrow::ArrayVector columns;
};

Sample AnySample(DataMaker* maker, int64_t rows) {
  Sample sample;
  for (int i = 0; i < *rc::gen::inRange(1, 4); ++i) {
    sample.types.push_back(maker->FlatType());
    sample.columns.push_back(maker->Column(*arrow::field("k", sample.types.back()), rows));
  }
  return sample;
}

RC_GTEST_PROP(KeyPropertyTest, BytesSortAsRowsDo, (uint64_t seed)) {
  DataMaker maker(seed);
  const Sample sample = AnySample(&maker, 25);
  const auto encoder = KeyEncoder::Make(sample.types).ValueOrDie();
  std::vector<std::string> keys;
  RC_ASSERT(encoder.Encode(sample.columns, &keys).ok());
  RC_ASSERT(keys.size() == 25u);
  for (int64_t i = 0; i < 25; ++i) {
    for (int64_t k = 0; k < 25; ++k) {
      const auto& a = keys[static_cast<size_t>(i)];
      const auto& b = keys[static_cast<size_t>(k)];
      RC_ASSERT(CompareRows(sample.columns, i, k) == Compare(a, b));
      RC_ASSERT(a == b || !b.starts_with(a));
    }
  }
}

RC_GTEST_PROP(KeyPropertyTest, KeysComeBackAsTheyWere, (uint64_t seed)) {
  DataMaker maker(seed);
  const Sample sample = AnySample(&maker, 10);
  const auto encoder = KeyEncoder::Make(sample.types).ValueOrDie();
  std::vector<std::string> keys;
  RC_ASSERT(encoder.Encode(sample.columns, &keys).ok());
  for (size_t i = 0; i < keys.size(); ++i) {
    std::vector<std::shared_ptr<arrow::Scalar>> scalars;
    for (const auto& column : sample.columns) {
      scalars.push_back(column->GetScalar(static_cast<int64_t>(i)).ValueOrDie());
    }
    std::string key;
    RC_ASSERT(encoder.EncodeScalars(scalars, &key).ok());
    RC_ASSERT(key == keys[i]);
    const auto again = encoder.Decode(key);
    if (!again.ok()) RC_FAIL(again.status().ToString());
    const auto equal = arrow::EqualOptions::Defaults().nans_equal(true);
    for (size_t c = 0; c < scalars.size(); ++c) {
      RC_ASSERT((*again)[c]->ValidateFull().ok());
      RC_ASSERT((*again)[c]->Equals(*scalars[c], equal));
    }
  }
}

RC_GTEST_PROP(KeyPropertyTest, DamagedKeysHarmNobody, (uint64_t seed)) {
  DataMaker maker(seed);
  const Sample sample = AnySample(&maker, 5);
  const auto encoder = KeyEncoder::Make(sample.types).ValueOrDie();
  std::vector<std::string> keys;
  RC_ASSERT(encoder.Encode(sample.columns, &keys).ok());
  for (std::string key : keys) {
    for (int i = 0; i < 20; ++i) {
      const size_t at = maker.Below(key.size());
      std::string damaged = key;
      damaged[at] = static_cast<char>(maker.Below(256));
      if (maker.OneIn(4)) damaged.resize(at);
      const auto values = encoder.Decode(damaged);
      if (!values.ok()) continue;
      std::string again;
      RC_ASSERT(encoder.EncodeScalars(*values, &again).ok());
      RC_ASSERT(again == damaged);
      for (const auto& value : *values) RC_ASSERT(value->ValidateFull().ok());
    }
  }
}

}  // namespace
}  // namespace firth::schema
