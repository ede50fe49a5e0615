// SPDX-License-Identifier: Apache-2.0
// The thread_act subsystem: ids from 3600 on (tasks 1.10). Ids that are missing have no call yet.
#include "kobject/exception_ports.hpp"

namespace portolan::kobject {

namespace {

constexpr Routine kRoutines[] = {
    {3613, kActionRequest, {}, set_exception_ports},
    {3614, {.words = 1}, kActionList, get_exception_ports},
    {3615, kActionRequest, kActionList, swap_exception_ports},
    {3630, {.words = 1}, kActionInfo, get_exception_ports_info},
};

}  // namespace

constinit const Subsystem kThreadAct = {Object::thread, KERN_INVALID_ARGUMENT, KERN_INVALID_ARGUMENT,
                                        kRoutines};

}  // namespace portolan::kobject
