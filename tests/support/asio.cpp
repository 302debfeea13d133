// SPDX-License-Identifier: BSL-1.0
// What is no template in Asio, compiled once for all tests.
#include <boost/asio/impl/src.hpp>
