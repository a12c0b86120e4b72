#include "firth/doors/beneath/schema_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include "firth/common/text.h"
#include "firth/doors/beneath/schema_token.h"

namespace firth::doors::beneath {
namespace {

constexpr size_t kDeclarationsMax = 1000;
constexpr int kListDepthMax = 4;

Status Refuse(std::string message) {
  return Error(Code::kInvalidArgument, Reason::kInvalidSchema, std::move(message));
}
Status RefuseAt(int line, const std::string& message) {
  return Refuse("line " + std::to_string(line) + ": " + message);
}
std::string Quoted(const std::string& name) {
  return "'" + name.substr(0, 64) + "'";
}

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return "";
  return std::string(text.substr(from, text.find_last_not_of(kSpace) - from + 1));
}

// -- what the text says, before names are looked up

struct Value {
  std::variant<std::string, double, bool, std::vector<std::string>> data;
};
struct Annotation {
  std::string name;
  std::map<std::string, Value> arguments;
  int line = 1;
};
struct TypeRef {
  std::string name;
  int lists = 0;              // brackets around it
  bool required = false;      // of the whole
  bool item_required = true;  // of what is in the list
};
struct FieldText {
  std::string name, doc;
  TypeRef type;
  std::vector<Annotation> annotations;
  int line = 1;
};
struct Declaration {
  std::string name, doc;
  bool is_enum = false;
  std::vector<std::string> symbols;
  std::vector<FieldText> fields;
  std::vector<Annotation> annotations;
  int line = 1;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(text) {}

  Result<std::vector<Declaration>> Document() {
    std::vector<Declaration> out;
    ARROW_RETURN_NOT_OK(Step());
    while (token_.kind != Token::Kind::kEnd) {
      if (out.size() == kDeclarationsMax) return Refuse("the schema declares too many types");
      ARROW_ASSIGN_OR_RAISE(auto declaration, Declare());
      out.push_back(std::move(declaration));
    }
    return out;
  }

 private:
  Status Step() {
    ARROW_ASSIGN_OR_RAISE(token_, tokens_.Next());
    return Status::OK();
  }
  /// Step over commas, which are white space outside of arguments.
  Status SkipCommas() {
    while (token_.Is(',')) ARROW_RETURN_NOT_OK(Step());
    return Status::OK();
  }
  Status Expect(char mark, const char* where) {
    if (!token_.Is(mark)) {
      return RefuseAt(token_.line,
                      std::string("expected '") + mark + "' " + where + ", found " +
                          (token_.kind == Token::Kind::kEnd ? "the end" : Quoted(token_.text)));
    }
    return Step();
  }
  Result<std::string> Name(const char* what) {
    if (token_.kind != Token::Kind::kName) {
      return RefuseAt(token_.line, std::string("expected the name of ") + what);
    }
    std::string name = token_.text;
    ARROW_RETURN_NOT_OK(Step());
    return name;
  }
  Result<std::string> Doc() {
    std::string doc;
    ARROW_RETURN_NOT_OK(SkipCommas());
    if (token_.kind == Token::Kind::kText) {
      if (!IsUtf8(token_.text)) return RefuseAt(token_.line, "a text is not UTF-8");
      doc = Trimmed(token_.text);
      ARROW_RETURN_NOT_OK(Step());
    }
    return doc;
  }

  Result<Declaration> Declare() {
    Declaration out;
    ARROW_ASSIGN_OR_RAISE(out.doc, Doc());
    out.line = token_.line;
    if (token_.kind == Token::Kind::kEnd && out.doc.empty()) return out;
    if (token_.IsName("enum"))
      out.is_enum = true;
    else if (!token_.IsName("type"))
      return RefuseAt(token_.line, "expected `type` or `enum`");
    ARROW_RETURN_NOT_OK(Step());
    ARROW_ASSIGN_OR_RAISE(out.name, Name("a type"));
    if (!out.is_enum) {
      ARROW_ASSIGN_OR_RAISE(out.annotations, Annotations());
    }
    ARROW_RETURN_NOT_OK(Expect('{', "after the name of a type"));
    while (true) {
      ARROW_RETURN_NOT_OK(SkipCommas());
      if (token_.Is('}')) break;
      if (out.is_enum) {
        ARROW_ASSIGN_OR_RAISE(auto symbol, Name("a symbol"));
        out.symbols.push_back(std::move(symbol));
      } else {
        ARROW_ASSIGN_OR_RAISE(auto field, FieldOf());
        out.fields.push_back(std::move(field));
      }
    }
    ARROW_RETURN_NOT_OK(Step());
    ARROW_RETURN_NOT_OK(SkipCommas());
    return out;
  }

