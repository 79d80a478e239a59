# g++ 12 destroys the temporaries of a co_await expression twice (docs/ARCHITECTURE.md, "Compiler"), so coroutines
# built with it corrupt memory. clang 16 or newer is required, and the reproducer in
# tests/toolchain/ is what proves it.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 18)
    message(FATAL_ERROR "Weir is built with clang 19 (found ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}). "
                        "Use a preset: cmake --preset release. On Debian 12: apt install clang-19")
endif()
