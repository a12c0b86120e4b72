// Goal: documents are parsed, checked and answered as the language says, and hostile ones are
// refused. Method: a small type system with resolvers that give fixed objects; requests and the
// bodies that come back.
#include <gtest/gtest.h>

#include <string>

#include "firth/doors/beneath/graphql_execute.h"

namespace firth::doors::beneath::graphql {
namespace {

const TypeSystem& Types() {
  static const TypeSystem types = TypeSystem::Parse(R"(
    enum Color { RED GREEN }
    interface Animal { name: String! friend: Animal }
    type Cat implements Animal { name: String! friend: Animal lives: Int }
    type Dog implements Animal { name: String! friend: Animal }
    input Wish { kind: String! count: Int color: Color }
    type Query { animal(name: String!): Animal wish(input: Wish!): String! number(n: Int!): Int list: [Animal!]! }
    type Mutation { fail: Boolean! })");
  return types;
}

Json Cat() {
  return {{"__typename", "Cat"}, {"name", "tom"}, {"lives", 9}};
}
Json Dog() {
  return {{"__typename", "Dog"}, {"name", "rex"}};
}

Answer Ask(const std::string& query, const Json& variables = nullptr) {
  const auto root = [](const std::string& field, const Json& args) -> Result<Json> {
    if (field == "animal") return args["name"] == "tom" ? Cat() : Json();
    if (field == "wish") return Json(args["input"].dump());
    if (field == "number") return args["n"];
    if (field == "list") return Json::array({Cat(), Dog()});
    return Error(Code::kNotFound, Reason::kNone, "Thing not found");
  };
  const auto link = [](const std::string& name, const Json&) -> std::optional<Result<Json>> {
    if (name == "Cat.friend") return Dog();
    if (name == "Dog.friend") return Cat();
    return std::nullopt;
  };
  return Run(Types(), Json{{"query", query}, {"variables", variables}}.dump(), root, link);
}

struct Case {
  std::string query;
  Json variables;
  std::string body;
};

TEST(GraphqlTest, AnswersInTheOrderOfTheSelection) {
  const Case cases[] = {
      {"{ animal(name: \"tom\") { name } }", nullptr, R"({"data":{"animal":{"name":"tom"}}})"},
      {"query Q($n: String!) { animal(name: $n) { name ... on Cat { lives } } }",
       {{"n", "tom"}},
       R"({"data":{"animal":{"name":"tom","lives":9}}})"},
      {"{ animal(name: \"x\") { name } }", nullptr, R"({"data":{"animal":null}})"},
      {"{ a: number(n: 9223372036854775807) b: number(n: -5) }", nullptr,
       R"({"data":{"a":9223372036854775807,"b":-5}})"},
      {"{ list { __typename ...F } } fragment F on Dog { friend { name } }", nullptr,
       R"({"data":{"list":[{"__typename":"Cat"},{"__typename":"Dog","friend":{"name":"tom"}}]}})"},
      {"query($s: Boolean!) { list { name @skip(if: $s) __typename } }",
       {{"s", true}},
       R"({"data":{"list":[{"__typename":"Cat"},{"__typename":"Dog"}]}})"},
      {"query($w: Wish!) { wish(input: $w) }",
       {{"w", {{"kind", "k"}, {"count", nullptr}, {"color", "RED"}}}},
       R"({"data":{"wish":"{\"color\":\"RED\",\"kind\":\"k\"}"}})"},
      {"{ wish(input: {kind: \"a\\u00e9\\n\", count: 3}) } # end", nullptr,
       "{\"data\":{\"wish\":\"{\\\"count\\\":3,\\\"kind\\\":\\\"aé\\\\n\\\"}\"}}"},
  };
  for (const auto& [query, variables, body] : cases) {
    const Answer answer = Ask(query, variables);
    EXPECT_EQ(answer.status, 200) << query;
    EXPECT_EQ(answer.body, body) << query;
  }
}

TEST(GraphqlTest, ARefusalNamesItsField) {
  const Answer answer = Ask("mutation M { x: fail }");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"errors":[{"message":"Thing not found","path":["x"]}],"data":null})");
}

