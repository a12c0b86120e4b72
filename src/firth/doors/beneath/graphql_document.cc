#include "firth/doors/beneath/graphql_document.h"

#include "firth/common/text.h"
#include "firth/doors/beneath/graphql_token.h"

namespace firth::doors::beneath::graphql {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text, kTokensMax) {}

  Result<Document> Parse() {
    Document document;
    ARROW_RETURN_NOT_OK(Step());
    while (token_.kind != Token::Kind::kEnd) {
      if (token_.IsName("fragment")) {
        ARROW_ASSIGN_OR_RAISE(auto fragment, ParseFragment());
        document.fragments.push_back(std::move(fragment));
      } else {
        ARROW_ASSIGN_OR_RAISE(auto operation, ParseOperation());
        document.operations.push_back(std::move(operation));
      }
    }
    if (document.operations.empty())
      return SyntaxError(token_.line, "the document has no operation");
    return document;
  }

 private:
  using Arguments = std::vector<NamedValue>;

  Status Step() {
    ARROW_ASSIGN_OR_RAISE(token_, lexer_.Next());
    return Status::OK();
  }
  Status Expect(std::string_view mark) {
    if (!token_.Is(mark)) {
      const std::string found = token_.kind == Token::Kind::kEnd
                                    ? "the end of the document"
                                    : "\"" + token_.text.substr(0, 64) + "\"";
      return SyntaxError(token_.line, "expected \"" + std::string(mark) + "\", found " + found);
    }
    return Step();
  }
  Result<std::string> Name() {
    if (token_.kind != Token::Kind::kName) {
      return SyntaxError(
          token_.line, "expected a name, found " + (token_.kind == Token::Kind::kEnd
                                                        ? std::string("the end of the document")
                                                        : "\"" + token_.text.substr(0, 64) + "\""));
    }
    std::string name = token_.text;
    ARROW_RETURN_NOT_OK(Step());
    return name;
  }

  Result<Operation> ParseOperation() {
    Operation operation;
    if (!token_.Is("{")) {
      if (token_.IsName("subscription")) {
        return SyntaxError(token_.line, "subscriptions are not supported here");
      }
      if (!token_.IsName("query") && !token_.IsName("mutation")) {
        return SyntaxError(token_.line, "expected a query or a mutation");
      }
      operation.kind = token_.text;
      ARROW_RETURN_NOT_OK(Step());
      if (token_.kind == Token::Kind::kName) {
        ARROW_ASSIGN_OR_RAISE(operation.name, Name());
      }
      if (token_.Is("(")) ARROW_RETURN_NOT_OK(Variables(&operation));
      ARROW_RETURN_NOT_OK(Directives(nullptr));
    }
    ARROW_ASSIGN_OR_RAISE(operation.selections, Selections(0));
    return operation;
  }

  Status Variables(Operation* operation) {
    ARROW_RETURN_NOT_OK(Expect("("));
    while (!token_.Is(")")) {
      Variable variable;
      ARROW_RETURN_NOT_OK(Expect("$"));
      ARROW_ASSIGN_OR_RAISE(variable.name, Name());
      ARROW_RETURN_NOT_OK(Expect(":"));
      ARROW_ASSIGN_OR_RAISE(variable.type, Reference());
      if (token_.Is("=")) {
        ARROW_RETURN_NOT_OK(Step());
        variable.has_default = true;
        ARROW_ASSIGN_OR_RAISE(variable.default_value, ParseValue(0));
      }
      ARROW_RETURN_NOT_OK(Directives(nullptr));
      operation->variables.push_back(std::move(variable));
    }
    return Step();
  }

  Result<TypeRef> Reference() {
    TypeRef ref;
    if (token_.Is("[")) {
      ref.list = true;
      ARROW_RETURN_NOT_OK(Step());
    }
    ARROW_ASSIGN_OR_RAISE(ref.name, Name());
    const auto bang = [this](bool* required) -> Status {
      if (!token_.Is("!")) return Status::OK();
      *required = true;
      return Step();
    };
    if (ref.list) {
      ARROW_RETURN_NOT_OK(bang(&ref.item_required));
      ARROW_RETURN_NOT_OK(Expect("]"));
    }
    ARROW_RETURN_NOT_OK(bang(&ref.required));
    return ref;
  }

  Result<Fragment> ParseFragment() {
    Fragment fragment;
    ARROW_RETURN_NOT_OK(Step());
    ARROW_ASSIGN_OR_RAISE(fragment.name, Name());
    if (!token_.IsName("on")) return SyntaxError(token_.line, "expected \"on\"");
    ARROW_RETURN_NOT_OK(Step());
    ARROW_ASSIGN_OR_RAISE(fragment.condition, Name());
    ARROW_RETURN_NOT_OK(Directives(nullptr));
    ARROW_ASSIGN_OR_RAISE(fragment.selections, Selections(0));
    return fragment;
  }

  Result<std::vector<Selection>> Selections(int depth) {
    if (depth >= kDepthMax) return SyntaxError(token_.line, "the document is nested too deep");
    ARROW_RETURN_NOT_OK(Expect("{"));
    std::vector<Selection> out;
    do {
      ARROW_ASSIGN_OR_RAISE(auto selection, ParseSelection(depth));
      out.push_back(std::move(selection));
    } while (!token_.Is("}"));
    ARROW_RETURN_NOT_OK(Step());
    return out;
  }

  Result<Selection> ParseSelection(int depth) {
    Selection selection;
    if (token_.Is("...")) {
      ARROW_RETURN_NOT_OK(Step());
      if (token_.kind == Token::Kind::kName && token_.text != "on") {
        selection.kind = Selection::Kind::kSpread;
        ARROW_ASSIGN_OR_RAISE(selection.name, Name());
        ARROW_RETURN_NOT_OK(Directives(&selection.directives));
        return selection;
      }
      selection.kind = Selection::Kind::kInline;
      if (token_.IsName("on")) {
        ARROW_RETURN_NOT_OK(Step());
        ARROW_ASSIGN_OR_RAISE(selection.condition, Name());
      }
      ARROW_RETURN_NOT_OK(Directives(&selection.directives));
      ARROW_ASSIGN_OR_RAISE(selection.selections, Selections(depth + 1));
      return selection;
    }
    ARROW_ASSIGN_OR_RAISE(selection.name, Name());
    selection.alias = selection.name;
    if (token_.Is(":")) {
      ARROW_RETURN_NOT_OK(Step());
      ARROW_ASSIGN_OR_RAISE(selection.name, Name());
    }
    if (token_.Is("(")) {
      ARROW_ASSIGN_OR_RAISE(selection.arguments, ParseArguments());
    }
    ARROW_RETURN_NOT_OK(Directives(&selection.directives));
    if (token_.Is("{")) {
      ARROW_ASSIGN_OR_RAISE(selection.selections, Selections(depth + 1));
    }
    return selection;
  }

  Result<Arguments> ParseArguments() {
    Arguments out;
    ARROW_RETURN_NOT_OK(Expect("("));
    do {
      ARROW_ASSIGN_OR_RAISE(std::string name, Name());
      ARROW_RETURN_NOT_OK(Expect(":"));
      ARROW_ASSIGN_OR_RAISE(Value value, ParseValue(0));
      out.emplace_back(std::move(name), std::move(value));
    } while (!token_.Is(")"));
    ARROW_RETURN_NOT_OK(Step());
    return out;
  }

  Status Directives(std::vector<Directive>* out) {
    while (token_.Is("@")) {
      Directive directive;
      ARROW_RETURN_NOT_OK(Step());
      ARROW_ASSIGN_OR_RAISE(directive.name, Name());
      if (token_.Is("(")) {
        ARROW_ASSIGN_OR_RAISE(directive.arguments, ParseArguments());
      }
      if (out == nullptr) {
        return SyntaxError(token_.line, "there is no directive @" + directive.name.substr(0, 64) +
                                            " for this place");
      }
      out->push_back(std::move(directive));
    }
    return Status::OK();
  }

  Result<Value> ParseValue(int depth) {
    if (depth >= kDepthMax) return SyntaxError(token_.line, "a value is nested too deep");
    Value value;
    if (token_.Is("[") || token_.Is("{")) return ParseComposite(depth);
    if (token_.Is("$")) {
      ARROW_RETURN_NOT_OK(Step());
      value.kind = Value::Kind::kVariable;
      ARROW_ASSIGN_OR_RAISE(value.text, Name());
      return value;
    }
    value.text = token_.text;
    switch (token_.kind) {
      case Token::Kind::kInt:
        value.kind = Value::Kind::kInt;
        break;
      case Token::Kind::kFloat:
        value.kind = Value::Kind::kFloat;
        break;
      case Token::Kind::kString:
        value.kind = Value::Kind::kString;
        break;
      case Token::Kind::kName:
        if (token_.text == "null")
          value.kind = Value::Kind::kNull;
        else if (token_.text == "true" || token_.text == "false")
          value.kind = Value::Kind::kBoolean;
        else
          value.kind = Value::Kind::kEnum;
        break;
      default:
        return SyntaxError(token_.line, "expected a value");
    }
    ARROW_RETURN_NOT_OK(Step());
    return value;
  }

  Result<Value> ParseComposite(int depth) {
    Value value;
    const bool list = token_.Is("[");
    value.kind = list ? Value::Kind::kList : Value::Kind::kObject;
    ARROW_RETURN_NOT_OK(Step());
    while (!token_.Is(list ? "]" : "}")) {
      std::string name;
      if (!list) {
        ARROW_ASSIGN_OR_RAISE(name, Name());
        ARROW_RETURN_NOT_OK(Expect(":"));
      }
      ARROW_ASSIGN_OR_RAISE(Value item, ParseValue(depth + 1));
      if (list)
        value.items.push_back(std::move(item));
      else
        value.fields.push_back({std::move(name), std::move(item)});
    }
    ARROW_RETURN_NOT_OK(Step());
    return value;
  }

  Lexer lexer_;
  Token token_;
};

}  // namespace

std::string TypeRef::ToString() const {
  std::string text = name;
  if (list) text = "[" + text + (item_required ? "!" : "") + "]";
  return text + (required ? "!" : "");
}

Result<Document> ParseDocument(std::string_view text) {
  if (text.size() > kDocumentBytesMax) return SyntaxError(1, "the document is longer than 256 KiB");
  if (!IsUtf8(text)) return SyntaxError(1, "the document is not UTF-8");
  return Parser(text).Parse();
}

}  // namespace firth::doors::beneath::graphql
