#include "firth/catalog/text_form.h"

#include <array>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "firth/common/json_number.h"

namespace firth::catalog {
namespace {

using nlohmann::json;

// Numbers of enumerations are not stored: their names are.
template <typename Enum>
using Name = std::pair<Enum, std::string_view>;

constexpr std::array<Name<MergeRule>, 5> kMergeNames = {{{MergeRule::kNone, "none"},
                                                         {MergeRule::kLastWrite, "last_write"},
                                                         {MergeRule::kFirst, "first"},
                                                         {MergeRule::kGreatest, "greatest"},
                                                         {MergeRule::kAggregate, "aggregate"}}};
constexpr std::array<Name<LogImage>, 3> kImageNames = {
    {{LogImage::kFull, "full"}, {LogImage::kAfter, "after"}, {LogImage::kInput, "input"}}};
constexpr std::array<Name<LifetimeBy>, 3> kByNames = {{{LifetimeBy::kCommitTime, "commit_time"},
                                                       {LifetimeBy::kRecordTime, "record_time"},
                                                       {LifetimeBy::kColumn, "column"}}};
constexpr std::array<Name<View>, 3> kViewNames = {
    {{kKeyView, "key"}, {kTimeView, "time"}, {kLakeView, "lake"}}};

template <typename Enum, size_t count>
std::string_view NameOf(const std::array<Name<Enum>, count>& names, Enum value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) return name;
  }
  FIRTH_CHECK(false);  // an enumerator without a name
}

template <typename Enum, size_t count>
Enum ValueOf(const std::array<Name<Enum>, count>& names, const std::string& name) {
  for (const auto& [value, candidate] : names) {
    if (candidate == name) return value;
  }
  throw std::runtime_error("unknown word '" + name.substr(0, 64) + "'");
}

json LifetimeToJson(const Lifetime& lifetime) {
  json out = {{"by", NameOf(kByNames, lifetime.by)}};
  if (lifetime.duration_ns) out["duration_ns"] = *lifetime.duration_ns;
  if (lifetime.bytes) out["bytes"] = *lifetime.bytes;
  if (!lifetime.column.empty()) out["column"] = lifetime.column;
  return out;
}

Lifetime LifetimeFromJson(const json& in) {
  Lifetime lifetime;
  lifetime.by = ValueOf(kByNames, in.at("by").get<std::string>());
  if (in.contains("duration_ns")) lifetime.duration_ns = WholeNumber<int64_t>(in["duration_ns"]);
  if (in.contains("bytes")) lifetime.bytes = WholeNumber<int64_t>(in["bytes"]);
  if (in.contains("column")) lifetime.column = in["column"].get<std::string>();
  return lifetime;
}

json ViewsToJson(uint32_t views) {
  json out = json::array();
  for (const auto& [view, name] : kViewNames) {
    if ((views & view) != 0) out.push_back(name);
    views &= ~static_cast<uint32_t>(view);
  }
  FIRTH_CHECK(views == 0);  // a view without a name
  return out;
}

EditionSpec SpecFromJson(const json& in) {
  EditionSpec spec;
  in.at("key").get_to(spec.key);
  in.at("order").get_to(spec.order);
  in.at("time_column").get_to(spec.time_column);
  in.at("partition_by").get_to(spec.partition_by);
  in.at("bucket_by").get_to(spec.bucket_by);
  spec.bucket_count = WholeNumber<int32_t>(in.at("bucket_count"));
  spec.merge = ValueOf(kMergeNames, in.at("merge").get<std::string>());
  in.at("merge_columns").get_to(spec.merge_columns);
  in.at("aggregates").get_to(spec.aggregates);
  spec.image = ValueOf(kImageNames, in.at("image").get<std::string>());
  in.at("ignore_deletes").get_to(spec.ignore_deletes);
  in.at("refuse_deletes").get_to(spec.refuse_deletes);
  spec.log_lifetime = LifetimeFromJson(in.at("log_lifetime"));
  spec.key_lifetime = LifetimeFromJson(in.at("key_lifetime"));
  spec.lake_lifetime = LifetimeFromJson(in.at("lake_lifetime"));
  for (const auto& view : in.at("views")) {
    spec.views |= static_cast<uint32_t>(ValueOf(kViewNames, view.get<std::string>()));
  }
  in.at("compression").get_to(spec.compression);
  in.at("series_by").get_to(spec.series_by);
  in.at("values").get_to(spec.values);
  return spec;
}

// nlohmann::json throws; nothing leaves this file but a Status.
Result<std::string> Dump(const json& value, Reason reason, const char* what) {
  try {
    return value.dump();
  } catch (const std::exception&) {
    return Error(Code::kInvalidArgument, reason, std::string(what) + " must be UTF-8 text");
  }
}

template <typename Decode>
auto Decoded(std::string_view text, const char* what, Decode decode)
    -> Result<decltype(decode(json()))> {
  try {
    return decode(json::parse(text));
  } catch (const std::exception& error) {
    return Error(
        Code::kDataLoss, Reason::kNone,
        std::string("the catalog holds ") + what + " that cannot be read: " + error.what());
  }
}

}  // namespace

Result<std::string> EncodeSpec(const EditionSpec& spec) {
  const json out = {
      {"version", kSpecVersion},
      {"key", spec.key},
      {"order", spec.order},
      {"time_column", spec.time_column},
      {"partition_by", spec.partition_by},
      {"bucket_by", spec.bucket_by},
      {"bucket_count", spec.bucket_count},
      {"merge", NameOf(kMergeNames, spec.merge)},
      {"merge_columns", spec.merge_columns},
      {"aggregates", spec.aggregates},
      {"image", NameOf(kImageNames, spec.image)},
      {"ignore_deletes", spec.ignore_deletes},
      {"refuse_deletes", spec.refuse_deletes},
      {"log_lifetime", LifetimeToJson(spec.log_lifetime)},
      {"key_lifetime", LifetimeToJson(spec.key_lifetime)},
      {"lake_lifetime", LifetimeToJson(spec.lake_lifetime)},
      {"views", ViewsToJson(spec.views)},
      {"compression", spec.compression},
      {"series_by", spec.series_by},
      {"values", spec.values},
  };
  return Dump(out, Reason::kInvalidProperty, "the definition of an edition");
}

Result<EditionSpec> DecodeSpec(std::string_view text) {
  constexpr char kWhat[] = "the definition of an edition";
  ARROW_ASSIGN_OR_RAISE(const int version, Decoded(text, kWhat, [](const json& in) {
                          return WholeNumber<int>(in.at("version"));
                        }));
  if (version != kSpecVersion) {
    return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                 "the definition of an edition has version " + std::to_string(version) +
                     ", but this program reads version " + std::to_string(kSpecVersion));
  }
  return Decoded(text, kWhat, SpecFromJson);
}

Result<std::string> EncodeAttributes(const Attributes& attributes) {
  return Dump(json(attributes), Reason::kInvalidProperty, "attributes");
}

Result<Attributes> DecodeAttributes(std::string_view text) {
  return Decoded(text, "attributes", [](const json& in) { return in.get<Attributes>(); });
}

Result<std::string> EncodeValues(const std::vector<std::string>& values) {
  return Dump(json(values), Reason::kInvalidPartition, "the values of a partition");
}

Result<std::vector<std::string>> DecodeValues(std::string_view text) {
  return Decoded(text, "the values of a partition",
                 [](const json& in) { return in.get<std::vector<std::string>>(); });
}

}  // namespace firth::catalog
