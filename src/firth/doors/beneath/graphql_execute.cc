#include "firth/doors/beneath/graphql_execute.h"

#include <utility>
#include <vector>

namespace firth::doors::beneath::graphql {
namespace {

constexpr int kUnprocessable = 422;
constexpr size_t kRequestDepthMax = 64;
// Fields of a reply: a document of few words can ask for many.
constexpr int kFieldsMax = 200'000;

std::string Dump(const Reply& reply) {
  return reply.dump(-1, ' ', false, Reply::error_handler_t::replace);
}

Answer Failed(int status, const std::string& message, const Reply& path) {
  Reply error{{"message", message}, {"path", path}};
  Reply body;
  body["errors"] = Reply::array({std::move(error)});
  body["data"] = nullptr;
  return {.status = status, .body = Dump(body)};
}

Answer BadDocument(const Status& status) {
  return Failed(kUnprocessable, MessageOf(status), Reply::array());
}

using Fields = std::vector<std::pair<std::string, std::vector<const Selection*>>>;

class Executor {
 public:
  Executor(const TypeSystem& types, const Document& document, std::map<std::string, Json> variables,
           const RootFunction& root, const LinkFunction& link)
      : types_(types), variables_(std::move(variables)), root_(root), link_(link) {
    for (const auto& fragment : document.fragments) fragments_[fragment.name] = &fragment;
  }

  Answer Execute(const Operation& operation) {
    const TypeDefinition& type = *types_.Find(operation.kind == "query" ? "Query" : "Mutation");
    Fields fields;
    if (const Status collected = Collect(type.name, operation.selections, 0, &fields);
        !collected.ok()) {
      return BadDocument(collected);
    }
    // All arguments before the first field: a bad one must not leave half of the changes made.
    std::vector<Json> arguments;
    for (const auto& [key, selections] : fields) {
      const FieldDefinition* field = type.Field(selections.front()->name);
      auto coerced = field == nullptr ? Result<Json>(Json())
                                      : CoerceArguments(types_, field->arguments,
                                                        selections.front()->arguments, variables_);
      if (!coerced.ok()) return BadDocument(coerced.status());
      arguments.push_back(std::move(*coerced));
    }
    Reply data = Reply::object();
    for (size_t i = 0; i < fields.size(); ++i) {
      const auto& [key, selections] = fields[i];
      if (selections.front()->name == "__typename") {
        data[key] = type.name;
        continue;
      }
      const FieldDefinition& field = *type.Field(selections.front()->name);
      const auto complete = [&]() -> Result<Reply> {
        ARROW_ASSIGN_OR_RAISE(const Json value, root_(field.name, arguments[i]));
        return Complete(field.type, value, selections);
      };
      auto value = complete();
      if (!value.ok()) return Failed(200, MessageOf(value.status()), Reply::array({key}));
      data[key] = std::move(*value);
    }
    Reply body;
    body["data"] = std::move(data);
    return {.status = 200, .body = Dump(body)};
  }

 private:
  Status Spend() {
    if (++spent_ <= kFieldsMax) return Status::OK();
    return Error(Code::kInvalidArgument, Reason::kNone, "the document asks for too much at once");
  }

  Result<bool> Wanted(const Selection& selection) {
    static const std::vector<InputDefinition> inputs{
        {"if", TypeRef{.name = "Boolean", .required = true}}};
    for (const auto& directive : selection.directives) {
      ARROW_ASSIGN_OR_RAISE(const Json arguments,
                            CoerceArguments(types_, inputs, directive.arguments, variables_));
      if (arguments["if"] == (directive.name == "skip")) return false;
    }
    return true;
  }

  /// The fields that `selections` ask of an object of type `type`, by their keys in the reply.
  Status Collect(const std::string& type, const std::vector<Selection>& selections, int depth,
                 Fields* fields) {
    if (depth > kDepthMax) {
      return Error(Code::kInvalidArgument, Reason::kNone, "fragments are nested too deep");
    }
    for (const auto& selection : selections) {
      ARROW_RETURN_NOT_OK(Spend());
      ARROW_ASSIGN_OR_RAISE(const bool wanted, Wanted(selection));
      if (!wanted) continue;
      if (selection.kind == Selection::Kind::kField) {
        ARROW_RETURN_NOT_OK(Add(selection, fields));
        continue;
      }
      const bool spread = selection.kind == Selection::Kind::kSpread;
      const Fragment* fragment = spread ? fragments_.at(selection.name) : nullptr;
      const std::string& condition = spread ? fragment->condition : selection.condition;
      if (!condition.empty() && !types_.Is(type, condition)) continue;
      ARROW_RETURN_NOT_OK(
          Collect(type, spread ? fragment->selections : selection.selections, depth + 1, fields));
    }
    return Status::OK();
  }

