// The types that requests are checked against: objects, interfaces, inputs, enums and scalars.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "firth/doors/beneath/graphql_document.h"

namespace firth::doors::beneath::graphql {

struct InputDefinition {
  std::string name;
  TypeRef type;
};
struct FieldDefinition {
  std::string name;
  std::vector<InputDefinition> arguments;
  TypeRef type;
};
struct TypeDefinition {
  enum class Kind { kScalar, kEnum, kInput, kObject, kInterface };
  Kind kind = Kind::kScalar;
  std::string name;
  std::vector<FieldDefinition> fields;
  std::vector<InputDefinition> inputs;  // kInput
  std::set<std::string> symbols;        // kEnum
  std::set<std::string> interfaces;     // kObject: those that it implements

  bool IsComposite() const { return kind == Kind::kObject || kind == Kind::kInterface; }
  const FieldDefinition* Field(std::string_view name) const;
};

/// Immutable once parsed.
class TypeSystem {
 public:
  /// Read definitions in GraphQL's own language. The text is ours, so an error ends the process.
  static TypeSystem Parse(std::string_view text);

  /// Null if there is no such type.
  const TypeDefinition* Find(std::string_view name) const;
  /// Can a value of the object type `object` be of `condition`?
  bool Is(const std::string& object, const std::string& condition) const;
  /// Can any object be of both types?
  bool Overlap(const std::string& a, const std::string& b) const;

 private:
  std::map<std::string, TypeDefinition, std::less<>> types_;
};

/// The type system of this door's control plane.
const TypeSystem& ControlTypes();

}  // namespace firth::doors::beneath::graphql