TEST(GraphqlTest, RefusesWhatTheTypesDoNotHave) {
  const std::string deep = std::string(100, '{');
  std::string nested = "{ animal(name: \"tom\") ";
  for (int i = 0; i < 60; ++i) nested += "{ friend ";
  std::string many = "{";
  for (int i = 0; i < 30'000; ++i) many += " a" + std::to_string(i) + ": number(n: 1)";
  const std::pair<std::string, Json> cases[] = {
      {"", nullptr},
      {"{ }", nullptr},
      {"{ nobody }", nullptr},
      {"{ animal { name } }", nullptr},
      {"{ animal(name: 5) { name } }", nullptr},
      {"{ animal(name: \"a\", name: \"b\") { name } }", nullptr},
      {"{ animal(name: \"a\") }", nullptr},
      {"{ number(n: 1) { x } }", nullptr},
      {"{ number(n: 9223372036854775808) }", nullptr},
      {"{ number(n: 1.5) }", nullptr},
      {"{ animal(name: $x) { name } }", nullptr},
      {"query($x: String) { animal(name: $x) { name } }", {{"x", "tom"}}},
      {"query($x: String!) { animal(name: $x) { name } }", nullptr},
      {"query($x: String!) { animal(name: $x) { name } }", {{"x", 5}}},
      {"query($x: Int!) { number(n: $x) }", {{"x", 1.5}}},
      {"query($x: Int!) { number(n: $x) }", {{"x", "1"}}},
      {"query($x: Cat!) { number(n: 1) }", nullptr},
      {"query($w: Wish!) { wish(input: $w) }", {{"w", {{"kind", "k"}, {"other", 1}}}}},
      {"query($w: Wish!) { wish(input: $w) }", {{"w", {{"count", 1}}}}},
      {"query($w: Wish!) { wish(input: $w) }", {{"w", {{"kind", "k"}, {"color", "BLUE"}}}}},
      {"{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }", nullptr},
      {"{ ...Missing }", nullptr},
      {"{ list { ... on Query { list { name } } } }", nullptr},
      {"{ a: number(n: 1) a: wish(input: {kind: \"x\"}) }", nullptr},
      {"query A { number(n: 1) } query B { number(n: 1) }", nullptr},
      {"subscription { number(n: 1) }", nullptr},
      {"{ number(n: 1) @hide }", nullptr},
      {"{ animal(name: \"unended) { name } }", nullptr},
      {deep, nullptr},
      {nested, nullptr},
      {many, nullptr},
  };
  for (const auto& [query, variables] : cases) {
    const Answer answer = Ask(query, variables);
    EXPECT_EQ(answer.status, 422) << query.substr(0, 100) << "\n" << answer.body;
  }
}

TEST(GraphqlTest, RefusesRequestsThatAreNone) {
  const RootFunction root = [](const std::string&, const Json&) -> Result<Json> { return Json(); };
  const LinkFunction link = [](const std::string&, const Json&) { return std::nullopt; };
  for (const std::string& body :
       {std::string("x"), std::string("[]"), std::string("{}"), std::string("{\"query\": 1}"),
        std::string(100'000, '['),
        std::string("{\"query\": \"{ list { name } }\", \"variables\": 1}")}) {
    EXPECT_EQ(graphql::Run(Types(), body, root, link).status, 422) << body.substr(0, 50);
  }
}

TEST(GraphqlTest, AnAnswerHasABound) {
  std::string query = "{ list { ...F0 } }";
  for (int i = 0; i < 20; ++i) {
    query += " fragment F" + std::to_string(i) + " on Animal { a: friend { ...F" +
             std::to_string(i + 1) + " } b: friend { ...F" + std::to_string(i + 1) + " } }";
  }
  query += " fragment F20 on Animal { name }";
  const Answer answer = Ask(query);
  EXPECT_NE(answer.body.find("too much"), std::string::npos);
}

}  // namespace
}  // namespace firth::doors::beneath::graphql