  static Status Add(const Selection& selection, Fields* fields) {
    for (auto& [key, selected] : *fields) {
      if (key != selection.alias) continue;
      if (selected.front()->name != selection.name) {
        return Error(Code::kInvalidArgument, Reason::kNone,
                     "\"" + key.substr(0, 64) + "\" is asked for as two different fields");
      }
      selected.push_back(&selection);
      return Status::OK();
    }
    fields->push_back({selection.alias, {&selection}});
    return Status::OK();
  }

  Result<Reply> Complete(const TypeRef& type, const Json& value,
                         const std::vector<const Selection*>& selections) {
    ARROW_RETURN_NOT_OK(Spend());
    if (value.is_null()) {
      if (!type.required) return Reply();
      return Error(Code::kInternal, Reason::kNone, "a value that must be there is missing");
    }
    if (type.list) {
      Reply out = Reply::array();
      const TypeRef item{.name = type.name, .required = type.item_required};
      for (const auto& one : value) {
        ARROW_ASSIGN_OR_RAISE(Reply completed, Complete(item, one, selections));
        out.push_back(std::move(completed));
      }
      return out;
    }
    const TypeDefinition& of = *types_.Find(type.name);
    if (!of.IsComposite()) return Reply(value);
    const std::string object = value.value("__typename", of.name);
    Fields fields;
    for (const Selection* selection : selections) {
      ARROW_RETURN_NOT_OK(Collect(object, selection->selections, 0, &fields));
    }
    const TypeDefinition& definition = *types_.Find(object);
    Reply out = Reply::object();
    for (const auto& [key, selected] : fields) {
      const std::string& name = selected.front()->name;
      if (name == "__typename") {
        out[key] = object;
        continue;
      }
      const FieldDefinition& field = *definition.Field(name);
      auto linked = link_(object + "." + name, value);
      if (linked.has_value()) {
        ARROW_RETURN_NOT_OK(linked->status());
        ARROW_ASSIGN_OR_RAISE(out[key], Complete(field.type, **linked, selected));
      } else {
        const auto found = value.find(name);
        ARROW_ASSIGN_OR_RAISE(
            out[key], Complete(field.type, found == value.end() ? Json() : *found, selected));
      }
    }
    return out;
  }

  const TypeSystem& types_;
  const std::map<std::string, Json> variables_;
  const RootFunction& root_;
  const LinkFunction& link_;
  std::map<std::string, const Fragment*> fragments_;
  int spent_ = 0;
};

Result<Json> ParseRequest(std::string_view body) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) {
    if (depth > static_cast<int>(kRequestDepthMax)) throw std::length_error("nested too deep");
    return true;
  };
  try {
    return Json::parse(body, shallow);
  } catch (const std::exception&) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "the request's body is not JSON, or nested too deep");
  }
}

Result<const Operation*> Choose(const Document& document, const Json& request) {
  if (document.operations.size() == 1) return &document.operations.front();
  const std::string name = request.value("operationName", Json()).is_string()
                               ? request["operationName"].get<std::string>()
                               : "";
  for (const auto& operation : document.operations) {
    if (operation.name == name) return &operation;
  }
  return Error(Code::kInvalidArgument, Reason::kNone,
               "the document has several operations: name one as \"operationName\"");
}

}  // namespace

Answer Run(const TypeSystem& types, std::string_view body, const RootFunction& resolve_root,
           const LinkFunction& resolve_link) {
  const auto request = ParseRequest(body);
  if (!request.ok()) return BadDocument(request.status());
  if (!request->is_object() || !request->contains("query") || !(*request)["query"].is_string()) {
    return BadDocument(Error(Code::kInvalidArgument, Reason::kNone,
                             "the request must be an object with a text \"query\""));
  }
  const auto document = ParseDocument((*request)["query"].get_ref<const std::string&>());
  if (!document.ok()) return BadDocument(document.status());
  if (const Status valid = Validate(types, *document); !valid.ok()) return BadDocument(valid);
  const auto operation = Choose(*document, *request);
  if (!operation.ok()) return BadDocument(operation.status());
  auto variables = CoerceVariables(types, **operation, request->value("variables", Json()));
  if (!variables.ok()) return BadDocument(variables.status());
  return Executor(types, *document, std::move(*variables), resolve_root, resolve_link)
      .Execute(**operation);
}

}  // namespace firth::doors::beneath::graphql
