#include "firth/doors/beneath/graphql_types.h"

#include "firth/doors/beneath/graphql_token.h"

namespace firth::doors::beneath::graphql {
namespace {

/// Reads our own text: whatever is wrong in it is a programmer's error.
class Reader {
 public:
  explicit Reader(std::string_view text) : lexer_(text, 100'000) { Step(); }

  bool AtEnd() const { return token_.kind == Token::Kind::kEnd; }

  TypeDefinition Definition() {
    TypeDefinition type;
    const std::string word = Name();
    type.name = Name();
    if (word == "scalar") return type;
    if (word == "enum") {
      type.kind = TypeDefinition::Kind::kEnum;
      Mark("{");
      while (!token_.Is("}")) type.symbols.insert(Name());
      Mark("}");
      return type;
    }
    if (word == "input") {
      type.kind = TypeDefinition::Kind::kInput;
      type.inputs = Inputs("{", "}");
      return type;
    }
    FIRTH_CHECK(word == "type" || word == "interface");
    type.kind = word == "type" ? TypeDefinition::Kind::kObject : TypeDefinition::Kind::kInterface;
    if (token_.IsName("implements")) {
      Step();
      type.interfaces.insert(Name());
    }
    Mark("{");
    while (!token_.Is("}")) {
      FieldDefinition field;
      field.name = Name();
      if (token_.Is("(")) field.arguments = Inputs("(", ")");
      Mark(":");
      field.type = Reference();
      type.fields.push_back(std::move(field));
    }
    Mark("}");
    return type;
  }

 private:
  void Step() { token_ = lexer_.Next().ValueOrDie(); }
  void Mark(std::string_view mark) {
    FIRTH_CHECK(token_.Is(mark));
    Step();
  }
  std::string Name() {
    FIRTH_CHECK(token_.kind == Token::Kind::kName);
    std::string name = token_.text;
    Step();
    return name;
  }
  bool Bang() {
    if (!token_.Is("!")) return false;
    Step();
    return true;
  }
  TypeRef Reference() {
    TypeRef ref;
    if (token_.Is("[")) {
      ref.list = true;
      Step();
      ref.name = Name();
      ref.item_required = Bang();
      Mark("]");
    } else {
      ref.name = Name();
    }
    ref.required = Bang();
    return ref;
  }
  std::vector<InputDefinition> Inputs(std::string_view open, std::string_view close) {
    std::vector<InputDefinition> inputs;
    Mark(open);
    while (!token_.Is(close)) {
      InputDefinition input;
      input.name = Name();
      Mark(":");
      input.type = Reference();
      inputs.push_back(std::move(input));
    }
    Mark(close);
    return inputs;
  }

  Lexer lexer_;
  Token token_;
};

}  // namespace

const FieldDefinition* TypeDefinition::Field(std::string_view field) const {
  for (const auto& candidate : fields) {
    if (candidate.name == field) return &candidate;
  }
  return nullptr;
}

TypeSystem TypeSystem::Parse(std::string_view text) {
  TypeSystem types;
  for (const char* name : {"Int", "Float", "String", "Boolean", "ID"}) {
    types.types_[name] = TypeDefinition{.name = name};
  }
  Reader reader(text);
  while (!reader.AtEnd()) {
    TypeDefinition type = reader.Definition();
    const std::string name = type.name;
    FIRTH_CHECK(types.types_.emplace(name, std::move(type)).second);
  }
  return types;
}

const TypeDefinition* TypeSystem::Find(std::string_view name) const {
  const auto found = types_.find(name);
  return found == types_.end() ? nullptr : &found->second;
}

bool TypeSystem::Is(const std::string& object, const std::string& condition) const {
  if (object == condition) return true;
  const TypeDefinition* type = Find(object);
  return type != nullptr && type->interfaces.contains(condition);
}

bool TypeSystem::Overlap(const std::string& a, const std::string& b) const {
  for (const auto& [name, type] : types_) {
    if (type.kind == TypeDefinition::Kind::kObject && Is(name, a) && Is(name, b)) return true;
  }
  return false;
}

}  // namespace firth::doors::beneath::graphql
