// SPDX-License-Identifier: Apache-2.0
#include "random/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "model/wire.hpp"

namespace portolan::random {

namespace {

constexpr uint64_t kPage = 4096;
using model::Descriptor;

uint8_t content(uint32_t seed, uint64_t at) {
  return static_cast<uint8_t>((seed * 2654435761u >> 24) + at * 7);
}

std::pair<uint64_t, uint64_t> pages(uint64_t address, uint64_t size) {
  return {address / kPage * kPage, (address + size + kPage - 1) / kPage * kPage};
}

}  // namespace

Arena::Arena()
    : buffer_(static_cast<uint8_t*>(mmap(reinterpret_cast<void*>(kArenaAddress), kBufferSize + kRegionsSize,
                                         PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                         -1, 0))) {}

Arena::~Arena() { munmap(buffer_, kBufferSize + kRegionsSize); }

bool Arena::contains(uint64_t address, uint64_t size) const {
  const uint64_t from = buffer_address(), to = from + kBufferSize + kRegionsSize;
  return address >= from && address <= to && size <= to - address;
}

uint32_t Arena::build(const MessagePlan& plan, uint32_t remote, uint32_t local,
                      const std::vector<Name>& names, uint32_t seed) {
  Bytes bytes(kBufferSize, kUntouched);
  if (!plan.raw.empty()) {
    model::put(bytes, 0, plan.raw.data(), std::min(plan.raw.size(), bytes.size()));
    memcpy(buffer_, bytes.data(), bytes.size());
    return plan.data;
  }
  const mach_msg_header_t header{
      plan.bits | (plan.complex ? MACH_MSGH_BITS_COMPLEX : 0), seed, remote, local, plan.voucher, plan.id};
  model::put(bytes, 0, &header, sizeof header);
  uint32_t at = sizeof header, next_name = 0;
  uint64_t region = buffer_address() + kBufferSize;
  if (plan.complex) {
    model::put(bytes, at, &plan.claimed_count, 4);
    at += 4;
  }
  for (const DescriptorPlan& it : plan.descriptors) {
    Descriptor d;
    d.type = it.type;
    d.disposition = it.disposition;
    d.copy = it.copy;
    d.deallocate = it.deallocate;
    d.context = it.context;
    d.flags = it.flags;
    if (it.type == MACH_MSG_PORT_DESCRIPTOR || it.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR) {
      d.name = names[next_name++];
    } else {
      d.address = it.unreadable ? kNowhere : region + it.offset;
      d.size = it.type == MACH_MSG_OOL_PORTS_DESCRIPTOR ? static_cast<uint32_t>(it.names.size()) : it.size;
      auto* memory = reinterpret_cast<uint8_t*>(region + it.offset);
      for (uint32_t i = 0; i < it.size; i++) memory[i] = content(seed + at, i);
      for (uint32_t i = 0; i < it.names.size(); i++) memcpy(memory + i * 4, &names[next_name++], 4);
      region += pages(0, it.offset + std::max<uint64_t>(it.size, it.names.size() * 4)).second + kPage;
    }
    d.write(bytes, at);
    at += model::descriptor_size(it.type);
  }
  for (uint32_t i = 0; i < plan.data; i++) bytes[at + i] = content(seed, i);
  memcpy(buffer_, bytes.data(), bytes.size());
  return at + plan.data + static_cast<uint32_t>(plan.size_off);
}

// ------------------------------------------------------------------------------------------------- as the
// kernel sees it

KernelMemory::~KernelMemory() { end_call(); }

bool KernelMemory::copy_in(void* kernel, uint64_t user, size_t size) {
  if (!arena_.contains(user, size)) return false;
  memcpy(kernel, reinterpret_cast<const void*>(user), size);
  return true;
}

bool KernelMemory::copy_out(uint64_t user, const void* kernel, size_t size) {
  bool known = arena_.contains(user, size);
  for (const auto& [address, length] : given_)
    known |= user >= address && user - address <= length && size <= address + length - user;
  if (!known) return false;
  memcpy(reinterpret_cast<void*>(user), kernel, size);
  return true;
}

uint64_t KernelMemory::map(size_t size, size_t offset) {
  void* memory = mmap(nullptr, offset + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  given_[reinterpret_cast<uint64_t>(memory)] = offset + size;
  return reinterpret_cast<uint64_t>(memory) + offset;
}

void KernelMemory::unmap(uint64_t address, uint64_t size) {
  auto it = given_.find(address / kPage * kPage);
  if (it == given_.end()) {
    released.push_back(pages(address, size));
    return;
  }
  munmap(reinterpret_cast<void*>(it->first), it->second);
  given_.erase(it);
}

bool KernelMemory::read(uint64_t address, uint64_t size, Bytes& bytes) const {
  for (const auto& [from, length] : given_) {
    if (address < from || address - from > length || size > from + length - address) continue;
    const auto* memory = reinterpret_cast<const uint8_t*>(address);
    bytes.assign(memory, memory + size);
    return true;
  }
  return false;
}

void KernelMemory::end_call() {
  for (const auto& [address, size] : given_) munmap(reinterpret_cast<void*>(address), size);
  given_.clear();
  released.clear();
}

// -------------------------------------------------------------------------------------------------- as the
// model sees it

bool ModelMemory::read(uint64_t address, uint64_t size, Bytes& bytes) {
  if (!arena_.contains(address, size)) return false;
  const auto* memory = reinterpret_cast<const uint8_t*>(address);
  bytes.assign(memory, memory + size);
  return true;
}

void ModelMemory::release(uint64_t address, uint64_t size) { released.push_back(pages(address, size)); }

uint64_t ModelMemory::give(const Bytes& bytes, uint32_t offset) {
  given_.push_back(bytes);
  return given_.size() * kPage + offset;
}

bool ModelMemory::read_given(uint64_t address, uint64_t size, Bytes& bytes) const {
  const uint64_t which = address / kPage;
  if (which == 0 || which > given_.size() || given_[which - 1].size() != size) return false;
  bytes = given_[which - 1];
  return true;
}

void ModelMemory::end_call() {
  given_.clear();
  released.clear();
}

// -------------------------------------------------------------------------------------------------------------
// messages

static void name_seen(Outcome& outcome, Name name) {
  if (MACH_PORT_VALID(name)) outcome.names.push_back(name);
}

// What is no field of a descriptor says nothing (messages 1.4).
static void clear_padding(Bytes& buffer, uint32_t at, uint8_t type) {
  if (type == MACH_MSG_PORT_DESCRIPTOR) {
    std::fill_n(buffer.begin() + at + 4, 6, uint8_t{0});
  } else if (type == MACH_MSG_OOL_DESCRIPTOR || type == MACH_MSG_OOL_VOLATILE_DESCRIPTOR) {
    buffer[at + 10] = 0;
  }
}

void take_message(Outcome& outcome, const std::function<bool(uint64_t, uint64_t, Bytes&)>& read) {
  Bytes& buffer = outcome.buffer;
  mach_msg_header_t header;
  memcpy(&header, buffer.data(), sizeof header);
  name_seen(outcome, header.msgh_remote_port);
  name_seen(outcome, header.msgh_local_port);
  if ((header.msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0) return;
  const uint32_t count = model::word_at(buffer, sizeof header);
  uint32_t at = sizeof(mach_msg_base_t);
  for (uint32_t i = 0; i < count && at + 16 <= std::min<size_t>(header.msgh_size + 4, buffer.size()); i++) {
    Descriptor d = Descriptor::read(buffer, at);
    clear_padding(buffer, at, d.type);
    if (d.type == MACH_MSG_PORT_DESCRIPTOR || d.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR) {
      name_seen(outcome, d.name);
    } else if (d.address != 0) {
      const bool ports = d.type == MACH_MSG_OOL_PORTS_DESCRIPTOR;
      Bytes bytes;
      if (!read(d.address, uint64_t{d.size} * (ports ? 4 : 1), bytes)) bytes = {'?'};
      for (uint32_t n = 0; ports && n + 4 <= bytes.size(); n += 4)
        name_seen(outcome, model::word_at(bytes, n));
      outcome.memory.push_back(bytes);
      const uint64_t somewhere = 1 + d.address % kPage;
      model::put(buffer, at, &somewhere, 8);
    }
    at += model::descriptor_size(d.type);
  }
}

}  // namespace portolan::random
