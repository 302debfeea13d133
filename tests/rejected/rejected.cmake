# SPDX-License-Identifier: BSL-1.0
# Passes when SOURCE does not compile, and for the reason that its first line names:
#
#     // expect: <regular expression that the compiler's message matches>
#
# A test that only has to fail would go on passing when a typo is what fails it.
# Run by CTest as: cmake -D COMPILER=<c++> -D INCLUDE_DIR=<dir> -D SOURCE=<file> -P <this>

file(STRINGS "${SOURCE}" first_line LIMIT_COUNT 1)
if(NOT first_line MATCHES "^// expect: (.+)$")
    message(FATAL_ERROR "${SOURCE} does not begin with `// expect: <regex>`")
endif()
set(expected "${CMAKE_MATCH_1}")

# In English, whatever the user's language: the expectation is.
execute_process(
    COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C
            ${COMPILER} -std=c++20 -fsyntax-only -I ${INCLUDE_DIR} ${SOURCE}
    RESULT_VARIABLE result
    ERROR_VARIABLE messages)

if(result EQUAL 0)
    message(FATAL_ERROR "${SOURCE} compiles, and must not")
endif()
if(NOT messages MATCHES "${expected}")
    message(FATAL_ERROR
        "${SOURCE} is rejected, but not with a message like\n  ${expected}\nbut with\n${messages}")
endif()