  Result<FieldText> FieldOf() {
    FieldText field;
    ARROW_ASSIGN_OR_RAISE(field.doc, Doc());
    field.line = token_.line;
    ARROW_ASSIGN_OR_RAISE(field.name, Name("a field"));
    ARROW_RETURN_NOT_OK(Expect(':', "after the name of a field"));
    ARROW_ASSIGN_OR_RAISE(field.type, Reference());
    ARROW_ASSIGN_OR_RAISE(field.annotations, Annotations());
    return field;
  }

  Result<TypeRef> Reference() {
    TypeRef ref;
    while (token_.Is('[')) {
      if (++ref.lists > kListDepthMax) return RefuseAt(token_.line, "lists are nested too deep");
      ARROW_RETURN_NOT_OK(Step());
    }
    ARROW_ASSIGN_OR_RAISE(ref.name, Name("a type"));
    for (int i = 0; i <= ref.lists; ++i) {
      bool required = false;
      if (token_.Is('!')) {
        required = true;
        ARROW_RETURN_NOT_OK(Step());
      }
      if (i == ref.lists)
        ref.required = required;
      else {
        if (i == 0) ref.item_required = required;
        ARROW_RETURN_NOT_OK(Expect(']', "after the item of a list"));
      }
    }
    return ref;
  }

  Result<std::vector<Annotation>> Annotations() {
    std::vector<Annotation> out;
    ARROW_RETURN_NOT_OK(SkipCommas());
    while (token_.Is('@')) {
      Annotation annotation{.line = token_.line};
      ARROW_RETURN_NOT_OK(Step());
      ARROW_ASSIGN_OR_RAISE(annotation.name, Name("an annotation"));
      if (token_.Is('(')) ARROW_RETURN_NOT_OK(Arguments(&annotation));
      out.push_back(std::move(annotation));
      ARROW_RETURN_NOT_OK(SkipCommas());
    }
    return out;
  }

  Status Arguments(Annotation* annotation) {
    ARROW_RETURN_NOT_OK(Step());
    while (!token_.Is(')')) {
      if (!annotation->arguments.empty()) ARROW_RETURN_NOT_OK(Expect(',', "between arguments"));
      ARROW_ASSIGN_OR_RAISE(const std::string name, Name("an argument"));
      ARROW_RETURN_NOT_OK(Expect(':', "after the name of an argument"));
      ARROW_ASSIGN_OR_RAISE(auto value, ValueOf());
      if (!annotation->arguments.emplace(name, std::move(value)).second) {
        return RefuseAt(token_.line, "the argument " + Quoted(name) + " is given twice");
      }
    }
    return Step();
  }

  Result<Value> ValueOf() {
    Value value;
    if (token_.Is('[')) {
      std::vector<std::string> texts;
      ARROW_RETURN_NOT_OK(Step());
      while (!token_.Is(']')) {
        if (!texts.empty()) ARROW_RETURN_NOT_OK(Expect(',', "between values"));
        if (token_.kind != Token::Kind::kText) {
          return RefuseAt(token_.line, "an array of an annotation holds strings");
        }
        texts.push_back(token_.text);
        ARROW_RETURN_NOT_OK(Step());
      }
      value.data = std::move(texts);
    } else if (token_.kind == Token::Kind::kText) {
      value.data = token_.text;
    } else if (token_.kind == Token::Kind::kNumber) {
      value.data = 0.0;
    } else if (token_.IsName("true") || token_.IsName("false")) {
      value.data = token_.text == "true";
    } else {
      return RefuseAt(token_.line, "expected a value");
    }
    ARROW_RETURN_NOT_OK(Step());
    return value;
  }

  Tokens tokens_;
  Token token_;
};

// -- what it means

class Compiler {
 public:
  explicit Compiler(std::vector<Declaration> declarations)
      : declarations_(std::move(declarations)) {}

