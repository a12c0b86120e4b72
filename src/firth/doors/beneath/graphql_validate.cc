#include "firth/doors/beneath/graphql_validate.h"

#include <charconv>
#include <set>

namespace firth::doors::beneath::graphql {
namespace {

Status Refuse(std::string message) {
  return Error(Code::kInvalidArgument, Reason::kNone, std::move(message));
}
std::string Quoted(const std::string& name) {
  return "\"" + name.substr(0, 64) + "\"";
}

const std::vector<InputDefinition>& ConditionArgument() {
  static const std::vector<InputDefinition> inputs{
      {"if", TypeRef{.name = "Boolean", .required = true}}};
  return inputs;
}

using Arguments = std::vector<NamedValue>;

class Validator {
 public:
  Validator(const TypeSystem& types, const Document& document)
      : types_(types), document_(document) {}

  Status Run() {
    std::set<std::string> names;
    for (const auto& operation : document_.operations) {
      if (!names.insert(operation.name).second) {
        return Refuse("two operations have the name " + Quoted(operation.name));
      }
      if (operation.name.empty() && document_.operations.size() > 1) {
        return Refuse("an operation without a name must be the only one");
      }
    }
    for (const auto& fragment : document_.fragments) {
      if (!fragments_.emplace(fragment.name, &fragment).second) {
        return Refuse("two fragments have the name " + Quoted(fragment.name));
      }
    }
    for (const auto& [name, fragment] : fragments_) {
      std::set<std::string> open;
      std::set<std::string> done;
      ARROW_RETURN_NOT_OK(CheckCycle(*fragment, &open, &done));
    }
    for (const auto& operation : document_.operations) ARROW_RETURN_NOT_OK(Check(operation));
    return Status::OK();
  }

 private:
  Status CheckCycle(const Fragment& fragment, std::set<std::string>* open,
                    std::set<std::string>* done) {
    if (done->contains(fragment.name)) return Status::OK();
    if (!open->insert(fragment.name).second) {
      return Refuse("fragment " + Quoted(fragment.name) + " contains itself");
    }
    if (open->size() > kDepthMax) return Refuse("fragments are nested too deep");
    ARROW_RETURN_NOT_OK(CheckSpreads(fragment.selections, open, done));
    open->erase(fragment.name);
    done->insert(fragment.name);
    return Status::OK();
  }
  Status CheckSpreads(const std::vector<Selection>& selections, std::set<std::string>* open,
                      std::set<std::string>* done) {
    for (const auto& selection : selections) {
      if (selection.kind == Selection::Kind::kSpread) {
        const auto found = fragments_.find(selection.name);
        if (found == fragments_.end()) {
          return Refuse("there is no fragment " + Quoted(selection.name));
        }
        ARROW_RETURN_NOT_OK(CheckCycle(*found->second, open, done));
      }
      ARROW_RETURN_NOT_OK(CheckSpreads(selection.selections, open, done));
    }
    return Status::OK();
  }

  Status Check(const Operation& operation) {
    variables_.clear();
    checked_.clear();
    for (const auto& variable : operation.variables) {
      const TypeDefinition* type = types_.Find(variable.type.name);
      if (type == nullptr || type->IsComposite()) {
        return Refuse("variable $" + variable.name.substr(0, 64) + ": " +
                      Quoted(variable.type.name) + " is not a type that a variable can have");
      }
      if (!variables_.emplace(variable.name, &variable).second) {
        return Refuse("variable $" + variable.name.substr(0, 64) + " is declared twice");
      }
    }
    const TypeDefinition* root = types_.Find(operation.kind == "query" ? "Query" : "Mutation");
    return CheckSelections(*root, operation.selections);
  }

  Status CheckSelections(const TypeDefinition& type, const std::vector<Selection>& selections) {
    for (const auto& selection : selections) {
      for (const auto& directive : selection.directives) {
        if (directive.name != "skip" && directive.name != "include") {
          return Refuse("there is no directive @" + directive.name.substr(0, 64));
        }
        ARROW_RETURN_NOT_OK(
            CheckArguments("@" + directive.name, ConditionArgument(), directive.arguments));
      }
      switch (selection.kind) {
        case Selection::Kind::kField:
          ARROW_RETURN_NOT_OK(CheckField(type, selection));
          break;
        case Selection::Kind::kInline: {
          const std::string& name = selection.condition.empty() ? type.name : selection.condition;
          ARROW_ASSIGN_OR_RAISE(const TypeDefinition* of, Condition(type, name));
          ARROW_RETURN_NOT_OK(CheckSelections(*of, selection.selections));
          break;
        }
        case Selection::Kind::kSpread: {
          const auto found = fragments_.find(selection.name);
          if (found == fragments_.end()) {
            return Refuse("there is no fragment " + Quoted(selection.name));
          }
          ARROW_ASSIGN_OR_RAISE(const TypeDefinition* of,
                                Condition(type, found->second->condition));
          // Once an operation is enough: what it holds does not depend on where it is used.
          if (checked_.insert(selection.name).second) {
            ARROW_RETURN_NOT_OK(CheckSelections(*of, found->second->selections));
          }
          break;
        }
      }
    }
    return Status::OK();
  }

