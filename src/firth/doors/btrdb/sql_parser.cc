#include "firth/doors/btrdb/sql_parser.h"

#include <pg_query.h>
#include <pthread.h>

#include <charconv>
#include <utility>
#include <vector>

namespace firth::doors::btrdb {
namespace {

// The parser writes its tree by recursion, about 250 bytes of stack a level, and a statement of n
// bytes nests at most n/2 deep. Stack that is not touched costs nothing.
constexpr size_t kStackBytes = size_t{64} << 20;

/// Levels of the parser's tree: each level of an expression is three or four of them.
constexpr int kTreeDepthMax = 800;

struct Parse {
  const std::string* text = nullptr;
  std::string tree;
  std::string error;
  bool failed = false;
};

void* RunParser(void* argument) {
  auto* parse = static_cast<Parse*>(argument);
  PgQueryParseResult result = pg_query_parse(parse->text->c_str());
  if (result.error != nullptr) {
    parse->failed = true;
    parse->error = result.error->message;
  } else {
    parse->tree = result.parse_tree;
  }
  pg_query_free_parse_result(result);
  return nullptr;
}

/// Run the parser on a stack that is deep enough for it.
Status RunOnDeepStack(Parse* parse) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread;
  const int failed = pthread_create(&thread, &attributes, RunParser, parse);
  pthread_attr_destroy(&attributes);
  if (failed != 0) {
    return Error(Code::kResourceExhausted, Reason::kOverBudget, "no thread for the SQL parser");
  }
  pthread_join(thread, nullptr);
  return Status::OK();
}

/// The parser's JSON leaves out whole numbers below zero: they are read from the text again.
void RestoreNegative(const std::string& text, nlohmann::json* constant) {
  if (!constant->contains("ival") || !(*constant)["ival"].empty()) return;
  const auto location = constant->value("location", size_t{0});
  if (location >= text.size() || text[location] != '-') return;
  const size_t digits = text.find_first_not_of(" \t\r\n", location + 1);
  if (digits == std::string::npos) return;
  int64_t number = 0;
  std::from_chars(text.data() + digits, text.data() + text.size(), number);
  (*constant)["ival"]["ival"] = -number;
}

/// Look at every part of a tree, without recursion: it may be as deep as the statement is long.
/// Error when it is too deep for what comes after.
Status Review(const std::string& text, nlohmann::json* tree) {
  std::vector<std::pair<nlohmann::json*, int>> open = {{tree, 0}};
  while (!open.empty()) {
    const auto [node, depth] = open.back();
    open.pop_back();
    if (depth > kTreeDepthMax) return SqlError("the statement is nested too deeply");
    if (node->is_object() && node->contains("A_Const")) RestoreNegative(text, &(*node)["A_Const"]);
    for (auto& child : *node) {
      if (child.is_structured()) open.emplace_back(&child, depth + 1);
    }
  }
  return Status::OK();
}

}  // namespace

Status SqlError(std::string what) {
  return Error(Code::kInvalidArgument, Reason::kQueryRefused, std::move(what));
}

Result<nlohmann::json> ParseSelect(const std::string& text) {
  if (text.size() > kSqlBytesMax) {
    return SqlError("a statement has at most " + std::to_string(kSqlBytesMax) + " bytes");
  }
  if (text.find('\0') != std::string::npos) return SqlError("a statement holds no NUL");
  Parse parse;
  parse.text = &text;
  ARROW_RETURN_NOT_OK(RunOnDeepStack(&parse));
  if (parse.failed) return SqlError(parse.error);
  auto tree = nlohmann::json::parse(parse.tree, nullptr, /*allow_exceptions=*/false);
  if (!tree.is_object() || !tree.contains("stmts")) return SqlError("the statement is empty");
  ARROW_RETURN_NOT_OK(Review(text, &tree));
  auto& statements = tree["stmts"];
  if (statements.size() != 1) return SqlError("one SELECT is expected");
  auto& statement = statements[0]["stmt"];
  if (!statement.contains("SelectStmt")) return SqlError("only SELECT is allowed");
  return std::move(statement["SelectStmt"]);
}

}  // namespace firth::doors::btrdb
