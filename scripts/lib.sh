# SPDX-License-Identifier: BSL-1.0
# What the scripts beside this file share; sourced by them, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

cxx=${CXX:-g++}

say() { printf '\n== %s ==\n' "$*" >&2; }

# Shows a command's output only if the command fails.
quietly() {
    local log
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        rm -f "$log"
    else
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
}

# Whether these lines compile. Asked instead of a package's name, so that a library that was
# installed by hand counts, and one that is too old does not.
compiles() { printf '%s\n' "$@" | "$cxx" -std=c++20 -fsyntax-only -x c++ - 2>/dev/null; }

# Whether a program can be linked with this.
links() { echo 'int main() {}' | "$cxx" -x c++ - -x none "$@" -o /dev/null 2>/dev/null; }

# What each script may need: one question to the machine for each.
has_compiler() { command -v "$cxx" >/dev/null; }
has_cmake() { command -v cmake >/dev/null; }
has_build_tool() { command -v ninja >/dev/null || command -v make >/dev/null; }
has_boost() { compiles '#include <boost/pfr.hpp>' '#include <boost/version.hpp>' \
    '#if BOOST_VERSION < 108100' '#error' '#endif'; }
# A library of its own since Boost 1.86.
has_boost_process() {
    compiles '#include <boost/version.hpp>' '#include <boost/process/v2/process.hpp>' \
        '#if BOOST_VERSION >= 108600' \
        '#error' '#endif' || links -lboost_process
}
has_catch2() { compiles '#if !__has_include(<catch2/catch_all.hpp>)' \
    '#include <catch2/catch.hpp>' '#endif'; }
has_openssl() { compiles '#include <openssl/hmac.h>' && links -lcrypto; }
# Not asked of a compiler: where the headers are is for CMake to find out.
has_mpi() { command -v mpiexec >/dev/null && command -v mpicxx >/dev/null; }
has_mpi4py() { /usr/bin/python3 -c 'import mpi4py.futures' 2>/dev/null; }
has_python() { python3 -c 'import multiprocessing, pty, subprocess, unittest' 2>/dev/null; }
has_clang() {
    # Linked, not only compiled: the sanitizers' run-time libraries are a package of their own.
    local program
    program=$(mktemp)
    echo 'int main() {}' | clang++ -fsanitize=address -x c++ - -o "$program" 2>/dev/null
    local status=$?
    rm -f "$program"
    return $status
}
# What the benchmarks compare with, as CMake looks for it.
has_boost_filesystem() { compiles '#include <boost/filesystem.hpp>' &&
    links -lboost_filesystem; }
has_glib() { has_pkg_config && pkg-config --exists gio-2.0; }
has_libuv() { has_pkg_config && pkg-config --exists libuv; }
has_poco() { compiles '#include <Poco/Process.h>'; }
has_pkg_config() { command -v pkg-config >/dev/null; }
has_strace() { command -v strace >/dev/null; }
has_clang_tidy() { command -v clang-tidy >/dev/null; }
has_clang_format() { command -v clang-format >/dev/null; }

# The Debian and Ubuntu packages that satisfy a need; "a|b": b where there is no a.
packages_for() {
    case $1 in
        compiler) echo g++ ;;
        cmake) echo cmake ;;
        build_tool) echo ninja-build ;;
        boost) echo 'libboost1.81-dev|libboost-dev' ;;
        boost_process) echo 'libboost-process-dev|libboost-all-dev' ;;
        catch2) echo catch2 ;;
        openssl) echo libssl-dev ;;
        python) echo python3 ;;
        mpi) echo libopenmpi-dev openmpi-bin ;;
        mpi4py) echo python3-mpi4py ;;
        clang) echo clang libclang-rt-dev ;;
        clang_tidy) echo clang-tidy ;;
        clang_format) echo clang-format ;;
        boost_filesystem) echo 'libboost-filesystem1.81-dev|libboost-filesystem-dev' ;;
        glib) echo libglib2.0-dev ;;
        libuv) echo libuv1-dev ;;
        poco) echo libpoco-dev ;;
        pkg_config) echo pkg-config ;;
        strace) echo strace ;;
    esac
}

has_candidate() {
    # Not grep -q: it would end at the line it finds, and apt-cache, with more to write, die of
    # SIGPIPE, which pipefail takes for "no".
    LC_ALL=C apt-cache policy "$1" | grep '^  Candidate: [^(]' >/dev/null
}

# Installs what of the named needs is missing, and nothing when nothing is.
need() {
    local need missing=() later=() choice packages=()
    for need in "$@"; do
        if [[ $need == boost_process ]] && ! has_boost; then
            # Whether it is a package of its own depends on the Boost that will be installed.
            later+=("$need")
        else
            "has_$need" || missing+=("$need")
        fi
    done
    if ((${#missing[@]} == 0)); then return 0; fi

    local wanted
    wanted=$(for need in "${missing[@]}"; do packages_for "$need"; done | tr '\n' ' ')
    local as_root=()
    if ((EUID != 0)); then as_root=(sudo); fi
    if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! command -v sudo >/dev/null; }; then
        cat >&2 <<END
Missing on this machine, by their names in Debian: ${wanted//|/ or }
Please install them and run this script again. Needed are a C++20 compiler, CMake 3.24, ninja or
make, Boost 1.81 and, for the tests, Catch2 2.13 or 3 and Python 3; newer ones will do.
END
        return 1
    fi

    say "installing: ${wanted//|/ or }"
    "${as_root[@]}" apt-get update >&2
    for choice in $wanted; do
        while [[ $choice == *'|'* ]] && ! has_candidate "${choice%%|*}"; do
            choice=${choice#*|}
        done
        packages+=("${choice%%|*}")
    done
    # --no-remove: Debian has several versions of Boost that exclude each other. Replacing
    # one that the machine's owner has chosen is not for a script to do.
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends --no-remove "${packages[@]}" >&2; then
        echo "Could not install: ${packages[*]}. Please install them by hand." >&2
        return 1
    fi
    for need in "${missing[@]}"; do
        if ! "has_$need"; then
            echo "Installed ${packages[*]}, and still there is no usable $need." >&2
            return 1
        fi
    done
    if ((${#later[@]})); then need "${later[@]}"; fi
}

# configure PRESET: into build/PRESET; quick when nothing has changed.
configure() {
    local generator=()
    # A build directory keeps the generator it was made with.
    if [[ ! -e build/$1/CMakeCache.txt ]] && command -v ninja >/dev/null; then
        generator=(-G Ninja)
    fi
    quietly cmake --preset "$1" "${generator[@]}"
}

# build PRESET [TARGET...]
build() {
    local preset=$1 targets=()
    shift
    if (($#)); then targets=(--target "$@"); fi
    cmake --build "build/$preset" --parallel "$(nproc)" "${targets[@]}"
}
