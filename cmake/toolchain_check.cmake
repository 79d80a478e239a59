# g++ 12, Debian 12's own, destroys the temporaries of a co_await expression twice, so coroutines built with it corrupt
# memory. The program that shows it decides, not a name.
try_run(WEIR_COROUTINES_EXIT WEIR_COROUTINES_COMPILED ${CMAKE_BINARY_DIR}/toolchain
    ${CMAKE_SOURCE_DIR}/tests/toolchain/coroutine_temporaries.cc
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
if(NOT WEIR_COROUTINES_COMPILED OR NOT WEIR_COROUTINES_EXIT EQUAL 0)
    message(FATAL_ERROR "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} cannot build Weir: it fails "
                        "tests/toolchain/coroutine_temporaries.cc. Use a preset: cmake --preset release. "
                        "On Debian 12: apt install clang-19")
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 18)
    message(FATAL_ERROR "Weir is built with clang 19 (found ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}). "
                        "Use a preset: cmake --preset release. On Debian 12: apt install clang-19")
endif()
