#include "firth/doors/fluss/names.h"

#include <cctype>

#include "firth/doors/fluss/errors.h"

namespace firth::doors::fluss {
namespace {

constexpr size_t kNameBytesMax = 200;

bool Allowed(unsigned char byte) {
  return std::isalnum(byte) != 0 || byte == '_' || byte == '-';
}

constexpr NameRules kRules{&Allowed, 0};
constexpr size_t kEscapeBytes = 5;  // _xHH_

bool IsHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

bool BeginsWithEscape(std::string_view text) {
  return text.size() >= kEscapeBytes && text[0] == '_' && text[1] == 'x' && IsHex(text[2]) &&
         IsHex(text[3]) && text[4] == '_';
}

/// common/path.h escapes the `_` of every literal `_x`. Names like `max_x` are common and must stay
/// as they are, so here only a `_x` that could be read as an escape stays escaped.
std::string Loosen(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const size_t take = BeginsWithEscape(name) ? kEscapeBytes : 1;
    if (name.starts_with("_x5F_x") && !BeginsWithEscape("_" + std::string(name.substr(5)))) {
      out.push_back('_');
    } else {
      out += name.substr(0, take);
    }
    name.remove_prefix(take);
  }
  return out;
}

/// The inverse of Loosen.
std::string Tighten(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const size_t take = BeginsWithEscape(name) ? kEscapeBytes : 1;
    const bool literal = take == 1 && name.starts_with("_x");
    out += literal ? "_x5F_" : name.substr(0, take);
    name.remove_prefix(take);
  }
  return out;
}

std::vector<std::string> Show(const Path& path, size_t levels) {
  std::vector<std::string> names = PathToNames(path, levels, kRules);
  for (auto& name : names) name = Loosen(name);
  return names;
}

Result<Path> Read(const std::vector<std::string>& names) {
  std::vector<std::string> tight;
  for (const auto& name : names) tight.push_back(Tighten(name));
  ARROW_ASSIGN_OR_RAISE(Path path, NamesToPath(tight, kRules));
  if (Show(path, names.size()) != names) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName,
                 "the name '" + names.back() +
                     "' holds an escape of the form _xHH_ that stands for "
                     "nothing that must be escaped");
  }
  return path;
}

}  // namespace

std::string NameFault(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name.size() > kNameBytesMax) return "it is longer than 200 characters";
  if (name.starts_with("__")) return "names that begin with '__' are reserved";
  for (const char c : name) {
    if (!Allowed(static_cast<unsigned char>(c))) {
      return "only letters, digits, '_' and '-' are allowed";
    }
  }
  return "";
}

Result<Path> PathOfDatabase(std::string_view database) {
  return Read({std::string(database)});
}

Result<Path> PathOfTable(const TableNames& names) {
  return Read({names.database, names.table});
}

std::string DatabaseOf(const Path& path) {
  return Show(path, 1).front();
}

TableNames NamesOf(const Path& path) {
  std::vector<std::string> names = Show(path, 2);
  return {std::move(names[0]), std::move(names[1])};
}

std::string PartitionValueName(std::string_view value) {
  for (const char c : value) {
    if (!Allowed(static_cast<unsigned char>(c))) return EscapeSegment(value, kRules);
  }
  return value.empty() ? "_" : std::string(value);
}

std::string PartitionName(const std::vector<std::string>& values) {
  std::string name;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) name.push_back('$');
    name += PartitionValueName(values[i]);
  }
  return name;
}

Status TableNotFound(const TableNames& names) {
  return Error(Code::kNotFound, Reason::kTableNotFound,
               "Table '" + names.ToString() + "' does not exist.");
}

Status DatabaseNotFound(std::string_view database) {
  return Error(Code::kNotFound, Reason::kNamespaceNotFound,
               "Database '" + std::string(database) + "' does not exist.");
}

}  // namespace firth::doors::fluss