  Result<const TypeDefinition*> Condition(const TypeDefinition& type, const std::string& name) {
    const TypeDefinition* of = types_.Find(name);
    if (of == nullptr || !of->IsComposite()) {
      return Refuse("there is no object type " + Quoted(name));
    }
    if (!types_.Overlap(type.name, name)) {
      return Refuse("a fragment on " + Quoted(name) + " can never match " + Quoted(type.name));
    }
    return of;
  }

  Status CheckField(const TypeDefinition& type, const Selection& selection) {
    if (selection.name == "__typename") {
      if (!selection.arguments.empty() || !selection.selections.empty()) {
        return Refuse("\"__typename\" takes no arguments and has no fields");
      }
      return Status::OK();
    }
    const FieldDefinition* field = type.Field(selection.name);
    if (field == nullptr) {
      return Refuse("cannot query field " + Quoted(selection.name) + " on type " +
                    Quoted(type.name));
    }
    ARROW_RETURN_NOT_OK(
        CheckArguments("field " + Quoted(field->name), field->arguments, selection.arguments));
    const TypeDefinition* of = types_.Find(field->type.name);
    if (of->IsComposite() == selection.selections.empty()) {
      return Refuse("field " + Quoted(field->name) +
                    (of->IsComposite() ? " needs a selection of fields" : " has no fields"));
    }
    return of->IsComposite() ? CheckSelections(*of, selection.selections) : Status::OK();
  }

  Status CheckArguments(const std::string& where, const std::vector<InputDefinition>& definitions,
                        const Arguments& arguments) {
    std::set<std::string> given;
    for (const auto& [name, value] : arguments) {
      const InputDefinition* definition = nullptr;
      for (const auto& candidate : definitions) {
        if (candidate.name == name) definition = &candidate;
      }
      if (definition == nullptr) return Refuse(where + " has no argument " + Quoted(name));
      if (!given.insert(name).second) return Refuse(where + " has " + Quoted(name) + " twice");
      ARROW_RETURN_NOT_OK(CheckValue(where + ", " + Quoted(name), definition->type, value));
    }
    for (const auto& definition : definitions) {
      if (definition.type.required && !given.contains(definition.name)) {
        return Refuse(where + " needs the argument " + Quoted(definition.name));
      }
    }
    return Status::OK();
  }

  Status CheckValue(const std::string& where, const TypeRef& type, const Value& value) {
    const auto mismatch = [&] { return Refuse(where + " must be of the type " + type.ToString()); };
    if (value.kind == Value::Kind::kVariable) {
      const auto found = variables_.find(value.text);
      if (found == variables_.end()) {
        return Refuse("variable $" + value.text.substr(0, 64) + " is not declared");
      }
      const TypeRef& has = found->second->type;
      const bool fits = has.name == type.name && has.list == type.list &&
                        (!type.required || has.required || found->second->has_default) &&
                        (!type.item_required || has.item_required);
      if (!fits) {
        return Refuse("variable $" + value.text.substr(0, 64) + " of the type " + has.ToString() +
                      " is used where " + type.ToString() + " is needed");
      }
      return Status::OK();
    }
    if (value.kind == Value::Kind::kNull) return type.required ? mismatch() : Status::OK();
    if (type.list) {
      TypeRef item{.name = type.name, .required = type.item_required};
      if (value.kind != Value::Kind::kList) return CheckValue(where, item, value);
      for (const Value& one : value.items) ARROW_RETURN_NOT_OK(CheckValue(where, item, one));
      return Status::OK();
    }
    const TypeDefinition& of = *types_.Find(type.name);
    switch (of.kind) {
      case TypeDefinition::Kind::kInput: {
        if (value.kind != Value::Kind::kObject) return mismatch();
        return CheckArguments(where, of.inputs, value.fields);
      }
      case TypeDefinition::Kind::kEnum:
        return value.kind == Value::Kind::kEnum && of.symbols.contains(value.text) ? Status::OK()
                                                                                   : mismatch();
      case TypeDefinition::Kind::kScalar: {
        using Kind = Value::Kind;
        const bool fits =
            of.name == "Int"       ? value.kind == Kind::kInt
            : of.name == "Float"   ? value.kind == Kind::kInt || value.kind == Kind::kFloat
            : of.name == "Boolean" ? value.kind == Kind::kBoolean
            : of.name == "ID"      ? value.kind == Kind::kString || value.kind == Kind::kInt
                                   : value.kind == Kind::kString;
        return fits ? Status::OK() : mismatch();
      }
      default:
        return mismatch();
    }
  }

