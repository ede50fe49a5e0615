// SPDX-License-Identifier: Apache-2.0
#include "random/reference.hpp"

#include <cstring>

#include "model/wire.hpp"

namespace portolan::random {

Reference::Reference(Kernel& kernel, unsigned tasks) : kernel_(kernel), memory_(kernel.arena()) {
  for (unsigned i = 0; i < tasks; i++) tasks_.push_back(&model_.new_task(kernel.sender(i)));
}

unsigned Reference::place_of(const model::Space& space) const {
  for (unsigned i = 0; i < tasks_.size(); i++)
    if (tasks_[i] == &space) return i;
  throw model::Forbidden("a space of no task");
}

uint32_t Reference::lowest_or_highest(const model::Space& space, uint32_t lowest, uint32_t highest) {
  for (Name name : seen_->names)
    if (name >> 8 == lowest || name >> 8 == highest) return name >> 8;
  return kernel_.generation(place_of(space), lowest) != 0 ? lowest : highest;
}

bool Reference::cycle_ends(const model::Space& space, uint32_t index, uint8_t generation) {
  return kernel_.generation(place_of(space), index) != static_cast<uint8_t>(generation + 4);
}

bool Reference::is_it(const model::Message& message) {
  if (ready_->call.verb == Verb::peek)
    return seen_->code == KERN_SUCCESS && seen_->values[2] == static_cast<uint32_t>(message.id);
  if (seen_->buffer.empty()) return true;
  if (seen_->code == MACH_RCV_TOO_LARGE && (ready_->call.option & MACH_RCV_LARGE) != 0)
    return ready_->call.right < 8 || model::word_at(seen_->buffer, 4) == message.size;
  if (model::word_at(seen_->buffer, 20) != static_cast<uint32_t>(message.id)) return false;
  if (seen_->code != MACH_MSG_SUCCESS || message.data.empty() || message.complex) return true;
  return memcmp(seen_->buffer.data() + sizeof(mach_msg_header_t), message.data.data(), message.data.size()) ==
         0;
}

Outcome Reference::perform(const Ready& ready, const Bytes& buffer, const Outcome& seen) {
  seen_ = &seen;
  ready_ = &ready;
  model_.begin_call();
  Outcome out;
  if (ready.call.verb == Verb::send || ready.call.verb == Verb::receive) {
    out.code = message(ready, buffer, out);
  } else {
    out.code = call(ready, out);
  }
  memory_.end_call();
  return out;
}

kern_return_t Reference::call(const Ready& r, Outcome& out) {
  const Call& c = r.call;
  model::Space& space = *tasks_[c.task];
  model::Space& other = *tasks_[c.other];
  Name made = r.name;
  kern_return_t code = KERN_SUCCESS;
  const auto answer = [&](auto... values) {
    if (code == KERN_SUCCESS) (out.values.push_back(static_cast<uint64_t>(values)), ...);
    return code;
  };
  const auto brought = [&](Name value) {
    if (code == KERN_SUCCESS && value != MACH_PORT_NULL) out.names.push_back(value);
    return code;
  };
  uint32_t a = 0, b = 0;
  uint64_t wide = 0;
  switch (c.verb) {
    case Verb::allocate:
      code = model_.allocate(space, c.right, made);
      return brought(made);
    case Verb::allocate_name:
      code = model_.allocate_name(space, c.right, made);
      return brought(made);
    case Verb::construct: {
      mach_port_options_t options{};
      options.flags = c.right;
      options.mpl.mpl_qlimit = static_cast<uint32_t>(c.delta);
      code = model_.construct(space, options, c.value, made);
      return brought(made);
    }
    case Verb::destruct:
      return model_.destruct(space, r.name, c.delta, c.value);
    case Verb::deallocate:
      return model_.deallocate(space, r.name);
    case Verb::destroy:
      return model_.destroy(space, r.name);
    case Verb::mod_refs:
      return model_.mod_refs(space, r.name, c.right, c.delta);
    case Verb::insert_right:
      code = model_.insert_right(space, r.name, other, r.name2, c.right);
      return brought(r.name);
    case Verb::extract_right:
      code = model_.extract_right(space, r.name, c.right, other, made, a);
      answer(a);
      return brought(made);
    case Verb::type:
      code = model_.type(space, r.name, a);
      return answer(a);
    case Verb::get_refs:
      code = model_.get_refs(space, r.name, c.right, a);
      return answer(a);
    case Verb::get_srights:
      code = model_.get_srights(space, r.name, a);
      return answer(a);
    case Verb::dnrequest_info:
      code = model_.dnrequest_info(space, r.name, a, b);
      return answer(a, b);
    case Verb::kobject:
      code = model_.kobject(space, r.name, a, wide);
      return answer(a, wide);
    case Verb::get_attributes: {
      std::vector<uint32_t> info;
      auto count = static_cast<uint32_t>(c.delta);
      code = model_.get_attributes(space, r.name, static_cast<int>(c.right), info, count);
      answer(count);
      for (uint32_t word : info) answer(word);
      return code;
    }
    case Verb::set_attributes:
      return model_.set_attributes(space, r.name, static_cast<int>(c.right), static_cast<uint32_t>(c.value),
                                   static_cast<uint32_t>(c.delta));
    case Verb::set_mscount:
      return model_.set_mscount(space, r.name, static_cast<uint32_t>(c.value));
    case Verb::set_seqno:
      return model_.set_seqno(space, r.name, static_cast<uint32_t>(c.value));
    case Verb::get_context:
      code = model_.get_context(space, r.name, wide);
      return answer(wide);
    case Verb::set_context:
      return model_.set_context(space, r.name, c.value);
    case Verb::guard:
      return model_.guard(space, r.name, c.value, c.value2);
    case Verb::unguard:
      return model_.unguard(space, r.name, c.value);
    case Verb::swap_guard:
      return model_.swap_guard(space, r.name, c.value, c.value2);
    case Verb::peek: {
      model::Model::Peeked peeked;
      code = model_.peek(space, r.name, static_cast<uint32_t>(c.value), peeked);
      return answer(peeked.seqno, peeked.size, static_cast<uint32_t>(peeked.id),
                    peeked.sender.security.val[0], peeked.sender.security.val[1], peeked.sender.audit.val[5]);
    }
    case Verb::insert_member:
      return model_.insert_member(space, r.name, r.name2);
    case Verb::extract_member:
      return model_.extract_member(space, r.name, r.name2);
    case Verb::move_member:
      return model_.move_member(space, r.name, r.name2);
    case Verb::get_set_status: {
      std::vector<Name> members;
      code = model_.get_set_status(space, r.name, members);
      for (Name member : members) answer(member);
      return code;
    }
    case Verb::basic_info:
      return answer(0xff, space.table_size, space.used());
    case Verb::request_notification: {
      Name previous = MACH_PORT_NULL;
      code = model_.request_notification(space, r.name, static_cast<int>(c.right),
                                         static_cast<uint32_t>(c.value), other, r.name2,
                                         static_cast<uint32_t>(c.value2), previous);
      return brought(previous);
    }
    case Verb::end_task:
      model_.end_task(space);
      tasks_[c.task] = &model_.new_task(kernel_.sender(c.task));
      return KERN_SUCCESS;
    default:
      return KERN_FAILURE;
  }
}

mach_msg_return_t Reference::message(const Ready& r, Bytes buffer, Outcome& out) {
  const Call& c = r.call;
  const bool sending = c.verb == Verb::send;
  if (!sending) buffer.assign(kBufferSize, kUntouched);
  if (c.message.unreadable) buffer.clear();
  const uint64_t address = c.message.unreadable ? kNowhere : kernel_.arena().buffer_address();
  const mach_msg_return_t code = sending ? model_.send(*tasks_[c.task], memory_, buffer, address,
                                                       static_cast<int>(c.option), r.send_size)
                                         : model_.receive(*tasks_[c.task], memory_, buffer, address,
                                                          static_cast<int>(c.option), c.right, r.name);
  if (c.message.unreadable) return code;
  out.buffer = std::move(buffer);
  if (sending ? code == MACH_SEND_TIMED_OUT : code == MACH_MSG_SUCCESS)
    take_message(out, [this](uint64_t at, uint64_t size, Bytes& bytes) {
      return memory_.read_given(at, size, bytes);
    });
  out.released = memory_.released;
  return code;
}

std::vector<Kernel::Listed> Reference::names(unsigned task) {
  std::vector<Kernel::Listed> all;
  for (const model::Model::Listed& it : model_.names(*tasks_[task]))
    all.push_back({it.name, it.type, it.urefs});
  return all;
}

bool Reference::has_message(const model::Entry& entry) const {
  if (entry.set != nullptr) return !entry.set->ready.empty();
  return entry.port != nullptr && !entry.port->queue.empty();
}

}  // namespace portolan::random
