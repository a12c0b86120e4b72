# Compiler, linker and cache: how every file of ours is built.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

# Optimisation and debug level come from the presets through CMAKE_CXX_FLAGS; build types add nothing.
set(CMAKE_CXX_FLAGS_RELEASE "")
set(CMAKE_CXX_FLAGS_DEBUG "")

# Position-independent code everywhere, by plain options: the property would tell libraries and programs
# apart, and one precompiled header could not serve both.
add_compile_options(-fPIC -pthread)
add_link_options(-pthread)

# The linker is named once; with two cores, linking is done one at a time.
find_program(FIRTH_MOLD mold)
if(FIRTH_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
add_link_options(-Wl,--as-needed)
set_property(GLOBAL PROPERTY JOB_POOLS link_pool=1)
set(CMAKE_JOB_POOL_LINK link_pool)

# Paths in debug information and in __FILE__ are relative to the checkout, so that clones share the
# compiler cache and binaries do not name the machine that built them.
add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")

if(FIRTH_SANITIZE)
  add_compile_options(-fsanitize=${FIRTH_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${FIRTH_SANITIZE})
  if(FIRTH_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # As a shared library it would write to the standard error, wherever its reports are told to go.
      add_link_options(-static-libubsan)
    endif()
  endif()
endif()

if(FIRTH_DCHECK)
  add_compile_definitions(FIRTH_DCHECK_ON=1)
endif()

# The compiler cache lives with the other downloads. The settings travel in the command, so that every
# way to start the build has them; the sloppiness is what it needs to see through precompiled headers.
find_program(FIRTH_CCACHE ccache)
if(FIRTH_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(cache "$ENV{XDG_CACHE_HOME}/firth/ccache")
  else()
    set(cache "$ENV{HOME}/.cache/firth/ccache")
  endif()
  set(CMAKE_CXX_COMPILER_LAUNCHER
      /usr/bin/env "CCACHE_DIR=${cache}" "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      CCACHE_MAXSIZE=10G
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${FIRTH_CCACHE}")
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess)
elseif(FIRTH_FUZZ)
  # What the cache may keep must not depend on when a header was written.
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
else()
  set(FIRTH_PCH OFF)  # what linting reads with clang is never built
endif()

# Warnings for our own code only: linked by every target of ours, never by generated code.
add_library(firth_warnings INTERFACE)
target_compile_options(firth_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wconversion
  -Wno-missing-field-initializers)  # an options struct names only what differs from its defaults
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees overlaps and overruns in std::string that are not there, from -O2 on.
  target_compile_options(firth_warnings INTERFACE
    -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # clang warns of what g++ 12's own std::stable_sort is made of.
  target_compile_options(firth_warnings INTERFACE -Wthread-safety -Wno-deprecated-declarations)
endif()
if(FIRTH_WERROR)
  target_compile_options(firth_warnings INTERFACE -Werror)
endif()