  Result<TableSchema> Compile() {
    const Declaration* root = nullptr;
    for (const Declaration& declaration : declarations_) {
      if (declaration.name.empty()) continue;
      if (IsPrimitiveName(declaration.name)) {
        return RefuseAt(
            declaration.line,
            Quoted(declaration.name) + " cannot be declared: it is the name of a primitive type");
      }
      if (!by_name_.emplace(declaration.name, &declaration).second) {
        return RefuseAt(declaration.line, Quoted(declaration.name) + " is declared twice");
      }
      if (!IsRoot(declaration)) continue;
      if (root != nullptr) {
        return RefuseAt(declaration.line, "only one type may be annotated with @schema");
      }
      root = &declaration;
    }
    if (root == nullptr) return Refuse("no type is annotated with @schema");
    TableSchema schema;
    ARROW_RETURN_NOT_OK(TakeAnnotations(*root, &schema));
    // Types that nothing uses must still be right.
    for (const Declaration& declaration : declarations_) {
      if (declaration.name.empty()) continue;
      ARROW_RETURN_NOT_OK(Named(declaration.name, declaration.line).status());
    }
    schema.record = done_[root->name];
    for (const auto& [name, type] : done_) ARROW_RETURN_NOT_OK(CheckRecordType(*type));
    return schema;
  }

 private:
  static bool IsRootName(const std::string& name) {
    return name == "schema" || name == "stream" || name == "table";
  }
  static bool IsRoot(const Declaration& declaration) {
    return std::any_of(declaration.annotations.begin(), declaration.annotations.end(),
                       [](const Annotation& a) { return IsRootName(a.name); });
  }

  static Result<std::vector<std::string>> FieldsOf(const Annotation& annotation, bool* normalize) {
    std::vector<std::string> fields;
    for (const auto& [name, value] : annotation.arguments) {
      if (name == "fields" && std::holds_alternative<std::string>(value.data)) {
        fields = {std::get<std::string>(value.data)};
      } else if (name == "fields" && std::holds_alternative<std::vector<std::string>>(value.data)) {
        fields = std::get<std::vector<std::string>>(value.data);
      } else if (name == "normalize" && std::holds_alternative<bool>(value.data)) {
        *normalize = std::get<bool>(value.data);
      } else {
        return RefuseAt(annotation.line, "@" + annotation.name + " has no argument " +
                                             Quoted(name) + " of that type");
      }
    }
    if (fields.empty()) {
      return RefuseAt(annotation.line, "@" + annotation.name + " on a type needs `fields`");
    }
    return fields;
  }

  static Status CheckRootName(const Annotation& annotation) {
    for (const auto& [name, value] : annotation.arguments) {
      const auto* text = std::get_if<std::string>(&value.data);
      if (name != "name" || text == nullptr) {
        return RefuseAt(annotation.line,
                        "@" + annotation.name + " has no argument " + Quoted(name));
      }
      std::string given = *text;
      std::replace(given.begin(), given.end(), '-', '_');
      if (!IsPlainName(given, 128)) {
        return RefuseAt(annotation.line, Quoted(given) + " is not a name for a table");
      }
    }
    return Status::OK();
  }

  Status TakeAnnotations(const Declaration& root, TableSchema* schema) {
    bool by_type = false;
    int roots = 0;
    for (const Annotation& annotation : root.annotations) {
      if (IsRootName(annotation.name)) {
        if (++roots > 1) return RefuseAt(annotation.line, "@schema is given twice");
        ARROW_RETURN_NOT_OK(CheckRootName(annotation));
      } else if (annotation.name == "key") {
        if (by_type) return RefuseAt(annotation.line, "the type has two keys");
        by_type = true;
        ARROW_ASSIGN_OR_RAISE(schema->key, FieldsOf(annotation, &schema->normalize));
      } else if (annotation.name == "index") {
        bool normalize = false;
        ARROW_RETURN_NOT_OK(FieldsOf(annotation, &normalize).status());
        return RefuseAt(annotation.line, "secondary indexes are not supported");
      } else {
        return RefuseAt(annotation.line,
                        "there is no annotation @" + annotation.name.substr(0, 64));
      }
    }
    for (const FieldText& field : root.fields) {
      bool marked = false;
      for (const Annotation& annotation : field.annotations) {
        if (annotation.name != "key") {
          return RefuseAt(annotation.line, "there is no annotation @" +
                                               annotation.name.substr(0, 64) + " for a field");
        }
        if (!annotation.arguments.empty()) {
          return RefuseAt(annotation.line, "@key of a field takes no arguments");
        }
        if (by_type) return RefuseAt(annotation.line, "the key is given on the type and on fields");
        if (marked) return RefuseAt(annotation.line, "@key is given twice");
        marked = true;
        schema->key.push_back(field.name);
      }
    }
    return Status::OK();
  }

