#include "firth/query/duckdb_library.h"

#include <dlfcn.h>

#include <string>

namespace firth::query {
namespace {

Result<DuckDb> Load() {
  void* library = dlopen(FIRTH_DUCKDB_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) library = dlopen("libduckdb.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Error(Code::kUnimplemented, Reason::kNone,
                 "SQL needs the library libduckdb.so, which is not on this machine");
  }
  DuckDb functions;
  const char* missing = nullptr;
#define FIRTH_DUCKDB_FIND(name)                                                                 \
  functions.name = reinterpret_cast<decltype(functions.name)>(dlsym(library, "duckdb_" #name)); \
  if (functions.name == nullptr) missing = "duckdb_" #name;
  FIRTH_DUCKDB_FUNCTIONS(FIRTH_DUCKDB_FIND)
#undef FIRTH_DUCKDB_FIND
  if (missing == nullptr) return functions;
  return Error(Code::kUnimplemented, Reason::kNone,
               std::string("libduckdb.so is of another version: it lacks ") + missing);
}

}  // namespace

Result<const DuckDb*> LoadDuckDb() {
  static const Result<DuckDb> loaded = Load();
  if (!loaded.ok()) return loaded.status();
  return &*loaded;
}

}  // namespace firth::query
