#include "firth/doors/deltacat/entries.h"

#include <array>
#include <filesystem>
#include <utility>

#include "firth/doors/deltacat/call.h"
#include "firth/doors/deltacat/errors.h"

namespace firth::doors::deltacat {
namespace {

namespace fs = std::filesystem;

constexpr size_t kEntriesMax = 100'000;
constexpr std::string_view kFileScheme = "file://";

Status Outside(const std::string& path) {
  return Refuse("entry_outside_session",
                "'" + path.substr(0, 256) + "' does not lie in the session's data_dir");
}

bool IsBelow(const fs::path& path, const fs::path& folder) {
  auto at = path.begin();
  for (const auto& part : folder) {
    if (part.empty()) continue;
    if (at == path.end() || *at != part) return false;
    ++at;
  }
  return at != path.end();
}

bool IsText(const std::string& format) {
  return format == "csv" || format == "tsv" || format == "psv" || format == "json";
}

/// What lies at `relative` below a folder of the store, which is no link itself.
Result<table::FileLocation> LocateInside(const std::string& sent, const EntryRules& rules,
                                         const fs::path& relative) {
  fs::path at = fs::path(rules.store_root) / rules.folder;
  std::error_code error;
  fs::file_type type = fs::file_type::directory;
  for (const auto& name : relative) {
    at /= name;
    type = fs::symlink_status(at, error).type();
    if (type == fs::file_type::symlink) return Outside(sent);
    if (type != fs::file_type::directory) break;
  }
  const std::string inside = relative.string();
  if (type != fs::file_type::regular ||
      at.native() != rules.store_root + "/" + rules.folder + "/" + inside) {
    return Refuse("entry_not_found", "there is no file '" + sent.substr(0, 256) + "'");
  }
  return table::FileLocation{.path = rules.folder + "/" + inside};
}

Result<table::FileLocation> Locate(const std::string& sent, const EntryRules& rules) {
  std::string_view text = sent;
  if (text.starts_with(kFileScheme)) text.remove_prefix(kFileScheme.size());
  const fs::path path = fs::path(text).lexically_normal();
  const fs::path folder = fs::path(rules.store_root) / rules.folder;
  if (!path.is_absolute()) {
    return rules.external
               ? Refuse("entry_not_found", "'" + sent.substr(0, 256) + "' is not an absolute path")
               : Outside(sent);
  }
  if (IsBelow(path, folder)) return LocateInside(sent, rules, path.lexically_relative(folder));
  if (!rules.external) return Outside(sent);
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error || !fs::is_regular_file(real, error)) {
    return Refuse("entry_not_found", "there is no file '" + sent.substr(0, 256) + "'");
  }
  const fs::path real_root = fs::canonical(rules.store_root, error);
  if (!error && IsBelow(real, real_root / rules.folder)) {
    return table::FileLocation{.path = rules.folder + "/" +
                                       real.lexically_relative(real_root / rules.folder).string()};
  }
  // Also the store's own other files are not for taking.
  if (error || IsBelow(real, real_root)) return Outside(sent);
  for (const std::string& allowed : rules.folders) {
    const fs::path real_folder = fs::canonical(allowed, error);
    if (error || !(real == real_folder || IsBelow(real, real_folder))) continue;
    return table::FileLocation{.root = "local", .path = real.string(), .owned = false};
  }
  return Refuse("entry_outside_session",
                "'" + sent.substr(0, 256) +
                    "' lies in no folder that this server may take files from (its setting "
                    "deltacat.folders)");
}

}  // namespace

Result<std::string> FormatOf(const std::string& content_type) {
  std::string name = EnumText(content_type);
  name = name.substr(name.find_last_of('/') + 1);
  static constexpr std::array<std::string_view, 8> kRead = {"parquet", "csv",     "tsv", "psv",
                                                            "json",    "feather", "orc", "avro"};
  for (const std::string_view known : kRead) {
    if (name == known) return name;
  }
  static constexpr std::array<std::string_view, 2> kOthers = {"lance", "vnd.lance"};
  for (const std::string_view known : kOthers) {
    if (name == known) {
      return Refuse("unsupported_operation", "this server does not read " + name + " files");
    }
  }
  return Refuse("invalid_request", "'" + name.substr(0, 64) + "' is no content type");
}

Result<std::vector<Entry>> ParseEntries(const json& body, const EntryRules& rules) {
  const char* name = body.contains("entries") ? "entries" : "manifest_entries";
  if (!body.contains(name) || !body[name].is_array()) {
    return Refuse("invalid_request", "'entries' must be a list");
  }
  if (body[name].size() > kEntriesMax) return Refuse("invalid_request", "too many entries");
  std::vector<Entry> entries;
  for (const json& one : body[name]) {
    if (!one.is_object() || !one.contains("path") || !one["path"].is_string()) {
      return Refuse("invalid_request", "an entry is an object with a path");
    }
    const auto& path = one["path"].get_ref<const std::string&>();
    Entry entry;
    ARROW_ASSIGN_OR_RAISE(entry.source.where, Locate(path, rules));
    entry.source.format = rules.format;
    const auto encoding = one.find("content_encoding");
    if (encoding != one.end() && encoding->is_string()) {
      entry.source.encoding = EnumText(encoding->get_ref<const std::string&>());
    } else if (IsText(rules.format) && path.ends_with(".gz")) {
      entry.source.encoding = "gzip";
    }
    if (entry.source.encoding != "identity" && entry.source.encoding != "gzip") {
      return Refuse("unsupported_operation", "files of encoding '" +
                                                 entry.source.encoding.substr(0, 64) +
                                                 "' cannot be read; identity and gzip can");
    }
    const auto count = one.find("record_count");
    if (count != one.end() && count->is_number_integer()) {
      entry.record_count = count->get<int64_t>();
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace firth::doors::deltacat