  Result<TypePtr> Named(const std::string& name, int line) {
    if (TypePtr primitive = PrimitiveNamed(name); primitive != nullptr) return primitive;
    if (const auto done = done_.find(name); done != done_.end()) return done->second;
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return RefuseAt(line, "there is no type " + Quoted(name));
    if (!open_.insert(name).second)
      return RefuseAt(line, "type " + Quoted(name) + " contains itself");
    // Before anything recurses: a chain of types cannot be longer than this.
    if (open_.size() > static_cast<size_t>(kTypeDepthMax) + 1)
      return Refuse("types are nested too deep");
    const Declaration& declaration = *found->second;
    if (!IsRoot(declaration) && !declaration.annotations.empty()) {
      return RefuseAt(declaration.line, "only the type with @schema takes annotations");
    }
    auto type = std::make_shared<Type>();
    type->kind = declaration.is_enum ? Kind::kEnum : Kind::kRecord;
    type->name = declaration.name;
    type->doc = declaration.doc;
    type->symbols = declaration.symbols;
    for (const FieldText& field : declaration.fields) {
      if (!IsRoot(declaration) && !field.annotations.empty()) {
        return RefuseAt(field.line, "only fields of the type with @schema take annotations");
      }
      ARROW_ASSIGN_OR_RAISE(TypePtr of, Named(field.type.name, field.line));
      if (field.type.lists > 1) return RefuseAt(field.line, "a list of lists is not supported");
      if (field.type.lists == 1) {
        if (!field.type.item_required) {
          return RefuseAt(field.line, "the items of a list must be required: add a `!` inside");
        }
        auto list = std::make_shared<Type>();
        list->kind = Kind::kArray;
        list->item = std::move(of);
        of = std::move(list);
      }
      type->fields.push_back({.name = field.name,
                              .doc = field.doc,
                              .type = std::move(of),
                              .nullable = !field.type.required});
    }
    open_.erase(name);
    done_[name] = type;
    return done_[name];
  }

  const std::vector<Declaration> declarations_;
  std::map<std::string, const Declaration*> by_name_;
  std::map<std::string, TypePtr> done_;
  std::set<std::string> open_;
};

Status TakeIndexes(std::string_view text, TableSchema* schema) {
  if (text.size() > kSchemaTextBytesMax) return Refuse("the indexes are too long");
  const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > 8) throw std::length_error("nested too deep");
    return true;
  };
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text, shallow);
  } catch (const std::exception&) {
    return Refuse("the indexes are not JSON");
  }
  if (!json.is_array()) return Refuse("the indexes must be an array");
  if (json.size() != 1) return Refuse("there must be exactly one index, the key");
  const auto& index = json[0];
  if (!index.is_object() || !index.contains("fields") || !index["fields"].is_array()) {
    return Refuse("an index needs an array of fields");
  }
  if (!index.contains("key") || index["key"] != true) {
    return Refuse("the one index must be the key: \"key\": true");
  }
  schema->key.clear();
  for (const auto& field : index["fields"]) {
    if (!field.is_string()) return Refuse("the fields of an index are names");
    schema->key.push_back(field.get<std::string>());
  }
  if (schema->key.empty()) return Refuse("an index needs fields");
  schema->normalize = index.contains("normalize") && index["normalize"] == true;
  return Status::OK();
}

}  // namespace

std::string TableSchema::canonical_indexes() const {
  if (key.empty()) return "[]";
  nlohmann::ordered_json index{{"fields", key}, {"key", true}};
  if (normalize) index["normalize"] = true;
  return nlohmann::ordered_json::array({index}).dump();
}

Result<TableSchema> ParseSchemaText(std::string_view text) {
  if (text.size() > kSchemaTextBytesMax) return Refuse("the schema is longer than 256 KiB");
  ARROW_ASSIGN_OR_RAISE(auto declarations, Parser(text).Document());
  return Compiler(std::move(declarations)).Compile();
}

Result<TableSchema> CompileSchema(bool avro, std::string_view text, std::string_view indexes,
                                  bool needs_key) {
  TableSchema schema;
  if (avro) {
    ARROW_ASSIGN_OR_RAISE(schema.record, ParseAvro(text));
  } else {
    ARROW_ASSIGN_OR_RAISE(schema, ParseSchemaText(text));
  }
  if (!indexes.empty()) ARROW_RETURN_NOT_OK(TakeIndexes(indexes, &schema));
  if (schema.key.empty() && avro && !needs_key) return schema;
  ARROW_RETURN_NOT_OK(CheckKey(*schema.record, schema.key));
  return schema;
}

}  // namespace firth::doors::beneath
