// SPDX-License-Identifier: Apache-2.0
#include "kobject/call.hpp"

#include <string.h>

#include <algorithm>

namespace portolan::kobject {

RightInHand Call::right_in(uint32_t n) const {
  const Descriptor d = descriptor_in(n);
  return {{d.word, d.disposition}, &ipc::body_word(segment(), request(), d.offset)};
}

void Call::memory_in(void* to, uint32_t size) const {
  memcpy(to, segment().at(Handle<ipc::Data>{descriptor_in(0).word}).bytes, size);
}

bool Call::memory_to(uint64_t address) const {
  const ipc::Descriptor d = descriptor_in(0);
  uint64_t left = d.count;
  for (Handle<ipc::Data> walk{d.word}; walk && left != 0; walk.index = segment().at(walk).link) {
    const ipc::Data& data = segment().at(walk);
    const uint64_t part = std::min<uint64_t>({data.used, ipc::kDataPayload, left});
    if (part == 0 || !user_.copy_out(address, data.bytes, part)) return false;
    address += part;
    left -= part;
  }
  return true;
}

void Call::put_right(Txn& txn, ipc::NakedRight right) {
  Kmsg& kmsg = reply();
  const uint32_t at = kmsg.edge_in;
  txn.set(ipc::body_word(segment(), kmsg, at), right.port);
  txn.set(ipc::body_word(segment(), kmsg, at + 8), right.disposition << 16);
  txn.set(kmsg.edge_in, at + 12);
  txn.add(kmsg.converted_in, 1);
}

kern_return_t Call::copy_right(Target<Space> from, ipc::Name name, mach_msg_type_name_t disposition) {
  Kmsg& kmsg = reply();
  ipc::body_word(segment(), kmsg, ipc::kBodyFirst).init(name.value);
  ipc::body_word(segment(), kmsg, ipc::kBodyFirst + 8).init(disposition << 16);
  const mach_msg_return_t taken = ipc::kmsg_copyin_body(self_, from, reply_, user_);
  if (taken == MACH_MSG_SUCCESS) return KERN_SUCCESS;
  if (taken != MACH_SEND_INVALID_RIGHT) return KERN_RESOURCE_SHORTAGE;
  mach_port_type_t type = 0;
  const kern_return_t known = ipc::port_type(self_, from, name, type);
  return known == KERN_SUCCESS ? KERN_INVALID_RIGHT : known;
}

}  // namespace portolan::kobject
