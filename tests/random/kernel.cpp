// SPDX-License-Identifier: Apache-2.0
#include "random/kernel.hpp"

#include <algorithm>
#include <cstring>

namespace portolan::random {

namespace {

Geometry geometry() {
  Geometry g = ipc::small_geometry();
  for (unsigned zone = 0; zone < kMaxZones; zone++) g.zones[zone].capacity *= 16;
  g.arena_size *= 4;  // tables of 2048 slots, and some more
  g.max_threads = 64;
  return g;
}

}  // namespace

Kernel::Kernel(unsigned tasks) : domain_(geometry()) {
  for (unsigned i = 0; i < tasks; i++) tasks_.push_back(&domain_.task());
}

Outcome Kernel::perform(const Ready& ready) {
  Outcome out;
  if (ready.call.verb == Verb::send || ready.call.verb == Verb::receive) {
    out.code = message(ready, out);
  } else {
    out.code = call(ready, out);
  }
  if (ready.call.verb != Verb::end_task) settle(tasks_[ready.call.task]->thread());
  memory_.end_call();
  return out;
}

kern_return_t Kernel::call(const Ready& r, Outcome& out) {
  const Call& c = r.call;
  test::TestTask& task = *tasks_[c.task];
  Thread& self = task.thread();
  const Handle<ipc::Space> space = task.space(), other = tasks_[c.other]->space();
  const ipc::Name name{r.name}, name2{r.name2};
  ipc::Name made{r.name};
  kern_return_t code = KERN_SUCCESS;
  const auto answer = [&](auto... values) {
    if (code == KERN_SUCCESS) (out.values.push_back(static_cast<uint64_t>(values)), ...);
    return code;
  };
  const auto brought = [&](ipc::Name value) {
    if (code == KERN_SUCCESS && value.value != MACH_PORT_NULL) out.names.push_back(value.value);
    return code;
  };
  uint32_t a = 0, b = 0;
  uint64_t wide = 0;
  switch (c.verb) {
    case Verb::allocate:
      code = ipc::port_allocate(self, space, c.right, made);
      return brought(made);
    case Verb::allocate_name:
      code = ipc::port_allocate_name(self, space, c.right, made);
      return brought(made);
    case Verb::construct: {
      mach_port_options_t options{};
      options.flags = c.right;
      options.mpl.mpl_qlimit = static_cast<uint32_t>(c.delta);
      code = ipc::port_construct(self, space, options, c.value, made);
      return brought(made);
    }
    case Verb::destruct:
      return ipc::port_destruct(self, space, name, c.delta, c.value);
    case Verb::deallocate:
      return ipc::port_deallocate(self, space, name);
    case Verb::destroy:
      return ipc::port_destroy_name(self, space, name);
    case Verb::mod_refs:
      return ipc::port_mod_refs(self, space, name, c.right, c.delta);
    case Verb::insert_right:
      code = ipc::port_insert_right(self, space, name, other, name2, c.right);
      return brought(name);
    case Verb::extract_right:
      code = ipc::port_extract_right(self, space, name, c.right, other, made, a);
      answer(a);
      return brought(made);
    case Verb::type:
      code = ipc::port_type(self, space, name, a);
      return answer(a);
    case Verb::get_refs:
      code = ipc::port_get_refs(self, space, name, c.right, a);
      return answer(a);
    case Verb::get_srights:
      code = ipc::port_get_srights(self, space, name, a);
      return answer(a);
    case Verb::dnrequest_info:
      code = ipc::port_dnrequest_info(self, space, name, a, b);
      return answer(a, b);
    case Verb::kobject:
      code = ipc::port_kobject(self, space, name, a);
      return answer(a, 0);  // the traps answer no address
    case Verb::get_attributes: {
      integer_t info[32] = {};
      auto count = static_cast<mach_msg_type_number_t>(c.delta);
      code = ipc::port_get_attributes(self, space, name, static_cast<int>(c.right), info, count);
      answer(count);
      for (uint32_t i = 0; i < count && code == KERN_SUCCESS; i++) answer(static_cast<uint32_t>(info[i]));
      return code;
    }
    case Verb::set_attributes: {
      const auto word = static_cast<integer_t>(c.value);
      return ipc::port_set_attributes(self, space, name, static_cast<int>(c.right), &word,
                                      static_cast<mach_msg_type_number_t>(c.delta));
    }
    case Verb::set_mscount:
      return ipc::port_set_mscount(self, space, name, static_cast<uint32_t>(c.value));
    case Verb::set_seqno:
      return ipc::port_set_seqno(self, space, name, static_cast<uint32_t>(c.value));
    case Verb::get_context:
      code = ipc::port_get_context(self, space, name, wide);
      return answer(wide);
    case Verb::set_context:
      return ipc::port_set_context(self, space, name, c.value);
    case Verb::guard:
      return ipc::port_guard(self, space, name, c.value, c.value2);
    case Verb::unguard:
      return ipc::port_unguard(self, space, name, c.value);
    case Verb::swap_guard:
      return ipc::port_swap_guard(self, space, name, c.value, c.value2);
    case Verb::peek: {
      ipc::Peeked peeked{};
      code = ipc::port_peek(self, space, name, static_cast<uint32_t>(c.value), peeked);
      return answer(peeked.seqno, peeked.size, static_cast<uint32_t>(peeked.id), peeked.sender.val[0],
                    peeked.sender.val[1], peeked.audit.val[5]);
    }
    case Verb::insert_member:
      return ipc::port_insert_member(self, space, name, name2);
    case Verb::extract_member:
      return ipc::port_extract_member(self, space, name, name2);
    case Verb::move_member:
      return ipc::port_move_member(self, space, name, name2);
    case Verb::get_set_status: {
      std::vector<Name> members(4096);
      code = ipc::set_scan(self, space, name, members.data(), 4096, a);
      if (code != KERN_SUCCESS) return code;
      std::sort(members.begin(), members.begin() + a);
      for (uint32_t i = 0; i < a; i++) answer(members[i]);
      return code;
    }
    case Verb::basic_info: {
      ipc_info_space_basic_t info{};
      code = ipc::space_basic_info(self, space, info);
      return answer(info.iisb_genno_mask, info.iisb_table_size, info.iisb_table_inuse);
    }
    case Verb::request_notification: {
      ipc::Name previous;
      code = ipc::port_request_notification(self, space, name, static_cast<int>(c.right),
                                            static_cast<uint32_t>(c.value), other, name2,
                                            static_cast<uint32_t>(c.value2), previous);
      return brought(previous);
    }
    case Verb::end_task:
      task.die();
      tasks_[c.task] = &domain_.task();
      return KERN_SUCCESS;
    default:
      return KERN_FAILURE;
  }
}

mach_msg_return_t Kernel::message(const Ready& r, Outcome& out) {
  const Call& c = r.call;
  test::TestTask& task = *tasks_[c.task];
  const bool sending = c.verb == Verb::send;
  const bool unreachable = sending ? c.message.unreadable : c.message.unreadable;
  const uint64_t buffer = unreachable ? kNowhere : arena_.buffer_address();
  if (!sending) memset(arena_.buffer(), kUntouched, kBufferSize);
  const mach_msg_return_t code =
      sending ? ipc::msg_send(
                    task.thread(), task.handle(), task.space(), memory_,
                    {buffer, static_cast<int>(c.option | MACH_SEND_MSG | MACH_SEND_TIMEOUT), r.send_size, 0})
              : ipc::msg_receive(task.thread(), task.space(), memory_,
                                 {buffer, static_cast<int>(c.option | MACH_RCV_MSG | MACH_RCV_TIMEOUT),
                                  c.right, r.name, 0});
  if (unreachable) return code;
  out.buffer.assign(arena_.buffer(), arena_.buffer() + kBufferSize);
  const bool whole = sending ? (code & ~MACH_MSG_MASK) == MACH_SEND_TIMED_OUT : code == MACH_MSG_SUCCESS;
  if (whole)
    take_message(out, [this](uint64_t address, uint64_t size, Bytes& bytes) {
      return memory_.read(address, size, bytes);
    });
  out.released = memory_.released;
  return code;
}

std::vector<Kernel::Listed> Kernel::names(unsigned task) {
  std::vector<Listed> all;
  ipc::NameInfo batch[16];
  for (uint32_t first = 0, size = 1; first < size;) {
    uint32_t filled = 0;
    ipc::space_scan(tasks_[task]->thread(), tasks_[task]->space(), first, batch, 16, filled, size, true);
    for (uint32_t i = 0; i < filled; i++)
      if (batch[i].type != 0) all.push_back({batch[i].name.value, batch[i].type, batch[i].urefs});
    first += filled;
  }
  return all;
}

uint8_t Kernel::generation(unsigned task, uint32_t index) {
  ipc::NameInfo info{};
  uint32_t filled = 0, size = 0;
  ipc::space_scan(tasks_[task]->thread(), tasks_[task]->space(), index, &info, 1, filled, size, false);
  return static_cast<uint8_t>(info.name.value & 0xff);
}

model::Sender Kernel::sender(unsigned task) {
  const auto index = tasks_[task]->handle().index;
  model::Sender sender;
  sender.security = {{501, 20}};
  sender.audit = {{501, 501, 20, 501, 20, 1000 + index, 0, 0}};
  return sender;
}

std::string Kernel::close() {
  for (test::TestTask* task : tasks_) task->die();
  std::string wrong = fsck();
  if (wrong.empty() && !domain_.all_returned()) wrong = "not everything was given back";
  return wrong;
}

}  // namespace portolan::random
