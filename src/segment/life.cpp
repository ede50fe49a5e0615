// SPDX-License-Identifier: Apache-2.0
#include "segment/life.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace portolan {

namespace {

constexpr int64_t kOffset = -static_cast<int64_t>(offsetof(LifeWord, next));
static_assert(kOffset == -32);

// A link's `next` is what pointers on the list lead to; its `prev` lies right before it, the list's own head
// included.
uint64_t load(uint64_t at) { return detail::load_relaxed(*reinterpret_cast<uint64_t*>(at)); }
void store(uint64_t at, uint64_t value) {
  detail::store_relaxed(*reinterpret_cast<uint64_t*>(at), value);
  crash_fence();
}
constexpr uint64_t kPiBit = 1;

RobustHead* kernel_head() {
  RobustHead* head = nullptr;
  size_t length = 0;
  if (syscall(SYS_get_robust_list, 0, &head, &length) != 0 || length != sizeof(RobustHead)) return nullptr;
  return head;
}

}  // namespace

bool life_enter(LifeLink& link, LifeWord& word) {
  RobustHead* head = kernel_head();
  if (head == nullptr) {
    // A raw clone starts without a list. Nothing of the C library's can be on one that the kernel does not
    // know.
    head = link.head != nullptr ? link.head : &link.own;
    head->list = reinterpret_cast<uint64_t>(&head->list);
    head->futex_offset = kOffset;
    head->list_op_pending = 0;
    if (syscall(SYS_set_robust_list, head, sizeof(RobustHead)) != 0) return false;
  }
  if (head->futex_offset != kOffset) return false;
  const uint64_t entry = reinterpret_cast<uint64_t>(&word.next),
                 list = reinterpret_cast<uint64_t>(&head->list);
  store(reinterpret_cast<uint64_t>(&head->list_op_pending), entry);
  const uint64_t first = load(list);
  store(entry, first);
  store(reinterpret_cast<uint64_t>(&word.prev), list);
  if ((first & ~kPiBit) != list) store((first & ~kPiBit) - sizeof(uint64_t), entry);
  store(list, entry);
  store(reinterpret_cast<uint64_t>(&head->list_op_pending), 0);
  link.head = head;
  link.word = &word;
  return true;
}

void life_leave(LifeLink& link) {
  if (link.word == nullptr) return;
  LifeWord& word = *link.word;
  RobustHead* head = link.head;
  const uint64_t entry = reinterpret_cast<uint64_t>(&word.next),
                 list = reinterpret_cast<uint64_t>(&head->list);
  store(reinterpret_cast<uint64_t>(&head->list_op_pending), entry);
  const uint64_t next = word.next, prev = word.prev & ~kPiBit;
  if ((next & ~kPiBit) != list) store((next & ~kPiBit) - sizeof(uint64_t), word.prev);
  store(prev, next);
  link.word = nullptr;
}

void life_left(LifeLink& link) {
  if (link.head != nullptr) store(reinterpret_cast<uint64_t>(&link.head->list_op_pending), 0);
}

void life_forget(LifeLink& link) {
  const uint64_t gone = link.word == nullptr ? 0 : reinterpret_cast<uint64_t>(&link.word->next);
  link.word = nullptr;
  // The C library's fork has emptied its list already; after a raw clone it still begins or goes on with our
  // word.
  if (gone != 0 && link.head != nullptr && kernel_head() == nullptr)
    link.head->list = reinterpret_cast<uint64_t>(&link.head->list);
}

}  // namespace portolan
