#include "firth/doors/fluss/aggregate_json.h"

#include <algorithm>
#include <cctype>

#include "firth/doors/fluss/errors.h"

namespace firth::doors::fluss {
namespace {

constexpr char kType[] = "type";
constexpr char kParameters[] = "parameters";
constexpr char kDelimiter[] = "delimiter";

/// Clients write names in any case, and with '-' for '_'; they are shown in one.
std::string Plain(std::string name) {
  for (char& c : name) {
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name;
}

bool Joins(const std::string& name) {
  return name == "listagg" || name == "string_agg";
}

}  // namespace

Result<std::string> AggregateFromJson(const Json& column) {
  const auto found = column.find(kAggregateMember);
  if (found == column.end() || found->is_null()) return std::string();
  const auto fault = [](const std::string& what) { return Refusal(Wire::kInvalidTable, what); };
  if (!found->is_object()) return fault("a column's 'agg_function' must be a JSON object");
  const auto type = OptionalText(*found, kType);
  const auto parameters = TextMap(*found, kParameters);
  if (!type.ok()) return fault(MessageOf(type.status()));
  if (!parameters.ok()) return fault(MessageOf(parameters.status()));
  if (!type->has_value()) return fault("a column's 'agg_function' lacks its 'type'");
  const std::string name = Plain(**type);
  // What stands in brackets would be read as a parameter.
  if (name.find('(') != std::string::npos) {
    return Refusal(Wire::kInvalidConfig,
                   "there is no aggregate function '" + name.substr(0, 64) + "'");
  }
  if (parameters->empty()) return name;
  for (const auto& [parameter, value] : *parameters) {
    if (parameter == kDelimiter && Joins(name)) continue;
    return Refusal(Wire::kInvalidConfig, "the aggregate function '" + name.substr(0, 64) +
                                             "' takes no parameter '" + parameter.substr(0, 64) +
                                             "'");
  }
  return name + "(" + parameters->at(kDelimiter) + ")";
}

JsonOut AggregateToJson(const std::string& text) {
  const size_t open = text.find('(');
  JsonOut out = {{kType, Plain(text.substr(0, open))}};
  if (open != std::string::npos) {
    out[kParameters] = {{kDelimiter, text.substr(open + 1, text.size() - open - 2)}};
  }
  return out;
}

}  // namespace firth::doors::fluss
