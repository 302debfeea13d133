// SPDX-License-Identifier: BSL-1.0
// What the tests of asyncio use of Asio, precompiled.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "support/catch.hpp"
