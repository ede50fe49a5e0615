// SPDX-License-Identifier: Apache-2.0
// Telling a supervisor that launchd is ready, or stops: the protocol of sd_notify(3), which is one datagram
// to the socket that NOTIFY_SOCKET names.
#pragma once

namespace portolan::launchd {

void notify_supervisor(const char* state);  // "READY=1"; nothing without a supervisor

}  // namespace portolan::launchd
