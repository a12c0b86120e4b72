// A GraphQL request's document: its text parsed into operations and fragments. No parser of GraphQL
// for C or C++ is in the distribution, and the language of requests is small; texts are bounded in
// length, tokens and depth.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/common/status.h"

namespace firth::doors::beneath::graphql {

inline constexpr size_t kDocumentBytesMax = 256 << 10;
inline constexpr int kTokensMax = 20'000;
inline constexpr int kDepthMax = 32;

struct NamedValue;

/// A value as it is written.
struct Value {
  enum class Kind { kVariable, kInt, kFloat, kString, kBoolean, kNull, kEnum, kList, kObject };
  Kind kind = Kind::kNull;
  std::string text;  // of a variable its name; of numbers, enums and booleans as written
  std::vector<Value> items;
  std::vector<NamedValue> fields;
};

struct NamedValue {
  std::string name;
  Value value;
};

/// A reference to a type: `[Name!]!`.
struct TypeRef {
  std::string name;
  bool list = false;
  bool required = false;
  bool item_required = false;

  std::string ToString() const;
};

struct Directive {
  std::string name;
  std::vector<NamedValue> arguments;
};

struct Selection {
  enum class Kind { kField, kInline, kSpread };
  Kind kind = Kind::kField;
  std::string alias;      // of a field: the key in the reply
  std::string name;       // of a field or fragment
  std::string condition;  // of an inline fragment: its type, or empty
  std::vector<NamedValue> arguments;
  std::vector<Directive> directives;
  std::vector<Selection> selections;
};

struct Variable {
  std::string name;
  TypeRef type;
  bool has_default = false;
  Value default_value;
};

struct Operation {
  std::string kind = "query";
  std::string name;
  std::vector<Variable> variables;
  std::vector<Selection> selections;
};

struct Fragment {
  std::string name;
  std::string condition;
  std::vector<Selection> selections;
};

struct Document {
  std::vector<Operation> operations;
  std::vector<Fragment> fragments;
};

/// Error kInvalidArgument names the line.
Result<Document> ParseDocument(std::string_view text);

}  // namespace firth::doors::beneath::graphql
