// SPDX-License-Identifier: Apache-2.0
// What a request that failed is answered with, in place of its reply.
#ifndef PORTOLAN_FAILURE_HPP_
#define PORTOLAN_FAILURE_HPP_

#include <mach/mach.h>
#include <portolan/message.hpp>

#include <cstddef>
#include <cstring>

namespace portolan {

// reply_to::fail and services send it; call() makes it the error that it returns. Who receives replies by
// hand, after ask(), names it as one of the messages that may come: receive<said, failure>(port).
struct failed_with {
  kern_return_t code;
};
using failure = message<0x7066'6169, failed_with>;

namespace detail {

// The code, if what was received in answer to a request with this id is a failure, or what a MIG server
// answers in such a case; otherwise KERN_SUCCESS.
inline kern_return_t failure_code(const std::byte* at, mach_msg_id_t request_id) noexcept {
  constexpr mach_msg_id_t mig_reply = 100;  // what the id of a reply is greater by
  const auto* header = reinterpret_cast<const mach_msg_header_t*>(at);
  if (wire<failure>::fits(at)) return wire<failure>::take(at).payload.code;
  if (header->msgh_id != request_id + mig_reply || header->msgh_size != sizeof(mig_reply_error_t) ||
      MACH_MSGH_BITS_IS_COMPLEX(header->msgh_bits)) {
    return KERN_SUCCESS;
  }
  mig_reply_error_t reply;
  std::memcpy(&reply, at, sizeof reply);
  return reply.RetCode;
}

}  // namespace detail

}  // namespace portolan

#endif  // PORTOLAN_FAILURE_HPP_
