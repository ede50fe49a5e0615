// SPDX-License-Identifier: Apache-2.0
#include "random/generator.hpp"

#include <mach/notify.h>

namespace portolan::random {

namespace {

constexpr uint32_t kAny = MACH_PORT_TYPE_ALL_RIGHTS;
constexpr uint32_t kReceive = MACH_PORT_TYPE_RECEIVE, kSend = MACH_PORT_TYPE_SEND,
                   kOnce = MACH_PORT_TYPE_SEND_ONCE;
constexpr uint32_t kSet = MACH_PORT_TYPE_PORT_SET, kDead = MACH_PORT_TYPE_DEAD_NAME;

struct Weight {
  Verb verb;
  uint32_t weight;
};
// How often each call is made while there is room for names.
constexpr Weight kWeights[] = {
    {Verb::allocate, 60},       {Verb::allocate_name, 8},  {Verb::construct, 20},
    {Verb::destruct, 15},       {Verb::deallocate, 60},    {Verb::destroy, 20},
    {Verb::mod_refs, 50},       {Verb::insert_right, 70},  {Verb::extract_right, 60},
    {Verb::type, 15},           {Verb::get_refs, 15},      {Verb::get_srights, 10},
    {Verb::dnrequest_info, 5},  {Verb::kobject, 4},        {Verb::get_attributes, 25},
    {Verb::set_attributes, 15}, {Verb::set_mscount, 6},    {Verb::set_seqno, 6},
    {Verb::get_context, 5},     {Verb::set_context, 6},    {Verb::guard, 8},
    {Verb::unguard, 5},         {Verb::swap_guard, 4},     {Verb::peek, 8},
    {Verb::insert_member, 15},  {Verb::extract_member, 8}, {Verb::move_member, 8},
    {Verb::get_set_status, 6},  {Verb::basic_info, 4},     {Verb::request_notification, 70},
    {Verb::send, 200},          {Verb::receive, 170},      {Verb::end_task, 1},
};

uint32_t types_for(uint32_t disposition) {
  switch (disposition) {
    case MACH_MSG_TYPE_MOVE_SEND:
    case MACH_MSG_TYPE_COPY_SEND:
      return kSend;
    case MACH_MSG_TYPE_MOVE_SEND_ONCE:
      return kOnce;
    default:
      return kReceive;
  }
}

}  // namespace

uint32_t Generator::count(unsigned task, uint32_t types) const {
  uint32_t n = 0;
  for (const auto& [index, entry] : reference_.space(task).entries) n += entry.has(types);
  return n;
}

bool Generator::crowded(unsigned task) const { return reference_.space(task).used() > 40; }

uint32_t Generator::odd_number() {
  static constexpr uint32_t kOdd[] = {0,    1,     2,     5,     6,          99,         1024,
                                      1025, 65534, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff};
  return kOdd[dice_.below(std::size(kOdd))];
}

Operand Generator::odd(unsigned task) {
  switch (dice_.below(8)) {
    case 0:
      return Operand::literal(MACH_PORT_NULL);
    case 1:
      return Operand::literal(MACH_PORT_DEAD);
    case 2:
      return Operand::literal(dice_.below(40) << 8 | dice_.below(256));
    case 3:
      return origins_.stale(dice_.below(tasks_), dice_);
    default:
      return origins_.stale(task, dice_);
  }
}

Operand Generator::pick(unsigned task, uint32_t types) {
  if (dice_.one_in(25)) return odd(task);
  if (dice_.one_in(15)) types = kAny;
  uint32_t n = count(task, types);
  if (n == 0) {
    types = kAny;
    n = count(task, types);
  }
  if (n == 0) return odd(task);
  uint32_t place = dice_.below(n);
  for (const auto& [index, entry] : reference_.space(task).entries)
    if (entry.has(types) && place-- == 0)
      return origins_.origin(task, index << 8 | reference_.space(task).slots.at(index).generation);
  return odd(task);
}

Operand Generator::pick_for(unsigned task, uint32_t disposition) {
  uint32_t types = types_for(disposition);
  if (types != kReceive && dice_.one_in(12)) types = kDead;
  return pick(task, types);
}

uint32_t Generator::disposition(bool body) {
  if (dice_.one_in(40)) return dice_.below(32);
  static constexpr uint32_t kHeader[] = {17, 18, 19, 19, 20, 20, 21, 21};
  static constexpr uint32_t kBody[] = {16, 16, 17, 18, 19, 19, 20, 21};
  return body ? kBody[dice_.below(8)] : kHeader[dice_.below(8)];
}

Call Generator::next() {
  Call call;
  call.task = dice_.below(tasks_);
  call.other = dice_.one_in(3) ? dice_.below(tasks_) : call.task;
  if (crowded(call.task) && !dice_.one_in(4)) {
    static constexpr Verb kMakeRoom[] = {Verb::destroy, Verb::destroy, Verb::deallocate, Verb::deallocate,
                                         Verb::mod_refs};
    call.verb = kMakeRoom[dice_.below(5)];
  } else {
    uint32_t sum = 0;
    for (const Weight& it : kWeights) sum += it.weight;
    uint32_t at = dice_.below(sum);
    for (const Weight& it : kWeights) {
      if (at < it.weight) {
        call.verb = it.verb;
        break;
      }
      at -= it.weight;
    }
  }
  fill(call);
  return call;
}

void Generator::fill(Call& c) {
  static constexpr uint32_t kRights[] = {0, 0, 1, 1, 1, 1, 2, 3, 4};
  const unsigned task = c.task;
  switch (c.verb) {
    case Verb::allocate:
      c.right = dice_.one_in(30) ? dice_.below(8) : dice_.one_in(5) ? 3 : dice_.one_in(10) ? 4 : 1;
      break;
    case Verb::allocate_name:
      c.name = dice_.one_in(4) ? pick(task, kAny)
               : dice_.one_in(30)
                   ? Operand::literal((400000u << 8) | 3)
                   : Operand::literal(dice_.below(dice_.one_in(20) ? 200 : 40) << 8 | dice_.below(64) << 2 |
                                      (dice_.one_in(10) ? dice_.below(4) : 3));
      c.right = dice_.one_in(8) ? dice_.below(7) : 1;
      break;
    case Verb::construct: {
      static constexpr uint32_t kFlags[] = {MPO_CONTEXT_AS_GUARD,    MPO_QLIMIT,    MPO_INSERT_SEND_RIGHT,
                                            MPO_INSERT_SEND_RIGHT,   MPO_STRICT,    MPO_IMMOVABLE_RECEIVE,
                                            MPO_IMPORTANCE_RECEIVER, MPO_TEMPOWNER, MPO_DENAP_RECEIVER};
      for (uint32_t i = dice_.below(4); i > 0; i--)
        c.right |= kFlags[dice_.below(static_cast<uint32_t>(std::size(kFlags)))];
      if (dice_.one_in(40)) c.right |= MPO_REPLY_PORT | MPO_EXCEPTION_PORT;
      if (dice_.one_in(60)) c.right |= MPO_SERVICE_PORT;
      c.delta = static_cast<int32_t>(dice_.one_in(20) ? odd_number() : dice_.below(4));
      c.value = dice_.below(3);
      break;
    }
    case Verb::destruct:
      c.name = pick(task, kReceive);
      c.delta = dice_.one_in(20) ? static_cast<int32_t>(odd_number()) : -static_cast<int32_t>(dice_.below(3));
      c.value = dice_.below(3);
      break;
    case Verb::deallocate:
      c.name = pick(task, dice_.one_in(4) ? kAny : kSend | kOnce | kDead);
      break;
    case Verb::destroy:
      c.name = pick(task, kAny);
      break;
    case Verb::mod_refs: {
      c.right = dice_.one_in(20) ? dice_.below(7) : kRights[dice_.below(std::size(kRights))];
      c.name = pick(task, c.right < 5 ? MACH_PORT_TYPE(c.right) : kAny);
      c.delta = dice_.one_in(10)  ? static_cast<int32_t>(odd_number() * (dice_.one_in(2) ? 1 : -1u))
                : dice_.one_in(3) ? static_cast<int32_t>(dice_.below(4))
                                  : -static_cast<int32_t>(1 + dice_.below(dice_.one_in(4) ? 3 : 1));
      break;
    }
    case Verb::insert_right:
      c.right = disposition(true);
      if (dice_.one_in(2)) {
        c.other = task;
        c.right = dice_.one_in(3) ? MACH_MSG_TYPE_COPY_SEND : MACH_MSG_TYPE_MAKE_SEND;
        c.name = c.name2 = pick_for(task, c.right);
      } else {
        c.name2 = pick_for(c.other, c.right);
        c.name =
            dice_.one_in(3)
                ? pick(task, kAny)
                : Operand::literal(dice_.below(40) << 8 | dice_.below(16) << 2 | (dice_.one_in(20) ? 1 : 3));
        if (dice_.one_in(3) && c.other == task) c.name = c.name2;
      }
      break;
    case Verb::extract_right:
      c.right = disposition(true);
      c.name = pick_for(task, c.right);
      break;
    case Verb::type:
    case Verb::basic_info:
      c.name = pick(task, kAny);
      break;
    case Verb::get_refs:
      c.right = dice_.below(dice_.one_in(10) ? 7 : 5);
      c.name = pick(task, kAny);
      break;
    case Verb::get_attributes: {
      static constexpr uint32_t kFlavors[] = {1, 2, 2, 2, 3, 7, 9};
      static constexpr int32_t kCounts[] = {0, 1, 10, 17, 0, 0, 0, 17, 0, 1};
      c.right = dice_.one_in(20) ? dice_.below(12) : kFlavors[dice_.below(7)];
      c.delta = dice_.one_in(20) ? static_cast<int32_t>(dice_.below(18))
                : c.right < 10   ? kCounts[c.right]
                                 : 1;
      c.name = pick(task, kReceive);
      break;
    }
    case Verb::set_attributes:
      c.right = dice_.one_in(4) ? dice_.below(11) : MACH_PORT_LIMITS_INFO;
      c.value = dice_.one_in(10) ? odd_number() : dice_.below(4);
      c.delta = dice_.one_in(20) ? 0 : 1;
      c.name = pick(task, kReceive);
      break;
    case Verb::set_mscount:
    case Verb::set_seqno:
      c.value = dice_.one_in(4) ? odd_number() : dice_.below(4);
      c.name = pick(task, kReceive);
      break;
    case Verb::peek:
      c.value = dice_.one_in(2) ? 0 : dice_.below(6);
      c.name = pick(task, kReceive);
      break;
    case Verb::set_context:
    case Verb::unguard:
    case Verb::guard:
    case Verb::swap_guard:
      c.value = dice_.below(3);
      c.value2 = dice_.below(c.verb == Verb::guard ? 4 : 3);
      c.name = pick(task, kReceive);
      break;
    case Verb::insert_member:
    case Verb::extract_member:
    case Verb::move_member:
      c.name = pick(task, kReceive);
      c.name2 = c.verb == Verb::move_member && dice_.one_in(3) ? Operand::literal(0) : pick(task, kSet);
      break;
    case Verb::get_set_status:
      c.name = pick(task, kSet);
      break;
    case Verb::request_notification: {
      static constexpr uint32_t kIds[] = {MACH_NOTIFY_NO_SENDERS,    MACH_NOTIFY_NO_SENDERS,
                                          MACH_NOTIFY_DEAD_NAME,     MACH_NOTIFY_DEAD_NAME,
                                          MACH_NOTIFY_SEND_POSSIBLE, MACH_NOTIFY_SEND_POSSIBLE,
                                          MACH_NOTIFY_PORT_DESTROYED};
      c.right = dice_.one_in(30) ? 60 + dice_.below(20) : kIds[dice_.below(7)];
      const bool on_port = c.right == MACH_NOTIFY_NO_SENDERS || c.right == MACH_NOTIFY_PORT_DESTROYED;
      c.name = pick(task, on_port ? kReceive : kSend | kOnce | kReceive);
      c.value = c.right == MACH_NOTIFY_PORT_DESTROYED ? dice_.one_in(15)
                : dice_.one_in(10)                    ? odd_number()
                                                      : dice_.below(3);
      c.value2 = dice_.one_in(40)  ? dice_.below(32)
                 : dice_.one_in(6) ? MACH_MSG_TYPE_MOVE_SEND_ONCE
                                   : MACH_MSG_TYPE_MAKE_SEND_ONCE;
      c.name2 = dice_.one_in(6) ? Operand::literal(0) : pick_for(c.other, static_cast<uint32_t>(c.value2));
      break;
    }
    case Verb::send:
      fill_send(c);
      break;
    case Verb::receive:
      fill_receive(c);
      break;
    default:
      c.name = pick(task, kReceive);
      break;
  }
}

DescriptorPlan Generator::descriptor(unsigned task) {
  DescriptorPlan d;
  static constexpr uint8_t kTypes[] = {MACH_MSG_PORT_DESCRIPTOR,        MACH_MSG_PORT_DESCRIPTOR,
                                       MACH_MSG_PORT_DESCRIPTOR,        MACH_MSG_OOL_DESCRIPTOR,
                                       MACH_MSG_OOL_PORTS_DESCRIPTOR,   MACH_MSG_OOL_VOLATILE_DESCRIPTOR,
                                       MACH_MSG_GUARDED_PORT_DESCRIPTOR};
  d.type = dice_.one_in(80) ? static_cast<uint8_t>(dice_.below(8)) : kTypes[dice_.below(7)];
  d.disposition = static_cast<uint8_t>(disposition(true));
  switch (d.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
      d.name = pick_for(task, d.disposition);
      break;
    case MACH_MSG_GUARDED_PORT_DESCRIPTOR:
      if (!dice_.one_in(10)) d.disposition = MACH_MSG_TYPE_MOVE_RECEIVE;
      d.name = pick_for(task, MACH_MSG_TYPE_MOVE_RECEIVE);
      d.flags = static_cast<uint16_t>(dice_.one_in(15) ? dice_.below(8) : 1 + dice_.below(3));
      d.context = (d.flags & 2) != 0 && !dice_.one_in(10) ? 0 : dice_.below(3);
      break;
    default:
      d.copy = static_cast<uint8_t>(dice_.one_in(30) ? dice_.below(5) : dice_.below(2));
      d.deallocate = dice_.one_in(3);
      d.unreadable = dice_.one_in(20);
      d.offset = dice_.one_in(2) ? 0 : dice_.below(4000);
      if (d.type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
        d.offset &= ~3u;
        for (uint32_t i = dice_.below(4); i > 0; i--) d.names.push_back(pick_for(task, d.disposition));
      } else {
        d.size = dice_.one_in(5) ? 0 : dice_.one_in(6) ? dice_.below(40000) : dice_.below(200);
      }
      break;
  }
  return d;
}

void Generator::fill_send(Call& c) {
  MessagePlan& m = c.message;
  const uint32_t remote = disposition(false), local = dice_.one_in(2) ? 0 : disposition(false);
  m.remote = pick_for(c.task, remote);
  if (remote == MACH_MSG_TYPE_COPY_SEND && dice_.one_in(2)) m.remote = pick(c.task, kSend);
  m.local = local == 0 ? Operand::literal(0) : dice_.one_in(8) ? m.remote : pick_for(c.task, local);
  m.bits = MACH_MSGH_BITS(remote, local);
  if (dice_.one_in(50)) m.bits |= dice_.below(32) << 16;
  if (dice_.one_in(50)) m.bits |= 1u << (24 + dice_.below(7));
  m.voucher = dice_.one_in(20) ? dice_.below(0x400) : 0;
  m.id = static_cast<int32_t>(dice_.below(1000));
  m.complex = dice_.one_in(3);
  if (m.complex)
    for (uint32_t i = dice_.below(4); i > 0; i--) m.descriptors.push_back(descriptor(c.task));
  m.claimed_count = static_cast<uint32_t>(m.descriptors.size());
  if (dice_.one_in(60)) m.claimed_count += dice_.below(3);
  m.data = dice_.one_in(2) ? 0 : 4 * dice_.below(dice_.one_in(10) ? 300 : 12);
  if (dice_.one_in(50)) m.size_off = static_cast<int32_t>(dice_.below(40)) - 28;
  m.unreadable = dice_.one_in(100);
  if (dice_.one_in(5)) c.option |= MACH_SEND_NOTIFY;
}

void Generator::fill_receive(Call& c) {
  const unsigned task = c.task;
  c.name = pick(task, dice_.one_in(5) ? kSet : kReceive);
  // As a rule where there is a message.
  for (uint32_t tries = 0; tries < 6; tries++) {
    const uint32_t n = count(task, kReceive | kSet);
    if (n == 0 || dice_.one_in(5)) break;
    uint32_t place = dice_.below(n);
    bool found = false;
    for (const auto& [index, entry] : reference_.space(task).entries) {
      if (!entry.has(kReceive | kSet) || place-- != 0) continue;
      found = reference_.has_message(entry);
      if (found)
        c.name = origins_.origin(task, index << 8 | reference_.space(task).slots.at(index).generation);
    }
    if (found) break;
  }
  c.right = dice_.one_in(8) ? dice_.below(140) : 8192;
  if (dice_.one_in(3)) c.option |= MACH_RCV_LARGE;
  if (dice_.one_in(4)) c.option |= MACH_RCV_LARGE_IDENTITY;
  if (dice_.one_in(2)) c.option |= MACH_RCV_GUARDED_DESC;
  c.option |= dice_.below(dice_.one_in(10) ? 16 : 5) << 24;
  c.message.unreadable = dice_.one_in(100);
}

}  // namespace portolan::random
