#include "firth/format/json_inference.h"

#include <arrow/util/value_parsing.h>

#include <algorithm>
#include <utility>

#include "firth/format/json_value.h"
#include "firth/schema/schema.h"

namespace firth::format {
namespace {

enum Seen : uint32_t {
  kBool = 1,
  kNegative = 2,
  kInt = 4,     // fits int64
  kBigInt = 8,  // fits only uint64
  kDouble = 16,
  kDate = 32,
  kNaive = 64,  // timestamps without a zone
  kZoned = 128,
  kText = 256,
  kList = 512,
  kStruct = 1024,
};

}  // namespace

struct JsonInference::Member {
  std::string name;
  JsonInference value;
};

JsonInference::JsonInference() = default;
JsonInference::~JsonInference() = default;
JsonInference::JsonInference(JsonInference&&) noexcept = default;
JsonInference& JsonInference::operator=(JsonInference&&) noexcept = default;

Status JsonInference::SeeString(std::string_view text) {
  arrow::Date32Type::c_type date = 0;
  if (arrow::internal::ParseValue<arrow::Date32Type>(text.data(), text.size(), &date)) {
    seen_ |= kDate;
    return Status::OK();
  }
  int64_t value = 0;
  bool zoned = false;
  // Of the units the finest has the shortest span; a time outside of it stays text.
  if (text.size() < 12 || !arrow::internal::ParseTimestampISO8601(
                              text.data(), text.size(), arrow::TimeUnit::NANO, &value, &zoned)) {
    seen_ |= kText;
    return Status::OK();
  }
  seen_ |= zoned ? kZoned : kNaive;
  const size_t point = text.find('.');
  if (point != std::string_view::npos) {
    const size_t end = text.find_first_not_of("0123456789", point + 1);
    const size_t digits = std::min(end, text.size()) - point - 1;
    fraction_digits_ = std::max(fraction_digits_, static_cast<int>(digits));
  }
  return Status::OK();
}

Status JsonInference::SeeObject(json::Value& value, int depth) {
  json::Object object;
  if (const auto code = value.value.get_object().get(object)) return json::Bad(code);
  size_t expected = 0;
  for (auto member : object) {
    std::string_view name;
    if (const auto code = member.unescaped_key().get(name)) return json::Bad(code);
    size_t at = expected;
    if (at >= members_.size() || members_[at].name != name) {
      const auto found = std::find_if(members_.begin(), members_.end(),
                                      [&](const Member& m) { return m.name == name; });
      at = static_cast<size_t>(found - members_.begin());
      if (found == members_.end()) {
        if (members_.size() >= static_cast<size_t>(schema::kColumnsMax)) {
          return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                       "the objects have more than " + std::to_string(schema::kColumnsMax) +
                           " different members");
        }
        members_.push_back({std::string(name), JsonInference()});
      }
    }
    expected = at + 1;
    json::Value inner;
    if (const auto code = member.value().get(inner.value)) return json::Bad(code);
    ARROW_RETURN_NOT_OK(members_[at].value.See(inner, depth + 1));
  }
  return Status::OK();
}

Status JsonInference::See(json::Value& value, int depth) {
  if (depth > schema::kNestingMax) {
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "the JSON is nested more than " + std::to_string(schema::kNestingMax) + " deep");
  }
  json::Type found{};
  if (const auto code = value.value.type().get(found)) return json::Bad(code);
  switch (found) {
    case json::Type::null:
      return Status::OK();
    case json::Type::boolean:
      seen_ |= kBool;
      return Status::OK();
    case json::Type::number: {
      int64_t whole = 0;
      uint64_t big = 0;
      if (value.value.get_int64().get(whole) == simdjson::SUCCESS) {
        seen_ |= whole < 0 ? kInt | kNegative : kInt;
      } else if (value.value.get_uint64().get(big) == simdjson::SUCCESS) {
        seen_ |= kBigInt;
      } else {
        seen_ |= kDouble;
      }
      return Status::OK();
    }
    case json::Type::string: {
      std::string_view text;
      if (const auto code = value.value.get_string().get(text)) return json::Bad(code);
      return SeeString(text);
    }
    case json::Type::array: {
      seen_ |= kList;
      if (items_ == nullptr) items_ = std::make_unique<JsonInference>();
      json::Array items;
      if (const auto code = value.value.get_array().get(items)) return json::Bad(code);
      for (auto item : items) {
        json::Value inner;
        if (const auto code = item.get(inner.value)) return json::Bad(code);
        ARROW_RETURN_NOT_OK(items_->See(inner, depth + 1));
      }
      return Status::OK();
    }
    case json::Type::object:
      seen_ |= kStruct;
      return SeeObject(value, depth);
  }
  return Status::OK();
}

std::shared_ptr<arrow::DataType> JsonInference::Type() const {
  if (seen_ == kBool) return arrow::boolean();
  if (seen_ == kDate) return arrow::date32();
  if (seen_ == kList) return arrow::list(items_->Type());
  if (seen_ == kStruct && !members_.empty()) {
    arrow::FieldVector fields;
    for (const auto& member : members_) {
      fields.push_back(arrow::field(member.name, member.value.Type()));
    }
    return arrow::struct_(std::move(fields));
  }
  constexpr uint32_t kNumbers = kNegative | kInt | kBigInt | kDouble;
  if (seen_ != 0 && (seen_ & ~kNumbers) == 0) {
    if ((seen_ & (kDouble | kBigInt)) == 0) return arrow::int64();
    if ((seen_ & (kDouble | kNegative)) == 0) return arrow::uint64();
    return arrow::float64();
  }
  const auto unit = fraction_digits_ > 6 ? arrow::TimeUnit::NANO : arrow::TimeUnit::MICRO;
  if (seen_ == kZoned) return arrow::timestamp(unit, "UTC");
  if (seen_ == kNaive || seen_ == (kNaive | kDate)) return arrow::timestamp(unit);
  return arrow::utf8();
}

}  // namespace firth::format
