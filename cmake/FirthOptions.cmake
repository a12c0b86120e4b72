# What a build can choose. The presets set these; a door can also be left out by hand, and the rest
# still links: -DFIRTH_DOOR_FLUSS=OFF.

option(FIRTH_DCHECK "Keep the checks that were measured too dear for release builds" OFF)
option(FIRTH_WERROR "Treat warnings in our own code as errors" OFF)
option(FIRTH_TESTS "Define the test targets" ON)
option(FIRTH_PCH "Use precompiled headers" ON)
set(FIRTH_SANITIZE "" CACHE STRING "Sanitizers for our code, as for -fsanitize=, e.g. address,undefined")
option(FIRTH_FUZZ "Define the fuzz targets (needs clang)" OFF)

set(FIRTH_DEPS "${CMAKE_SOURCE_DIR}/.deps" CACHE PATH "Folder in which tools/setup.sh put its links")
