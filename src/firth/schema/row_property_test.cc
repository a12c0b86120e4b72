// Goal: any rows survive the compact layout, and no bytes harm its reader. Method: random schemas
// of every type and rows with extremes, then the same rows damaged in random places.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "firth/schema/row.h"
#include "firth/schema/testing_data.h"

namespace firth::schema {
namespace {

struct Sample {
  std::shared_ptr<const RowCodec> codec;
  std::shared_ptr<arrow::RecordBatch> batch;
  std::vector<std::string> rows;
};

std::vector<std::string_view> Views(const std::vector<std::string>& rows) {
  return {rows.begin(), rows.end()};
}

Sample AnySample(DataMaker* maker) {
  Sample sample;
  const auto schema = maker->Schema(*rc::gen::inRange(1, 20), *rc::gen::inRange(0, 5));
  sample.codec = RowCodec::Make(schema).ValueOrDie();
  sample.batch = maker->Batch(schema, *rc::gen::inRange(0, 30));
  RC_ASSERT(sample.batch->ValidateFull().ok());
  const Status status = sample.codec->Encode(*sample.batch, &sample.rows);
  if (!status.ok()) RC_FAIL(status.ToString());
  return sample;
}

/// Whatever `rows` are, decoding gives a valid batch or one of the two errors.
std::shared_ptr<arrow::RecordBatch> DecodeHostile(const RowCodec& codec,
                                                  const std::vector<std::string_view>& rows) {
  const auto batch = codec.Decode(rows);
  if (!batch.ok()) {
    RC_ASSERT(ReasonOf(batch.status()) == Reason::kCorruptBatch ||
              ReasonOf(batch.status()) == Reason::kBatchTooLarge);
    return nullptr;
  }
  const Status valid = (*batch)->ValidateFull();
  if (!valid.ok()) RC_FAIL(valid.ToString());
  return *batch;
}

RC_GTEST_PROP(RowPropertyTest, RowsComeBackAsTheyWere, (uint64_t seed)) {
  DataMaker maker(seed, /*rows_only=*/true);
  const Sample sample = AnySample(&maker);
  const auto again = sample.codec->Decode(Views(sample.rows));
  if (!again.ok()) RC_FAIL(again.status().ToString());
  RC_ASSERT((*again)->ValidateFull().ok());
  RC_ASSERT(SameColumns(**again, *sample.batch));
}

RC_GTEST_PROP(RowPropertyTest, ARowHasOneSpelling, (uint64_t seed)) {
  DataMaker maker(seed, /*rows_only=*/true);
  const Sample sample = AnySample(&maker);
  std::vector<std::string> again;
  RC_ASSERT(
      sample.codec->Encode(*sample.codec->Decode(Views(sample.rows)).ValueOrDie(), &again).ok());
  RC_ASSERT(again == sample.rows);
}

RC_GTEST_PROP(RowPropertyTest, SplitAndJoinAreInverse, (uint64_t seed)) {
  DataMaker maker(seed, /*rows_only=*/true);
  const Sample sample = AnySample(&maker);
  for (const std::string& row : sample.rows) {
    RC_ASSERT(sample.codec->Check(row).ok());
    std::vector<std::string_view> columns;
    std::vector<bool> null;
    RC_ASSERT(sample.codec->Split(row, &columns, &null).ok());
    RC_ASSERT(sample.codec->Join(columns, null) == row);
  }
}

RC_GTEST_PROP(RowPropertyTest, CheckAcceptsWhatDecodeAccepts, (uint64_t seed)) {
  DataMaker maker(seed, /*rows_only=*/true);
  const Sample sample = AnySample(&maker);
  for (std::string row : sample.rows) {
    for (int damage = 0; damage < 20; ++damage) {
      std::string damaged = row;
      for (uint64_t i = maker.Below(3); i < 3 && !damaged.empty(); ++i) {
        const size_t at = maker.Below(damaged.size());
        switch (maker.Below(4)) {
          case 0:
            damaged.resize(at);
            break;
          case 1:
            damaged.insert(at, maker.Bytes(1 + maker.Below(8)));
            break;
          default:
            damaged[at] = static_cast<char>(maker.OneIn(2) ? maker.Below(256)
                                                           : damaged[at] ^ (1 << maker.Below(8)));
        }
      }
      const auto batch = DecodeHostile(*sample.codec, {damaged});
      RC_ASSERT(sample.codec->Check(damaged).ok() == (batch != nullptr));
      if (batch != nullptr) {
        // What could be read can be written, and then reads the same.
        std::vector<std::string> rows;
        const Status status = sample.codec->Encode(*batch, &rows);
        if (!status.ok()) RC_FAIL(status.ToString());
        RC_ASSERT(SameColumns(*sample.codec->Decode(Views(rows)).ValueOrDie(), *batch));
      }
    }
  }
}

RC_GTEST_PROP(RowPropertyTest, NoiseHarmsNobody, (uint64_t seed)) {
  DataMaker maker(seed);
  const auto codec =
      RowCodec::Make(maker.Schema(*rc::gen::inRange(1, 12), *rc::gen::inRange(0, 5))).ValueOrDie();
  std::vector<std::string> rows;
  for (int i = 0; i < 20; ++i) {
    rows.push_back(maker.Bytes(maker.Below(60)));
    // Mostly zeros get further than noise does.
    for (char& c : rows.back()) c = maker.OneIn(2) ? c : '\0';
  }
  DecodeHostile(*codec, Views(rows));
  for (const std::string& row : rows) {
    RC_ASSERT(codec->Check(row).ok() == (DecodeHostile(*codec, {row}) != nullptr));
  }
}

RC_GTEST_PROP(RowPropertyTest, KeysAreTheValuesOfARow, (uint64_t seed)) {
  DataMaker maker(seed, /*rows_only=*/true);
  arrow::FieldVector fields;
  std::vector<int> columns;
  for (int i = 0; i < *rc::gen::inRange(1, 8); ++i) {
    fields.push_back(arrow::field("k" + std::to_string(i), maker.FlatType(), false));
    columns.push_back(i);
  }
  const auto schema = arrow::schema(std::move(fields));
  const auto batch = maker.Batch(schema, 10);
  std::vector<std::string> rows;
  RC_ASSERT(RowCodec::Make(schema).ValueOrDie()->Encode(*batch, &rows).ok());
  std::vector<std::string> keys;
  RC_ASSERT(AppendCompactKey(*batch, columns, &keys).ok());
  for (size_t i = 0; i < rows.size(); ++i) RC_ASSERT(rows[i].substr(1) == keys[i]);
}

}  // namespace
}  // namespace firth::schema
