# SPDX-License-Identifier: BSL-1.0
# Builds and runs the project beside this file, with the library had in one WAY:
#   installed      installed into a prefix of its own, found by find_package
#   subdirectory   its sources added by add_subdirectory
#   without_boost  installed, and Boost not to be found
# Run by CTest with -D of WAY, BUILD_DIR, PYPROC_SOURCE, PYPROC_BINARY, COMPILER, GENERATOR.

cmake_minimum_required(VERSION 3.24)

function(run)
    execute_process(COMMAND ${ARGV} RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
        list(JOIN ARGV " " command)
        message(FATAL_ERROR "failed (${result}): ${command}")
    endif()
endfunction()

# The two orders of all public headers.
file(GLOB headers RELATIVE ${PYPROC_SOURCE}/include ${PYPROC_SOURCE}/include/pyproc/*.hpp)
list(FILTER headers EXCLUDE REGEX "/(asyncio|mpi)\\.hpp$")
if(WAY STREQUAL "without_boost")
    list(FILTER headers EXCLUDE REGEX "/(futures|multiprocessing|pyproc)\\.hpp$")
endif()
foreach(order IN ITEMS forwards backwards)
    set(text "")
    foreach(header IN LISTS headers)
        string(APPEND text "#include <${header}>\n")
    endforeach()
    # Untouched if it is the same as last time, so that it is not compiled again.
    file(CONFIGURE OUTPUT ${BUILD_DIR}/generated/${order}.cpp CONTENT "${text}" @ONLY)
    list(REVERSE headers)
endforeach()

set(arguments
    -G ${GENERATOR}
    -D CMAKE_CXX_COMPILER=${COMPILER}
    -D CMAKE_BUILD_TYPE=Debug
    -D GENERATED=${BUILD_DIR}/generated)
if(WAY STREQUAL "subdirectory")
    list(APPEND arguments -D PYPROC_SOURCE=${PYPROC_SOURCE})
else()
    set(prefix ${BUILD_DIR}/prefix)
    file(REMOVE_RECURSE ${prefix})  # a header that is gone must not be found there
    run(${CMAKE_COMMAND} --install ${PYPROC_BINARY} --prefix ${prefix})
    list(APPEND arguments -D CMAKE_PREFIX_PATH=${prefix})
endif()
if(WAY STREQUAL "without_boost")
    list(APPEND arguments -D CMAKE_DISABLE_FIND_PACKAGE_Boost=ON)
endif()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${BUILD_DIR}/build ${arguments})
run(${CMAKE_COMMAND} --build ${BUILD_DIR}/build)
run(${BUILD_DIR}/build/consumer)
foreach(optional IN ITEMS listener asyncio)
    if(EXISTS ${BUILD_DIR}/build/consumer.${optional})
        run(${BUILD_DIR}/build/consumer.${optional})
    endif()
endforeach()
