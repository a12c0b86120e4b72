#include "firth/doors/aws/regions.h"

#include <arrow/scalar.h>
#include <fmt/format.h>

#include <algorithm>

#include "firth/common/text.h"
#include "firth/doors/aws/digests.h"
#include "firth/schema/key.h"

namespace firth::doors::aws {
namespace {

using arrow::Type;

constexpr char kBase64Flag[] = "stringsBase64Encoded";

Status Invalid(std::string why) {
  return Error(Code::kInvalidArgument, Reason::kBadValue, std::move(why));
}

Result<std::shared_ptr<arrow::Scalar>> NumberOf(const json& value, const ShapeField& field) {
  const auto wrong = [&] {
    return Invalid(fmt::format("key \"{}\": {} is no {} number", field.name,
                               JsonText(value).substr(0, 64),
                               field.type->id() == Type::INT32 ? "Int" : "Long"));
  };
  int64_t number = 0;
  if (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX}) return wrong();
  if (value.is_number_integer()) {
    number = value.get<int64_t>();
  } else if (value.is_string()) {
    const auto parsed = ParseInt64(value.get<std::string>());
    if (!parsed.ok()) return wrong();
    number = *parsed;
  } else {
    return wrong();
  }
  if (field.type->id() == Type::INT64) return std::make_shared<arrow::Int64Scalar>(number);
  if (number < INT32_MIN || number > INT32_MAX) return wrong();
  return std::make_shared<arrow::Int32Scalar>(static_cast<int32_t>(number));
}

/// A bound as the bytes of a key.
Result<std::string> KeyOf(const json& value, const ShapeField& field, bool base64) {
  std::shared_ptr<arrow::Scalar> scalar;
  if (field.type->id() == Type::INT32 || field.type->id() == Type::INT64) {
    ARROW_ASSIGN_OR_RAISE(scalar, NumberOf(value, field));
  } else {
    if (!value.is_string()) {
      return Invalid(fmt::format("key \"{}\": a bound is to be a text, not {}", field.name,
                                 JsonText(value).substr(0, 64)));
    }
    std::string text = value.get<std::string>();
    const bool bytes = field.type->id() == Type::BINARY;
    if (bytes || base64) {
      auto decoded = FromBase64(text);
      if (!decoded.ok() || (!bytes && !IsUtf8(*decoded))) {
        return Invalid(fmt::format("key \"{}\": a bound is to be base64{}", field.name,
                                   bytes ? "" : " of UTF-8"));
      }
      text = std::move(*decoded);
    }
    if (bytes) {
      scalar = std::make_shared<arrow::BinaryScalar>(arrow::Buffer::FromString(std::move(text)));
    } else {
      scalar = std::make_shared<arrow::StringScalar>(std::move(text));
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto encoder, schema::KeyEncoder::Make({field.type}));
  std::string key;
  ARROW_RETURN_NOT_OK(encoder.EncodeScalars({scalar}, &key));
  return key;
}

Result<bool> Flag(const json& range, const char* name, bool otherwise) {
  const auto found = range.find(name);
  if (found == range.end() || found->is_null()) return otherwise;
  if (!found->is_boolean()) return Invalid(fmt::format("\"{}\" is true or false", name));
  return found->get<bool>();
}

Result<KeyRange> ReadRange(const json& range, const ShapeField& field, bool base64) {
  if (!range.is_object()) {
    return Invalid(fmt::format("key \"{}\": a range is to be an object", field.name));
  }
  if (!range.contains("min") || range["min"].is_null()) {
    return Invalid(fmt::format("key \"{}\": a range has a min", field.name));
  }
  KeyRange out;
  ARROW_ASSIGN_OR_RAISE(out.min, KeyOf(range["min"], field, base64));
  ARROW_ASSIGN_OR_RAISE(out.min_inclusive, Flag(range, "minInclusive", true));
  ARROW_ASSIGN_OR_RAISE(out.max_inclusive, Flag(range, "maxInclusive", false));
  if (range.contains("max") && !range["max"].is_null()) {
    ARROW_ASSIGN_OR_RAISE(out.max, KeyOf(range["max"], field, base64));
    if (*out.max < out.min) {
      return Invalid(fmt::format("key \"{}\": min is above max", field.name));
    }
  }
  return out;
}

}  // namespace

Result<RegionSet> RegionSet::Read(const json& list, const TableShape& shape) {
  if (!list.is_array() || list.empty()) return Invalid("regions is to be a list with a region");
  RegionSet set;
  for (int i = 0; i < shape.row_keys; ++i) {
    set.types_.push_back(shape.fields[static_cast<size_t>(i)].type);
  }
  std::vector<Region> regions;
  for (const json& one : list) {
    if (!one.is_object()) return Invalid("a region is to be an object");
    ARROW_ASSIGN_OR_RAISE(const bool base64, Flag(one, kBase64Flag, true));
    Region region;
    bool empty = false;
    for (const auto& [name, range] : one.items()) {
      if (name == kBase64Flag) continue;
      const ShapeField* field = shape.FindRowKey(name);
      if (field == nullptr) {
        return Invalid(fmt::format("Key \"{}\" was not a row key field in the table schema",
                                   name.substr(0, 64)));
      }
      ARROW_ASSIGN_OR_RAISE(KeyRange read, ReadRange(range, *field, base64));
      empty = empty || read.IsEmpty();
      region.emplace(static_cast<int>(field - shape.fields.data()), std::move(read));
    }
    if (empty) continue;
    if (region.empty()) set.takes_all_ = true;
    regions.push_back(std::move(region));
  }
  if (!set.takes_all_) {
    set.AddSpans(regions);
    set.Add(std::move(regions));
  }
  return set;
}

void RegionSet::AddSpans(const std::vector<Region>& regions) {
  std::vector<std::pair<std::string, std::string>> spans;
  for (const Region& region : regions) {
    const auto first = region.find(0);
    if (first == region.end()) return;
    const KeyRange& range = first->second;
    spans.emplace_back(range.min, range.max.has_value() ? schema::PrefixEnd(*range.max) : "");
  }
  std::sort(spans.begin(), spans.end());
  for (auto& [from, to] : spans) {
    if (!spans_.empty() && (spans_.back().second.empty() || from <= spans_.back().second)) {
      std::string& end = spans_.back().second;
      if (!end.empty() && (to.empty() || to > end)) end = to;
    } else {
      spans_.emplace_back(std::move(from), std::move(to));
    }
  }
}

void RegionSet::MergeRanges(std::vector<KeyRange>* ranges) {
  std::sort(ranges->begin(), ranges->end(), [](const KeyRange& a, const KeyRange& b) {
    return a.min != b.min ? a.min < b.min : a.min_inclusive && !b.min_inclusive;
  });
  std::vector<KeyRange> merged;
  for (KeyRange& range : *ranges) {
    if (!merged.empty()) {
      KeyRange& last = merged.back();
      const bool touches = !last.max.has_value() || range.min < *last.max ||
                           (range.min == *last.max && (last.max_inclusive || range.min_inclusive));
      if (touches) {
        if (!last.max.has_value()) continue;
        if (!range.max.has_value() || *range.max > *last.max) {
          last.max = range.max;
          last.max_inclusive = range.max_inclusive;
        } else if (*range.max == *last.max) {
          last.max_inclusive = last.max_inclusive || range.max_inclusive;
        }
        continue;
      }
    }
    merged.push_back(std::move(range));
  }
  *ranges = std::move(merged);
}

void RegionSet::Add(std::vector<Region> regions) {
  std::map<std::vector<int>, std::vector<Region>> by_bound;
  for (Region& region : regions) {
    std::vector<int> bound;
    for (const auto& [key, range] : region) bound.push_back(key);
    by_bound[bound].push_back(std::move(region));
  }
  for (auto& [bound, members] : by_bound) {
    Group group{.bound = bound};
    for (Region& region : members) {
      if (bound.size() == 1) {
        group.merged.push_back(std::move(region.begin()->second));
        continue;
      }
      const bool points = std::all_of(region.begin(), region.end(),
                                      [](const auto& one) { return one.second.IsPoint(); });
      if (points) {
        std::string joined;
        for (const auto& [key, range] : region) joined += range.min;  // no key begins another
        group.points.push_back(std::move(joined));
      } else {
        group.boxes.push_back(std::move(region));
      }
    }
    MergeRanges(&group.merged);
    std::sort(group.points.begin(), group.points.end());
    std::sort(group.boxes.begin(), group.boxes.end(), [](const Region& a, const Region& b) {
      return a.begin()->second.min < b.begin()->second.min;
    });
    std::string max;
    bool unbounded = false;
    for (const Region& box : group.boxes) {
      const KeyRange& range = box.begin()->second;
      unbounded = unbounded || !range.max.has_value();
      if (range.max.has_value()) max = std::max(max, *range.max);
      group.max_so_far.push_back(max);
      group.unbounded_so_far.push_back(unbounded);
    }
    groups_.push_back(std::move(group));
  }
}

bool RegionSet::TakenBy(const Group& group, const std::vector<const std::string*>& keys) const {
  const std::string& first = *keys[static_cast<size_t>(group.bound.front())];
  if (!group.merged.empty()) {
    auto at = std::upper_bound(
        group.merged.begin(), group.merged.end(), first,
        [](const std::string& key, const KeyRange& range) { return key < range.min; });
    if (at == group.merged.begin()) return false;
    return std::prev(at)->Holds(first);
  }
  if (!group.points.empty()) {
    std::string joined;
    for (const int key : group.bound) joined += *keys[static_cast<size_t>(key)];
    if (std::binary_search(group.points.begin(), group.points.end(), joined)) return true;
  }
  const auto end = std::upper_bound(
      group.boxes.begin(), group.boxes.end(), first,
      [](const std::string& key, const Region& box) { return key < box.begin()->second.min; });
  for (auto i = static_cast<size_t>(end - group.boxes.begin()); i-- > 0;) {
    if (!group.unbounded_so_far[i] && group.max_so_far[i] < first) break;  // nor does any before it
    const Region& box = group.boxes[i];
    const bool holds = std::all_of(box.begin(), box.end(), [&](const auto& one) {
      return one.second.Holds(*keys[static_cast<size_t>(one.first)]);
    });
    if (holds) return true;
  }
  return false;
}

Result<std::vector<int64_t>> RegionSet::Take(
    const std::vector<std::shared_ptr<arrow::Array>>& columns) const {
  const int64_t rows = columns.empty() ? 0 : columns.front()->length();
  std::vector<int64_t> taken;
  if (takes_all_) {
    for (int64_t i = 0; i < rows; ++i) taken.push_back(i);
    return taken;
  }
  if (groups_.empty()) return taken;
  std::vector<std::vector<std::string>> encoded(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool bound = std::any_of(groups_.begin(), groups_.end(), [i](const Group& group) {
      return std::find(group.bound.begin(), group.bound.end(), static_cast<int>(i)) !=
             group.bound.end();
    });
    if (!bound) continue;
    ARROW_ASSIGN_OR_RAISE(const auto encoder, schema::KeyEncoder::Make({types_[i]}));
    ARROW_RETURN_NOT_OK(encoder.Encode({columns[i]}, &encoded[i]));
  }
  std::vector<const std::string*> keys(columns.size(), nullptr);
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (!encoded[i].empty()) keys[i] = &encoded[i][static_cast<size_t>(row)];
    }
    for (const Group& group : groups_) {
      if (TakenBy(group, keys)) {
        taken.push_back(row);
        break;
      }
    }
  }
  return taken;
}

}  // namespace firth::doors::aws
