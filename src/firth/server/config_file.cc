// The configuration's TOML file.
#include <fmt/format.h>
#include <toml++/toml.h>

#include "firth/server/config_keys.h"
#include "firth/server/nearest.h"

namespace firth::server {
namespace {

/// Where in which file something stands.
struct Place {
  const std::string& file;

  std::string Of(const toml::node& node) const {
    return fmt::format("{}:{}", file, node.source().begin.line);
  }
  Status Wrong(const toml::node& node, std::string_view problem) const {
    return Error(Code::kInvalidArgument, Reason::kNone, fmt::format("{}: {}", Of(node), problem));
  }
};

std::vector<std::string> KnownPaths() {
  std::vector<std::string> paths{"user"};
  for (const auto& key : ConfigKeys()) paths.push_back(key.path);
  return paths;
}

Result<std::string> AsText(const Place& place, const std::string& path, const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (!IsNumber(path)) {
    return place.Wrong(node, fmt::format("'{}' is to be a text in quotes", path));
  }
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  return place.Wrong(node, fmt::format("'{}' is to be a whole number", path));
}

Status MergeUser(const Place& place, const toml::table& table, Config* config) {
  UserConfig user;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const std::map<std::string, std::string*> fields{{"name", &user.name},
                                                     {"secret", &user.secret},
                                                     {"role", &user.role},
                                                     {"email", &user.email}};
    const auto field = fields.find(name);
    if (field == fields.end()) {
      return place.Wrong(
          node, fmt::format("a user has no '{}'{}", name,
                            DidYouMean(name, {"name", "secret", "role", "email"}, "'", "'")));
    }
    ARROW_ASSIGN_OR_RAISE(*field->second, AsText(place, "user." + name, node));
  }
  config->users.push_back(std::move(user));
  return Status::OK();
}

Status MergeUsers(const Place& place, const toml::node& node, Config* config) {
  if (!node.is_array_of_tables()) return place.Wrong(node, "users are written as [[user]]");
  for (const auto& user : *node.as_array()) {
    ARROW_RETURN_NOT_OK(MergeUser(place, *user.as_table(), config));
  }
  return Status::OK();
}

Status MergeValue(const Place& place, const std::string& path, const toml::node& node,
                  Config* config) {
  const ConfigKey* key = FindKey(path);
  if (key == nullptr) {
    return place.Wrong(
        node, fmt::format("unknown key '{}'{}", path, DidYouMean(path, KnownPaths(), "'", "'")));
  }
  std::vector<std::string> values;
  if (const auto* list = node.as_array()) {
    for (const auto& member : *list) {
      ARROW_ASSIGN_OR_RAISE(values.emplace_back(), AsText(place, path, member));
    }
  } else {
    ARROW_ASSIGN_OR_RAISE(values.emplace_back(), AsText(place, path, node));
  }
  const Status set = SetKey(config, *key, values);
  return set.ok() ? set : place.Wrong(node, MessageOf(set));
}

Status MergeTable(const Place& place, const std::string& prefix, const toml::table& table,
                  Config* config) {
  for (const auto& [key, node] : table) {
    const std::string path = prefix + std::string(key.str());
    if (path == "user") {
      ARROW_RETURN_NOT_OK(MergeUsers(place, node, config));
    } else if (const auto* inner = node.as_table(); inner != nullptr && !inner->empty()) {
      ARROW_RETURN_NOT_OK(MergeTable(place, path + ".", *inner, config));
    } else if (inner == nullptr) {
      ARROW_RETURN_NOT_OK(MergeValue(place, path, node, config));
    }
  }
  return Status::OK();
}

}  // namespace

Status MergeFile(const std::string& file, Config* config) {
  toml::table table;
  try {
    table = toml::parse_file(file);
  } catch (const toml::parse_error& error) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 fmt::format("{}:{}: {}", file, error.source().begin.line, error.description()));
  }
  return MergeTable(Place{file}, "", table, config);
}

}  // namespace firth::server
