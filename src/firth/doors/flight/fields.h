// The fields of a JSON object that a client sent, read one by one with their types.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/path.h"
#include "firth/common/status.h"

namespace firth::doors::flight {

/// Parse a JSON text; `where` names it in errors. Empty text is an empty object.
Result<nlohmann::json> ParseJson(std::string_view text, const std::string& where);

/// Read fields, then ask Check: it gives the first thing that was wrong, be it a missing field, a
/// wrong type, or a field that nobody asked for. Until then wrong fields read as their defaults.
class Fields {
 public:
  /// `object` outlives this; `where` names it in errors ("action `create`").
  Fields(const nlohmann::json& object, std::string where);

  /// Is the field there, and not null?
  bool Has(const std::string& name);
  std::string Text(const std::string& name, std::string otherwise = "");
  std::string NeedText(const std::string& name);
  int64_t Number(const std::string& name, int64_t otherwise);
  bool Flag(const std::string& name, bool otherwise);
  /// A list of texts; one text stands for a list of it.
  std::vector<std::string> Texts(const std::string& name);
  std::map<std::string, std::string> TextMap(const std::string& name);
  /// A path: text with `/` between segments, or a list of segments. Absent: the root.
  firth::Path Path(const std::string& name);
  firth::Path NeedPath(const std::string& name);
  /// One of `words`; the index of it. Absent: `otherwise`.
  int Choice(const std::string& name, const std::vector<std::string>& words, int otherwise);
  /// The field as it is; null if absent.
  const nlohmann::json& Any(const std::string& name);

  /// Say that a field is wrong.
  void Wrong(const std::string& name, const std::string& wanted);
  void Fail(const Status& status);
  Status Check() const;

 private:
  void Need(const std::string& name);

  const nlohmann::json& object_;
  const std::string where_;
  std::vector<std::string> asked_;
  Status first_;
};

}  // namespace firth::doors::flight