  const TypeSystem& types_;
  const Document& document_;
  std::map<std::string, const Fragment*> fragments_;
  std::map<std::string, const Variable*> variables_;
  std::set<std::string> checked_;
};

Result<Json> CoerceJson(const TypeSystem& types, const std::string& where, const TypeRef& type,
                        const Json& given) {
  const auto mismatch = [&] { return Refuse(where + " must be of the type " + type.ToString()); };
  if (given.is_null()) return type.required ? Result<Json>(mismatch()) : Json();
  if (type.list) {
    const TypeRef item{.name = type.name, .required = type.item_required};
    Json out = Json::array();
    if (!given.is_array()) {
      ARROW_ASSIGN_OR_RAISE(Json one, CoerceJson(types, where, item, given));
      out.push_back(std::move(one));
      return out;
    }
    for (const auto& one : given) {
      ARROW_ASSIGN_OR_RAISE(Json coerced, CoerceJson(types, where, item, one));
      out.push_back(std::move(coerced));
    }
    return out;
  }
  const TypeDefinition& of = *types.Find(type.name);
  if (of.kind == TypeDefinition::Kind::kEnum) {
    if (!given.is_string() || !of.symbols.contains(given.get<std::string>())) return mismatch();
    return given;
  }
  if (of.kind == TypeDefinition::Kind::kInput) {
    if (!given.is_object()) return mismatch();
    Json out = Json::object();
    for (const auto& [name, value] : given.items()) {
      const bool known = std::any_of(of.inputs.begin(), of.inputs.end(),
                                     [&](const auto& input) { return input.name == name; });
      if (!known) return Refuse(where + " has no field " + Quoted(name));
    }
    for (const auto& input : of.inputs) {
      const auto found = given.find(input.name);
      ARROW_ASSIGN_OR_RAISE(Json value, CoerceJson(types, where + "." + input.name, input.type,
                                                   found == given.end() ? Json() : *found));
      if (!value.is_null()) out[input.name] = std::move(value);
    }
    return out;
  }
  if (of.name == "Int") {
    if (!given.is_number_integer()) return mismatch();
    if (given.is_number_unsigned() && given.get<uint64_t>() > uint64_t{INT64_MAX})
      return mismatch();
    return given;
  }
  if (of.name == "Float") return given.is_number() ? Result<Json>(given) : mismatch();
  if (of.name == "Boolean") return given.is_boolean() ? Result<Json>(given) : mismatch();
  if (of.name == "ID" && given.is_number_integer()) return Json(given.dump());
  return given.is_string() ? Result<Json>(given) : mismatch();
}

/// A written value as JSON, with variables put in. It was checked.
Result<Json> ToJson(const Value& value, const std::map<std::string, Json>& variables) {
  switch (value.kind) {
    case Value::Kind::kVariable: {
      const auto found = variables.find(value.text);
      return found == variables.end() ? Json() : found->second;
    }
    case Value::Kind::kNull:
      return Json();
    case Value::Kind::kBoolean:
      return Json(value.text == "true");
    case Value::Kind::kString:
    case Value::Kind::kEnum:
      return Json(value.text);
    case Value::Kind::kInt: {
      int64_t number = 0;
      const char* end = value.text.data() + value.text.size();
      const auto read = std::from_chars(value.text.data(), end, number);
      if (read.ec != std::errc() || read.ptr != end)
        return Refuse("a number has more than 64 bits");
      return Json(number);
    }
    case Value::Kind::kFloat: {
      double number = 0;
      std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
      return Json(number);
    }
    case Value::Kind::kList: {
      Json out = Json::array();
      for (const auto& item : value.items) {
        ARROW_ASSIGN_OR_RAISE(Json one, ToJson(item, variables));
        out.push_back(std::move(one));
      }
      return out;
    }
    case Value::Kind::kObject: {
      Json out = Json::object();
      for (const auto& [name, field] : value.fields) {
        ARROW_ASSIGN_OR_RAISE(out[name], ToJson(field, variables));
      }
      return out;
    }
  }
  return Json();
}

}  // namespace

Status Validate(const TypeSystem& types, const Document& document) {
  return Validator(types, document).Run();
}

Result<std::map<std::string, Json>> CoerceVariables(const TypeSystem& types,
                                                    const Operation& operation, const Json& given) {
  if (!given.is_null() && !given.is_object()) return Refuse("the variables must be an object");
  std::map<std::string, Json> out;
  for (const auto& variable : operation.variables) {
    Json value;
    if (given.is_object() && given.contains(variable.name)) value = given[variable.name];
    if (value.is_null() && variable.has_default) {
      ARROW_ASSIGN_OR_RAISE(value, ToJson(variable.default_value, {}));
    }
    ARROW_ASSIGN_OR_RAISE(
        value, CoerceJson(types, "variable $" + variable.name.substr(0, 64), variable.type, value));
    if (!value.is_null()) out[variable.name] = std::move(value);
  }
  return out;
}

Result<Json> CoerceArguments(const TypeSystem& types,
                             const std::vector<InputDefinition>& definitions,
                             const Arguments& arguments,
                             const std::map<std::string, Json>& variables) {
  Json out = Json::object();
  for (const auto& definition : definitions) {
    Json value;
    for (const auto& [name, written] : arguments) {
      if (name == definition.name) {
        ARROW_ASSIGN_OR_RAISE(value, ToJson(written, variables));
      }
    }
    ARROW_ASSIGN_OR_RAISE(
        value, CoerceJson(types, "argument " + Quoted(definition.name), definition.type, value));
    if (!value.is_null()) out[definition.name] = std::move(value);
  }
  return out;
}

}  // namespace firth::doors::beneath::graphql
