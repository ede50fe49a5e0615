// SPDX-License-Identifier: Apache-2.0
// Mach in C++20: rights that cannot leak, messages whose types are checked, requests that are answered.
// docs/api.md explains it. Needs the calls of <mach/mach.h>, <servers/bootstrap.h> and <sys/event.h>, and
// neither exceptions nor RTTI.
#ifndef PORTOLAN_PORTOLAN_HPP_
#define PORTOLAN_PORTOLAN_HPP_

#include <portolan/bootstrap.hpp>
#include <portolan/call.hpp>
#include <portolan/death_source.hpp>
#include <portolan/failure.hpp>
#include <portolan/hangup_monitor.hpp>
#include <portolan/mach_port_source.hpp>
#include <portolan/memory.hpp>
#include <portolan/message.hpp>
#include <portolan/message_port.hpp>
#include <portolan/notify.hpp>
#include <portolan/part.hpp>
#include <portolan/payload.hpp>
#include <portolan/receive.hpp>
#include <portolan/received_message.hpp>
#include <portolan/reply.hpp>
#include <portolan/result.hpp>
#include <portolan/right.hpp>
#include <portolan/run_loop.hpp>
#include <portolan/send.hpp>
#include <portolan/service.hpp>
#include <portolan/timeout.hpp>

#endif  // PORTOLAN_PORTOLAN_HPP_
