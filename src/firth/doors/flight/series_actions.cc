// Series of collections, and the numeric columns of tables.
#include "firth/doors/flight/series_actions.h"

#include <arrow/scalar.h>

#include <algorithm>
#include <vector>

#include "firth/common/text.h"
#include "firth/doors/flight/duration_text.h"
#include "firth/doors/flight/fields.h"
#include "firth/table/series.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

constexpr int64_t kWindowsMax = 100'000;
constexpr int64_t kWindowsOtherwise = 20;

std::string NameOf(const table::SeriesInfo& series) {
  const auto found = series.tags.find("name");
  return found == series.tags.end() ? "" : found->second;
}

json SeriesToJson(const table::SeriesInfo& series) {
  json annotations = json::object();
  for (const auto& [key, value] : series.annotations) {
    annotations[key] = value.has_value() ? json(*value) : json(nullptr);
  }
  return {{"id", UuidToText(series.id.view())},
          {"path", series.collection.ToString()},
          {"name", NameOf(series)},
          {"tags", series.tags},
          {"annotations", annotations}};
}

/// The series of a path that a name, or an id, tells; the only one there is without.
Result<table::SeriesPtr> FindSeries(const Request& request, const Path& path,
                                    const std::string& name) {
  ARROW_ASSIGN_OR_RAISE(auto found,
                        request.database->series()->Find(request.caller, {.collection = path}));
  std::string names;
  for (const auto& series : found) names += (names.empty() ? "" : ", ") + NameOf(*series);
  if (!name.empty()) {
    std::erase_if(found, [&](const auto& series) {
      return NameOf(*series) != name && UuidToText(series->id.view()) != name;
    });
  }
  if (found.size() == 1) return found[0];
  return Error(Code::kNotFound, Reason::kSeriesNotFound,
               "'" + path.ToString() + "' has " + (found.empty() ? "no" : "more than one") +
                   " such series; its series are: " + (names.empty() ? "none" : names));
}

/// A time as text (RFC 3339) or as nanoseconds since the epoch.
int64_t TimeOf(Fields* fields, const std::string& name, int64_t otherwise) {
  if (!fields->Has(name)) return otherwise;
  const json& given = fields->Any(name);
  if (given.is_number_integer()) return given.get<int64_t>();
  const std::string text = given.is_string() ? given.get<std::string>() : "";
  if (const auto number = ParseInt64(text); number.ok()) return *number;
  const auto type = arrow::timestamp(arrow::TimeUnit::NANO);
  std::string plain = text;
  if (plain.ends_with('Z')) plain.pop_back();
  const auto parsed = arrow::Scalar::Parse(type, plain);
  if (!parsed.ok()) {
    fields->Wrong(name, "a time like 2024-01-31T12:00:00Z, or nanoseconds since the epoch");
    return otherwise;
  }
  return static_cast<const arrow::TimestampScalar&>(**parsed).value;
}

json PointToJson(const timeview::Point& point) {
  return {{"time", FormatTimeNs(point.time)}, {"time_ns", point.time}, {"value", point.value}};
}

Result<json> RunList(const Request& request, Fields* fields) {
  table::SeriesQuery query;
  if (fields->Has("path")) query.collection = fields->NeedPath("path");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto found, request.database->series()->Find(request.caller, query));
  json answer = json::array();
  for (const auto& series : found) answer.push_back(SeriesToJson(*series));
  return answer;
}

Result<table::Snapshot> PinAsked(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  const std::string name = fields->Text("series");
  const int64_t revision = fields->Number("revision", timeview::kLatestRevision);
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto series, FindSeries(request, path, name));
  return request.database->series()->Pin(request.caller, series->id, revision);
}

Result<json> RunNearest(const Request& request, Fields* fields) {
  const bool backward = fields->Flag("backward", !fields->Has("time"));
  const int64_t time = TimeOf(fields, "time", timeview::kTimeTop - 1);
  ARROW_ASSIGN_OR_RAISE(const auto snapshot, PinAsked(request, fields));
  ARROW_ASSIGN_OR_RAISE(const auto found,
                        snapshot.Nearest(time, backward ? timeview::Direction::kBackward
                                                        : timeview::Direction::kForward));
  return found.has_value() ? PointToJson(*found) : json(nullptr);
}

Result<json> RunWindows(const Request& request, Fields* fields) {
  int64_t start = TimeOf(fields, "start", INT64_MIN);
  int64_t end = TimeOf(fields, "end", INT64_MIN);
  int64_t width = 0;
  if (const std::string text = fields->Text("width"); !text.empty()) {
    const auto parsed = ParseDuration(text);
    if (parsed.ok()) width = *parsed;
    if (width <= 0) fields->Wrong("width", "a duration like 15m, 1h or 7d");
  }
  ARROW_ASSIGN_OR_RAISE(const auto snapshot, PinAsked(request, fields));
  // What is not said is taken from the points.
  if (start == INT64_MIN) {
    ARROW_ASSIGN_OR_RAISE(const auto first,
                          snapshot.Nearest(timeview::kTimeMin, timeview::Direction::kForward));
    if (!first.has_value()) return json::array();
    start = first->time;
  }
  if (end == INT64_MIN) {
    ARROW_ASSIGN_OR_RAISE(const auto last,
                          snapshot.Nearest(timeview::kTimeTop - 1, timeview::Direction::kBackward));
    if (!last.has_value()) return json::array();
    end = last->time + 1;
  }
  ARROW_RETURN_NOT_OK(timeview::CheckRange(start, end));
  if (width == 0)
    width = std::max<int64_t>(1, (end - start + kWindowsOtherwise - 1) / kWindowsOtherwise);
  // The last window reaches beyond the end rather than being left out.
  const int64_t count = (end - start + width - 1) / width;
  if (count > kWindowsMax) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 std::to_string(count) + " windows are asked for; " + std::to_string(kWindowsMax) +
                     " is the most");
  }
  if (count <= (timeview::kTimeTop - start) / width) end = start + count * width;
  ARROW_ASSIGN_OR_RAISE(const auto cursor,
                        snapshot.Windows(start, end, static_cast<uint64_t>(width)));
  json answer = json::array();
  timeview::WindowBatch batch;
  do {
    ARROW_RETURN_NOT_OK(cursor->Next(4096, &batch));
    for (size_t i = 0; i < batch.size(); ++i) {
      json window = {{"time", FormatTimeNs(batch.starts[i])},
                     {"time_ns", batch.starts[i]},
                     {"count", batch.count[i]}};
      if (batch.count[i] > 0) {
        window.update({{"min", batch.min[i]},
                       {"mean", batch.mean[i]},
                       {"max", batch.max[i]},
                       {"stddev", batch.stddev[i]}});
      }
      answer.push_back(std::move(window));
    }
  } while (batch.size() > 0);
  return answer;
}

}  // namespace

std::vector<Action> SeriesActions() {
  return {
      {"series.list", "list series: [path]", RunList},
      {"series.nearest",
       "the first point at or after a time, or the last before it: path, [series], [time], "
       "[backward], [revision]",
       RunNearest},
      {"series.windows",
       "count, min, mean, max and deviation of windows: path, [series], [start], [end], [width], "
       "[revision]",
       RunWindows},
  };
}

}  // namespace firth::doors::flight
