# SPDX-License-Identifier: BSL-1.0
# Checks that the tree keeps its own rules:
#   1. every header has a test of the same path, and every test a header;
#   2. a header includes only its own folder and the folders below it;
#   3. only posix/ asks which platform this is, and only posix/platform.hpp and platform_ipc.hpp pick a side;
#   4. no header is longer than one sitting;
#   5. a header of a whole module holds includes alone;
#   6. OpenSSL is included only by the two headers of the target that links it;
#   7. Boost.Process is included by one header, and Asio by those of asyncio alone;
#   8. os, shlex and subprocess stay cheap to include: no Boost, no heavy standard header.
# Run by CTest as: cmake -D ROOT=<source dir> -D COMPILER=<c++> -P layout.cmake

cmake_minimum_required(VERSION 3.24)

set(may_include_.               ".")
set(may_include_posix           . posix)
set(may_include_os              . posix os)
set(may_include_spawn           . posix spawn)
set(may_include_subprocess      . posix spawn subprocess)
set(may_include_multiprocessing . posix multiprocessing)
set(may_include_futures         . posix multiprocessing futures)
set(may_include_asyncio         . posix spawn subprocess asyncio)
set(may_include_mpi             . posix multiprocessing futures mpi)
set(longest_header 400)
set(cheap_modules os.hpp shlex.hpp subprocess.hpp)
# Nothing is said of what these read themselves; the others cost too much of compile time.
set(paid_for string vector map optional)
set(too_dear chrono filesystem functional iostream memory regex thread variant)

# Goes on, so that one run lists every fault.
function(complain text)
    message(NOTICE "${text}")
    set_property(GLOBAL APPEND PROPERTY faults "${text}")
endfunction()

# The folder a path belongs to: "posix" for posix/linux/pidfd.hpp, "." for shlex.hpp.
function(folder_of path result)
    if(path MATCHES "^([^/]+)/")
        set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
    else()
        set(${result} "." PARENT_SCOPE)
    endif()
endfunction()

# The files that are read by including these headers, named as #include names them.
function(files_read_by result)
    list(TRANSFORM ARGN PREPEND "-include;" OUTPUT_VARIABLE includes)
    execute_process(
        COMMAND ${COMPILER} -std=c++20 -M -I "${ROOT}/include" ${includes} -x c++ /dev/null
        OUTPUT_VARIABLE rule
        RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        complain("cannot be preprocessed: ${ARGN}")
    endif()
    string(REGEX REPLACE "[ \\\n]+" ";" files "${rule}")
    set(${result} "${files}" PARENT_SCOPE)
endfunction()

set(include_dir "${ROOT}/include/pyproc")
file(GLOB_RECURSE headers RELATIVE "${include_dir}" "${include_dir}/*.hpp")
file(GLOB_RECURSE tests RELATIVE "${ROOT}/tests" "${ROOT}/tests/*.cpp")
list(FILTER tests EXCLUDE REGEX "^(children|combinations|consumer|faults|parity|rejected|support)/")

foreach(header IN LISTS headers)
    folder_of("${header}" folder)
    file(STRINGS "${include_dir}/${header}" directives REGEX "^ *#")
    file(READ "${include_dir}/${header}" text)
    string(REGEX MATCHALL "\n" newlines "${text}")
    list(LENGTH newlines length)

    string(REGEX REPLACE "hpp$" "cpp" test "${header}")
    string(REGEX REPLACE "\\.hpp$" "" own_folder "${header}")
    set(is_umbrella OFF)
    if(IS_DIRECTORY "${include_dir}/${own_folder}" OR header STREQUAL "pyproc.hpp")
        set(is_umbrella ON)
    endif()

    if(NOT is_umbrella AND NOT test IN_LIST tests)
        complain("${header} has no test at tests/${test}")
    endif()
    if(length GREATER longest_header)
        complain("${header} has ${length} lines, more than ${longest_header}")
    endif()
    if(NOT folder STREQUAL "posix" AND directives MATCHES "__linux__|__APPLE__|__FreeBSD__")
        complain("${header} asks for the platform, and only include/pyproc/posix may")
    endif()

    if(directives MATCHES "openssl/" AND
       NOT header MATCHES "^multiprocessing/(authentication|listener)\\.hpp$")
        complain("${header} must not include OpenSSL")
    endif()
    if(directives MATCHES "multiprocessing/(authentication|listener)\\.hpp" AND
       NOT header STREQUAL "multiprocessing/listener.hpp")
        complain("${header} must not include what needs OpenSSL")
    endif()

    if(directives MATCHES "boost/process" AND NOT header STREQUAL "asyncio/boost.hpp")
        complain("${header} must include asyncio/boost.hpp instead of Boost.Process")
    endif()
    if(directives MATCHES "boost/asio" AND NOT folder STREQUAL "asyncio")
        complain("${header} must not include Asio")
    endif()
    if(header STREQUAL "pyproc.hpp" AND directives MATCHES "pyproc/asyncio")
        complain("${header} must not include asyncio, which needs Boost.Process")
    endif()

    if(is_umbrella)
        set(may_include . ${may_include_${own_folder}})  # pyproc.hpp: whole modules alone
        # What is left of the text without comments and directives.
        string(REGEX REPLACE "(//|#)[^\n]*" "" code "${text}")
        if(NOT code MATCHES "^[ \n]*$")
            complain("${header} stands for a module and may hold only includes")
        endif()
    else()
        set(may_include ${may_include_${folder}})
    endif()
    foreach(line IN LISTS directives)
        if(line MATCHES "#include *[<\"]pyproc/([^>\"]+)")
            set(path "${CMAKE_MATCH_1}")
            folder_of("${path}" included)
            if(NOT included IN_LIST may_include)
                complain("${header} must not include ${included}/")
            endif()
            if(path MATCHES "^posix/(linux|portable)/" AND
               NOT header MATCHES "^posix/(platform(_ipc)?\\.hpp|linux/|portable/)")
                complain("${header} must include posix/platform.hpp or platform_ipc.hpp instead")
            endif()
        endif()
    endforeach()
endforeach()

foreach(test IN LISTS tests)
    string(REGEX REPLACE "cpp$" "hpp" header "${test}")
    if(NOT header IN_LIST headers)
        complain("tests/${test} tests no header")
    endif()
endforeach()

files_read_by(baseline ${paid_for})
foreach(module IN LISTS cheap_modules)
    if(NOT module IN_LIST headers)
        continue()
    endif()
    files_read_by(files pyproc/${module})
    foreach(file IN LISTS files)
        cmake_path(GET file FILENAME name)
        if(file MATCHES "/boost/")
            complain("${module} reaches Boost: ${file}")
        elseif(name IN_LIST too_dear AND file MATCHES "/c\\+\\+/" AND NOT file IN_LIST baseline)
            complain("${module} reaches <${name}>, which is too dear")
        endif()
    endforeach()
endforeach()

get_property(faults GLOBAL PROPERTY faults)
if(faults)
    list(LENGTH faults count)
    message(FATAL_ERROR "${count} faults in the layout of the tree, listed above")
endif()
