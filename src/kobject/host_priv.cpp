// SPDX-License-Identifier: Apache-2.0
// The host_priv subsystem: ids from 400 on, of the privileged host port. Ids that are missing have no call
// yet.
#include "kobject/exception_ports.hpp"

namespace portolan::kobject {

namespace {

constexpr Routine kRoutines[] = {
    {414, kActionRequest, {}, set_exception_ports},
    {415, {.words = 1}, kActionList, get_exception_ports},
    {416, kActionRequest, kActionList, swap_exception_ports},
};

}  // namespace

constinit const Subsystem kHostPriv = {Object::host_priv, KERN_INVALID_ARGUMENT, KERN_INVALID_ARGUMENT,
                                       kRoutines};

}  // namespace portolan::kobject
