# Third-party parts, each behind a target named ext_<part>; src/firth/CMakeLists.txt says which room uses
# which. All their headers count as system headers, so none of our warnings apply to them.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# ext_library(NAME [LIBRARIES names…] [HEADER file]): a part from the distribution.
function(ext_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "HEADER" "LIBRARIES")
  add_library(ext_${name} INTERFACE)
  foreach(library IN LISTS arg_LIBRARIES)
    find_library(FIRTH_LIB_${library} NAMES ${library} REQUIRED)
    target_link_libraries(ext_${name} INTERFACE "${FIRTH_LIB_${library}}")
  endforeach()
  if(arg_HEADER)
    find_path(FIRTH_INCLUDE_${name} NAMES ${arg_HEADER} REQUIRED)
  endif()
endfunction()

# --- Arrow and Parquet: the shared libraries and headers of the pinned wheel, or an installed Arrow.
if(EXISTS "${FIRTH_DEPS}/arrow/pyarrow/include/arrow/api.h")
  file(REAL_PATH "${FIRTH_DEPS}/arrow/pyarrow" arrow_root)
  foreach(part arrow arrow_compute arrow_acero arrow_dataset arrow_s3 parquet)
    file(GLOB library "${arrow_root}/lib${part}.so.*")
    add_library(ext_${part} SHARED IMPORTED GLOBAL)
    set_target_properties(ext_${part} PROPERTIES IMPORTED_LOCATION "${library}")
    target_include_directories(ext_${part} SYSTEM INTERFACE "${arrow_root}/include")
  endforeach()
  list(APPEND CMAKE_BUILD_RPATH "${arrow_root}")
  # libparquet also lets the process see the OpenSSL inside of it. What comes first on the command line is
  # searched first at run time: the distribution's own must be, or libssl would call half of another one.
  target_link_options(ext_parquet INTERFACE
    "LINKER:--push-state,--no-as-needed,-lssl,-lcrypto,--pop-state")
else()
  find_package(Arrow REQUIRED)
  find_package(Parquet REQUIRED)
  find_package(ArrowCompute REQUIRED)
  find_package(ArrowAcero REQUIRED)
  find_package(ArrowDataset REQUIRED)
  add_library(ext_arrow ALIAS Arrow::arrow_shared)
  add_library(ext_parquet ALIAS Parquet::parquet_shared)
  add_library(ext_arrow_compute ALIAS ArrowCompute::arrow_compute_shared)
  add_library(ext_arrow_acero ALIAS ArrowAcero::arrow_acero_shared)
  add_library(ext_arrow_dataset ALIAS ArrowDataset::arrow_dataset_shared)
endif()

# --- DuckDB: its C header to compile with; the library itself is loaded at run time, on first use.
if(EXISTS "${FIRTH_DEPS}/duckdb/include/duckdb.h")
  file(REAL_PATH "${FIRTH_DEPS}/duckdb" duckdb_root)
  add_library(ext_duckdb INTERFACE)
  target_include_directories(ext_duckdb SYSTEM INTERFACE "${duckdb_root}/include")
  target_compile_definitions(ext_duckdb INTERFACE
    FIRTH_DUCKDB_LIBRARY="${duckdb_root}/lib/libduckdb.so")
  target_link_libraries(ext_duckdb INTERFACE ${CMAKE_DL_LIBS})
endif()

# --- The warehouse's dialect: a static library in Rust, built by tools/setup.sh.
add_library(ext_dialect INTERFACE)
target_link_libraries(ext_dialect INTERFACE
  "${FIRTH_DEPS}/dialect/lib/libfirth_dialect.a" Threads::Threads ${CMAKE_DL_LIBS} m)

