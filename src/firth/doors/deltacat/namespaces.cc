// Namespaces.
#include <algorithm>

#include "firth/doors/deltacat/errors.h"
#include "firth/doors/deltacat/names.h"
#include "firth/doors/deltacat/properties.h"
#include "firth/doors/deltacat/service.h"

namespace firth::doors::deltacat {
namespace {

using table::Step;

Status NoNamespace(const std::string& name) {
  return Error(Code::kNotFound, Reason::kNamespaceNotFound,
               "there is no namespace '" + name.substr(0, 64) + "'");
}

/// The attributes of a namespace; the default one is there without having been made.
Result<std::optional<catalog::Attributes>> Find(table::Overlay* view, const Path& path) {
  ARROW_ASSIGN_OR_RAISE(auto found, view->FindNamespace(path));
  if (!found.has_value() && NamespaceName(path) == kDefaultNamespace) {
    return catalog::Attributes{};
  }
  return found;
}

/// Every namespace below `parent`, at any depth.
Status Gather(table::Overlay* view, const Path& parent, json* out) {
  ARROW_ASSIGN_OR_RAISE(const auto spaces, view->ListNamespaces(parent));
  for (const auto& [path, attributes] : spaces) {
    out->push_back(
        {{"name", NamespaceName(path)}, {"properties", PropertiesOf(attributes, kPropertyPrefix)}});
    ARROW_RETURN_NOT_OK(Gather(view, path, out));
  }
  return Status::OK();
}

}  // namespace

Result<Answer> Service::ListNamespaces(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  json all = json::array();
  ARROW_RETURN_NOT_OK(Gather(&view, Path{}, &all));
  const auto is_default = [](const json& one) { return one["name"] == kDefaultNamespace; };
  if (std::none_of(all.begin(), all.end(), is_default)) {
    all.push_back({{"name", kDefaultNamespace}, {"properties", json::object()}});
  }
  json seen = json::array();
  for (const json& one : all) {
    ARROW_ASSIGN_OR_RAISE(const Path path, NamespacePath(one["name"].get<std::string>()));
    if ((database_->access()->RightsOn(call.caller, path) & access::kSee) != 0) {
      seen.push_back(one);
    }
  }
  std::sort(seen.begin(), seen.end(),
            [](const json& a, const json& b) { return a["name"] < b["name"]; });
  return Answer{.body = std::move(seen)};
}

Result<Answer> Service::CreateNamespace(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const std::string name, call.NeedText("namespace"));
  Step step{.kind = Step::Kind::kCreateNamespace};
  ARROW_ASSIGN_OR_RAISE(step.path, NamespacePath(name));
  ARROW_ASSIGN_OR_RAISE(const auto properties, call.Object("properties"));
  step.attributes = catalog::Attributes{};
  if (properties.has_value()) SetProperties(*properties, kPropertyPrefix, &*step.attributes);
  if (name == kDefaultNamespace) {
    return Error(Code::kAlreadyExists, Reason::kNamespaceExists,
                 "the namespace 'default' is always there");
  }
  return Change(call, {step}, {.status = 201, .body = {{"namespace", name}, {"created", true}}});
}

Result<Answer> Service::GetNamespace(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Path path, NamespacePath(call.names[0]));
  ARROW_RETURN_NOT_OK(CheckRead(call, path));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const auto found, Find(&view, path));
  if (!found.has_value()) return NoNamespace(call.names[0]);
  return Answer{
      .body = {{"name", call.names[0]}, {"properties", PropertiesOf(*found, kPropertyPrefix)}}};
}

Result<Answer> Service::NamespaceExists(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Path path, NamespacePath(call.names[0]));
  ARROW_RETURN_NOT_OK(CheckRead(call, path));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const auto found, Find(&view, path));
  return Answer{.body = {{"namespace", call.names[0]}, {"exists", found.has_value()}}};
}

Result<Answer> Service::AlterNamespace(const Call& call) {
  Step step{.kind = Step::Kind::kAlterNamespace};
  ARROW_ASSIGN_OR_RAISE(step.path, NamespacePath(call.names[0]));
  ARROW_RETURN_NOT_OK(CheckWrite(call, step.path));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(auto attributes, Find(&view, step.path));
  if (!attributes.has_value()) return NoNamespace(call.names[0]);
  ARROW_ASSIGN_OR_RAISE(const auto properties, call.Object("properties"));
  if (properties.has_value()) SetProperties(*properties, kPropertyPrefix, &*attributes);
  step.attributes = *attributes;
  json body = {{"namespace", call.names[0]}, {"altered", true}};
  std::vector<Step> steps;
  ARROW_ASSIGN_OR_RAISE(const auto made, view.FindNamespace(step.path));
  if (!made.has_value()) step.kind = Step::Kind::kCreateNamespace;  // the default one
  ARROW_ASSIGN_OR_RAISE(const auto new_name, call.Text("new_name"));
  if (!new_name.has_value() || *new_name == call.names[0]) {
    return Change(call, {step}, {.body = std::move(body)});
  }
  // Another name: everything in it moves.
  ARROW_ASSIGN_OR_RAISE(const Path to, NamespacePath(*new_name));
  steps.push_back({.kind = Step::Kind::kCreateNamespace, .path = to, .attributes = *attributes});
  ARROW_ASSIGN_OR_RAISE(const auto tables, view.List(step.path));
  for (const auto* table : tables) {
    steps.push_back({.kind = Step::Kind::kRenameTable,
                     .path = table->path,
                     .to = to.Child(table->path.Name())});
  }
  if (made.has_value()) {
    // Drops need a created namespace; one that was only implied becomes one first.
    steps.insert(steps.begin(), step);
    steps.push_back({.kind = Step::Kind::kDropNamespace, .path = step.path});
  }
  body["new_name"] = *new_name;
  return Change(call, steps, {.body = std::move(body)});
}

Result<Answer> Service::DropNamespace(const Call& call) {
  Step step{.kind = Step::Kind::kDropNamespace};
  ARROW_ASSIGN_OR_RAISE(step.path, NamespacePath(call.names[0]));
  ARROW_ASSIGN_OR_RAISE(const bool purge, call.QueryBool("purge", false));
  ARROW_RETURN_NOT_OK(CheckWrite(call, step.path));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const auto found, view.FindNamespace(step.path));
  if (!found.has_value()) return NoNamespace(call.names[0]);
  return Change(call, {step},
                {.body = {{"namespace", call.names[0]}, {"dropped", true}, {"purged", purge}}});
}

}  // namespace firth::doors::deltacat
