// SPDX-License-Identifier: Apache-2.0
// The examples of docs/api.md once more, as a program without exceptions and RTTI compiles them.
#include <array>
#include <atomic>
#include <cstdio>
#include <portolan/portolan.hpp>
#include <string>
#include <thread>
#include <variant>

namespace lean {

#include "api_examples.inc"

}  // namespace lean
