# SPDX-License-Identifier: BSL-1.0
# Runs an example and compares what it prints with the comment at its head.
# Run by CTest as: cmake -D PROGRAM=<file, or a list with what starts it> -D SOURCE=<file> -P example.cmake

file(READ "${SOURCE}" text)
string(REGEX MATCH "//     \\$ [^\n]*\n((//     [^\n]*\n)+)" head "${text}")
string(REGEX REPLACE "//     ([^\n]*\n)" "\\1" expected "${CMAKE_MATCH_1}")

execute_process(COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${PROGRAM}
    OUTPUT_VARIABLE printed ERROR_VARIABLE errors RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR NOT printed STREQUAL expected OR NOT errors STREQUAL "")
    message(FATAL_ERROR "${PROGRAM} ended with ${status}\nand printed:\n${printed}${errors}"
        "where its head says:\n${expected}")
endif()
