# How rooms, their tests, generated protocol code and programs become targets.

# Everything that is generated before our own code compiles.
add_custom_target(firth_generated)

# --- Precompiled headers. One for the engine, one for what speaks to sockets, one for tests; every target
# of ours reuses one of them, because all of them are compiled with the same options.
function(firth_pch name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;USES")
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/pch/${name}.cc" CONTENT "")
  add_library(${name} STATIC EXCLUDE_FROM_ALL "${CMAKE_BINARY_DIR}/pch/${name}.cc")
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
  target_link_libraries(${name} PRIVATE firth_warnings ${arg_USES})
endfunction()

set(pch_std
  <algorithm> <array> <atomic> <chrono> <condition_variable> <cstddef> <cstdint> <cstring> <deque>
  <functional> <limits> <map> <memory> <mutex> <optional> <set> <span> <string> <string_view> <thread>
  <tuple> <type_traits> <unordered_map> <unordered_set> <utility> <variant> <vector> <arrow/api.h>)
if(FIRTH_PCH)
  firth_pch(firth_pch_engine HEADERS ${pch_std} USES ext_arrow)
  firth_pch(firth_pch_net
    HEADERS ${pch_std} <boost/asio.hpp> <boost/beast/core.hpp> <boost/beast/http.hpp> <grpcpp/grpcpp.h>
    USES ext_arrow ext_boost ext_grpc)
  if(FIRTH_TESTS)
    firth_pch(firth_pch_test HEADERS ${pch_std} <gmock/gmock.h> <gtest/gtest.h> USES ext_arrow ext_gtest)
  endif()
endif()

# firth_own(TARGET PCH): what every target of ours has in common.
function(firth_own target pch)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(${target} PRIVATE firth_warnings)
  if(FIRTH_PCH)
    target_precompile_headers(${target} REUSE_FROM firth_pch_${pch})
  endif()
endfunction()

# firth_allocator(TARGET): what runs for long takes its memory from jemalloc. The C library's allocator merges what is
# given back with its neighbours at once, which costs a cache miss for each piece where there are many, and most of
# ours are given back by another thread than took them. Sanitizers bring an allocator of their own.
function(firth_allocator target)
  if(NOT FIRTH_SANITIZE)
    target_link_libraries(${target} PRIVATE ext_jemalloc)
  endif()
endfunction()

# firth_target_of(OUT NAME): the library of a room; a door is named doors/<name>.
function(firth_target_of out name)
  string(REGEX REPLACE "^doors/" "door_" name "${name}")
  set(${out} "firth_${name}" PARENT_SCOPE)
endfunction()

# firth_proto(NAME FOLDER OUT): compile the .proto files of a folder into the library firth_<NAME>_proto and
# set OUT to it, or to nothing where there are none. Code includes "<basename>.pb.h"; the service stubs,
# where a file defines a service, are in "<basename>.grpc.pb.h".
function(firth_proto name folder out)
  set(${out} "" PARENT_SCOPE)
  file(GLOB_RECURSE protos CONFIGURE_DEPENDS RELATIVE "${folder}" "${folder}/*.proto")
  if(NOT protos)
    return()
  endif()
  set(generated_root "${CMAKE_BINARY_DIR}/proto/${name}")
  file(MAKE_DIRECTORY "${generated_root}")
  set(generated)
  foreach(proto IN LISTS protos)
    string(REGEX REPLACE "\\.proto$" "" stem "${proto}")
    set(products "${generated_root}/${stem}.pb.cc" "${generated_root}/${stem}.pb.h")
    set(grpc)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${folder}/${proto}")
    file(STRINGS "${folder}/${proto}" services REGEX "^[ \t]*service[ \t]+[A-Za-z0-9_]+")
    if(services)
      list(APPEND products "${generated_root}/${stem}.grpc.pb.cc" "${generated_root}/${stem}.grpc.pb.h")
      set(grpc "--grpc_out=${generated_root}" "--plugin=protoc-gen-grpc=${FIRTH_GRPC_PLUGIN}")
    endif()
    add_custom_command(
      OUTPUT ${products}
      COMMAND "${FIRTH_PROTOC}" "-I${folder}" "--cpp_out=${generated_root}" ${grpc} "${folder}/${proto}"
      DEPENDS "${folder}/${proto}"
      COMMENT "protoc ${name}/${proto}" VERBATIM)
    list(APPEND generated ${products})
  endforeach()
  set(target firth_${name}_proto)
  add_library(${target} STATIC ${generated})
  target_compile_options(${target} PRIVATE -w)
  target_include_directories(${target} SYSTEM PUBLIC "${generated_root}")
  target_link_libraries(${target} PUBLIC ext_grpc)
  add_custom_target(${target}_generated DEPENDS ${generated})
  add_dependencies(${target} ${target}_generated)
  add_dependencies(firth_generated ${target}_generated)
  set(${out} ${target} PARENT_SCOPE)
endfunction()

# firth_room(NAME [PCH engine|net] [SEES rooms…] [USES parts…]): one room. SEES is complete: a header of a
# room that is not listed must not be included, and tests/layout checks that by reading these very lines.
function(firth_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PCH" "SEES;USES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "firth_room(${name}): unknown words ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_PCH)
    set(arg_PCH engine)
  endif()
  firth_target_of(target "${name}")
  set(folder "${CMAKE_SOURCE_DIR}/src/firth/${name}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cc")
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/src/firth/cli/main\\.cc$")

  set(seen)
  foreach(room IN LISTS arg_SEES)
    firth_target_of(room_target "${room}")
    if(TARGET ${room_target})
      list(APPEND seen ${room_target})
    endif()
  endforeach()
  set(parts)
  foreach(part IN LISTS arg_USES)
    if(TARGET ext_${part})
      list(APPEND parts ext_${part})
    endif()
  endforeach()

  string(REGEX REPLACE "^doors/" "" short "${name}")
  firth_proto(${short} "${folder}/proto" proto)

  if(sources)
    add_library(${target} STATIC ${sources})
    firth_own(${target} ${arg_PCH})
    target_link_libraries(${target} PUBLIC ${seen} PRIVATE ${parts} ${proto})
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE ${seen})
  endif()

  if(tests AND FIRTH_TESTS AND NOT FIRTH_FUZZ)
    firth_test(${target}_test KIND unit SOURCES ${tests} LINKS ${target} ${parts} ${proto})
  endif()
endfunction()

# firth_rooms_of(OUT FILE…): the libraries of the rooms whose headers these files include.
function(firth_rooms_of out)
  set(targets)
  foreach(file IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    file(STRINGS "${file}" lines REGEX "^#include \"firth/")
    foreach(line IN LISTS lines)
      string(REGEX MATCH "firth/((doors/)?[a-z_]+)/" ignored "${line}")
      firth_target_of(target "${CMAKE_MATCH_1}")
      if(TARGET ${target})
        list(APPEND targets ${target})
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES targets)
  set(${out} ${targets} PARENT_SCOPE)
endfunction()

# firth_test(TARGET KIND kind SOURCES files… LINKS targets…): one GoogleTest program. RapidCheck is at hand.
# Each is written to tests.txt in the build folder, from which tools/run_tests.py runs them.
function(firth_test target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "KIND" "SOURCES;LINKS")
  add_executable(${target} ${arg_SOURCES})
  firth_own(${target} test)
  target_link_libraries(${target} PRIVATE ${arg_LINKS})
  if(TARGET firth_testing)
    target_link_libraries(${target} PRIVATE firth_testing)
  endif()
  target_link_libraries(${target} PRIVATE ext_arrow ext_rapidcheck ext_gtest_main)
  set_property(GLOBAL APPEND PROPERTY FIRTH_TEST_TARGETS ${target})
  set_property(GLOBAL APPEND_STRING PROPERTY FIRTH_TEST_LIST "${arg_KIND} $<TARGET_FILE:${target}>\n")
endfunction()
