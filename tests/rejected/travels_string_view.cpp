// expect: can't travel between processes: it has or is a pointer, reference or view; a
// view means nothing SPDX-License-Identifier: BSL-1.0
#include <string_view>

#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

int main() {
    require_travels<std::string_view>();
}
