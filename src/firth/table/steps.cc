#include "firth/table/steps.h"

#include <nlohmann/json.hpp>

#include "firth/catalog/text_form.h"
#include "firth/common/json_number.h"
#include "firth/common/text.h"
#include "firth/schema/schema.h"

namespace firth::table {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

Result<json> ToJson(const Step& step) {
  json one = {{"kind", static_cast<int>(step.kind)}, {"path", step.path.ToString()}};
  if (!step.to.empty()) one["to"] = step.to.ToString();
  if (step.attributes.has_value()) one["attributes"] = *step.attributes;
  if (step.schema != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const std::string bytes, schema::SerializeSchema(*step.schema));
    one["schema"] = ToHex(bytes);
  }
  ARROW_ASSIGN_OR_RAISE(one["spec"], catalog::EncodeSpec(step.spec));
  one["number"] = step.number;
  if (step.release_files) one["release"] = true;
  if (step.files.ordered) one["ordered"] = true;
  if (step.files.remove) one["remove"] = true;
  if (step.files.known) one["known"] = true;
  if (!step.files.uploads.empty()) one["uploads"] = step.files.uploads;
  for (const TakenFile& file : step.files.files) {
    one["files"].push_back({{"info", catalog::EncodeFile(file.info)},
                            {"batches", file.batches},
                            {"min_ns", file.record_time_min_ns},
                            {"max_ns", file.record_time_max_ns},
                            {"exact", file.exact}});
  }
  return one;
}

Result<Path> PathOf(const json& one, const char* name) {
  if (!one.contains(name)) return Path{};
  return Path::Parse(one.at(name).get_ref<const std::string&>());
}

Result<Step> FromJson(const json& one) {
  Step step;
  step.kind = static_cast<Step::Kind>(WholeNumber<int>(one.at("kind")));
  ARROW_ASSIGN_OR_RAISE(step.path, PathOf(one, "path"));
  ARROW_ASSIGN_OR_RAISE(step.to, PathOf(one, "to"));
  if (one.contains("attributes")) step.attributes = one.at("attributes").get<Attributes>();
  if (one.contains("schema")) {
    ARROW_ASSIGN_OR_RAISE(const std::string bytes,
                          FromHex(one.at("schema").get_ref<const std::string&>()));
    ARROW_ASSIGN_OR_RAISE(step.schema, schema::ParseSchema(bytes));
  }
  ARROW_ASSIGN_OR_RAISE(step.spec,
                        catalog::DecodeSpec(one.at("spec").get_ref<const std::string&>()));
  step.number = WholeNumber<int32_t>(one.at("number"));
  step.release_files = one.value("release", false);
  step.files.ordered = one.value("ordered", false);
  step.files.remove = one.value("remove", false);
  step.files.known = one.value("known", false);
  step.files.uploads = one.value("uploads", std::vector<std::string>());
  if (!one.contains("files")) return step;
  for (const json& item : one.at("files")) {
    TakenFile file;
    ARROW_ASSIGN_OR_RAISE(file.info,
                          catalog::DecodeFile(item.at("info").get_ref<const std::string&>()));
    for (const json& rows : item.at("batches")) {
      file.batches.push_back(WholeNumber<uint32_t>(rows));
    }
    file.record_time_min_ns = WholeNumber<int64_t>(item.at("min_ns"));
    file.record_time_max_ns = WholeNumber<int64_t>(item.at("max_ns"));
    item.at("exact").get_to(file.exact);
    step.files.files.push_back(std::move(file));
  }
  return step;
}

}  // namespace

Result<std::string> EncodeSteps(const std::vector<Step>& steps) {
  json all = {{"v", kVersion}, {"steps", json::array()}};
  for (const Step& step : steps) {
    ARROW_ASSIGN_OR_RAISE(json one, ToJson(step));
    all["steps"].push_back(std::move(one));
  }
  return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::vector<Step>> DecodeSteps(std::string_view text) {
  try {
    const json all = json::parse(text);
    if (WholeNumber<int>(all.at("v")) != kVersion) {
      return Error(Code::kFailedPrecondition, Reason::kFormatTooNew,
                   "a transaction was written by a newer program");
    }
    std::vector<Step> steps;
    for (const json& one : all.at("steps")) {
      ARROW_ASSIGN_OR_RAISE(steps.emplace_back(), FromJson(one));
    }
    return steps;
  } catch (const json::exception& error) {
    return Error(Code::kDataLoss, Reason::kNone,
                 std::string("a transaction's steps cannot be read: ") + error.what());
  }
}

}  // namespace firth::table