# --- Libraries that the distribution carries.
ext_library(rocksdb LIBRARIES rocksdb HEADER rocksdb/db.h)
ext_library(sqlite LIBRARIES sqlite3 HEADER sqlite3.h)
ext_library(xxhash LIBRARIES xxhash HEADER xxhash.h)
ext_library(isal LIBRARIES isal HEADER isa-l/crc.h)
ext_library(jemalloc LIBRARIES jemalloc HEADER jemalloc/jemalloc.h)
ext_library(flatbuffers HEADER flatbuffers/flatbuffers.h)
ext_library(sodium LIBRARIES sodium HEADER sodium.h)
ext_library(openssl LIBRARIES ssl crypto HEADER openssl/ssl.h)
ext_library(zlib LIBRARIES z HEADER zlib.h)
ext_library(zstd LIBRARIES zstd HEADER zstd.h)
ext_library(lz4 LIBRARIES lz4 HEADER lz4.h)
ext_library(zip LIBRARIES zip HEADER zip.h)
ext_library(pugixml LIBRARIES pugixml HEADER pugixml.hpp)
ext_library(pg_query LIBRARIES pg_query HEADER pg_query.h)
ext_library(boost HEADER boost/asio.hpp)
ext_library(nlohmann_json HEADER nlohmann/json.hpp)
ext_library(cli11 HEADER CLI/CLI.hpp)
ext_library(prometheus LIBRARIES prometheus-cpp-core HEADER prometheus/registry.h)

# spdlog and fmt are linked as libraries; the definitions keep their bodies out of our translation units.
ext_library(spdlog LIBRARIES spdlog fmt HEADER spdlog/spdlog.h)
target_compile_definitions(ext_spdlog INTERFACE
  SPDLOG_SHARED_LIB SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
ext_library(tomlplusplus LIBRARIES tomlplusplus HEADER toml++/toml.h)
target_compile_definitions(ext_tomlplusplus INTERFACE TOML_HEADER_ONLY=0 TOML_SHARED_LIB=1)

# --- simdjson, compiled here and under another namespace: libparquet carries a version of its own and lets
# the whole process see it, so that what is compiled with one version's header would run the other's code.
# Every file that includes the header defines the same (format/json_value.h).
file(REAL_PATH "${FIRTH_DEPS}/simdjson" simdjson_root)
add_library(ext_simdjson STATIC EXCLUDE_FROM_ALL "${simdjson_root}/simdjson.cpp")
target_compile_definitions(ext_simdjson PRIVATE simdjson=firth_simdjson SIMDJSON_EXCEPTIONS=0)
target_compile_options(ext_simdjson PRIVATE -w)
target_include_directories(ext_simdjson SYSTEM PUBLIC "${simdjson_root}")

# Asio and Beast are compiled once, into a library, instead of into every file that includes them. The
# definitions hold for every target, because all that share a precompiled header must agree.
add_compile_definitions(
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION)
set(boost_source "${CMAKE_BINARY_DIR}/boost_compiled.cc")
file(CONFIGURE OUTPUT "${boost_source}" CONTENT
"#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
")
add_library(ext_boost_compiled STATIC EXCLUDE_FROM_ALL "${boost_source}")
target_compile_options(ext_boost_compiled PRIVATE -w)
target_link_libraries(ext_boost_compiled PUBLIC ext_boost ext_openssl)

# --- Abseil, gRPC and Protobuf.
pkg_check_modules(FIRTH_ABSL REQUIRED IMPORTED_TARGET absl_flat_hash_map)
add_library(ext_absl INTERFACE)
target_link_libraries(ext_absl INTERFACE PkgConfig::FIRTH_ABSL)
pkg_check_modules(FIRTH_GRPC REQUIRED IMPORTED_TARGET grpc++ protobuf)
add_library(ext_protobuf INTERFACE)
ext_library(protobuf_library LIBRARIES protobuf HEADER google/protobuf/message.h)
target_link_libraries(ext_protobuf INTERFACE ext_protobuf_library)
add_library(ext_grpc INTERFACE)
find_library(FIRTH_LIB_grpc_reflection grpc++_reflection REQUIRED)
target_link_libraries(ext_grpc INTERFACE ${FIRTH_LIB_grpc_reflection} PkgConfig::FIRTH_GRPC)
find_program(FIRTH_PROTOC protoc REQUIRED)
find_program(FIRTH_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)

# --- Tests and benchmarks.
if(FIRTH_TESTS)
  ext_library(gtest LIBRARIES gmock gtest HEADER gtest/gtest.h)
  ext_library(gtest_main LIBRARIES gmock_main)
  target_link_libraries(ext_gtest_main INTERFACE ext_gtest)
  ext_library(rapidcheck LIBRARIES rapidcheck HEADER rapidcheck.h)
  ext_library(benchmark LIBRARIES benchmark HEADER benchmark/benchmark.h)
endif()
