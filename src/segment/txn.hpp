// SPDX-License-Identifier: Apache-2.0
// Transactions: the only way to change the kernel's state.
//
// transact(self, Needs{…}, body) reserves what the body may allocate, runs it, and commits. The body may run
// several times: a lock that would have to be slept on undoes everything, is slept on alone, and the body
// starts again. So the body has no effect but Cells and the results it assigns, makes no system call, touches
// no user memory, and has no loop without a constant bound. Objects with destructors do not belong in it.
//
// If we die here: before the commit, which is one store of 0 to the log's length, recovery restores the old
// values and frees the locks; after it, recovery only frees the locks. Freed elements wait in the slot until
// then.
#pragma once

#include <type_traits>

#include "segment/jump.hpp"
#include "segment/thread.hpp"

#if defined(__clang__)
#define PORTOLAN_CAPABILITY(x) __attribute__((capability(x)))
#else
#define PORTOLAN_CAPABILITY(x)
#endif

namespace portolan {

// Proof that `txn` holds the lock of this object. Empty when the object is gone (a Ref of an older
// generation).
template <class T>
class Locked {
 public:
  Locked() = default;
  explicit operator bool() const { return object_ != nullptr; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  Handle<T> handle() const { return handle_; }

 private:
  friend class Txn;
  Locked(T* object, Handle<T> handle) : object_(object), handle_(handle) {}
  T* object_ = nullptr;
  Handle<T> handle_;
};

// The most that a body may take out of each zone.
struct Needs {
  uint8_t count[kMaxZones] = {};
  uint32_t zones = 0;  // those with a count

  template <class T>
  constexpr Needs with(uint8_t n = 1) const {
    Needs more = *this;
    more.count[ZoneOf<T>::id] = static_cast<uint8_t>(more.count[ZoneOf<T>::id] + n);
    more.zones |= 1u << ZoneOf<T>::id;
    return more;
  }
};

class PORTOLAN_CAPABILITY("transaction") Txn {
 public:
  Txn(const Txn&) = delete;
  Txn& operator=(const Txn&) = delete;

  Thread& self() const { return self_; }
  Segment& segment() const { return segment_; }

  // -- writing
  template <class T>
  void set(Cell<T>& cell, std::type_identity_t<T> value) {
    log(&cell.value_, sizeof(T), bits_of(cell.get()));
    detail::store_relaxed(cell.value_, value);
  }
  template <class T>
  void add(Cell<T>& cell, std::type_identity_t<T> delta) {
    set(cell, static_cast<T>(cell.get() + delta));
  }

  // -- locking: never sleeps while anything else is held, may start the body again
  template <class T>
  Locked<T> lock(Handle<T> handle) {
    T& object = segment_.at(handle);
    acquire(object.lock);
    return Locked<T>(&object, handle);
  }
  template <class T>
  Locked<T> lock(Ref<T> ref) {
    T& object = segment_.at(ref);
    acquire(object.lock);
    if (object.generation != ref.generation) return {};
    return Locked<T>(&object, Handle<T>{ref.index});
  }
  // A target that is gone is element 0 of its zone, which nobody has: its state is the one of a free element.
  template <class T>
  Locked<T> lock(Target<T> target) {
    Locked<T> locked = lock(target.handle);
    if (target.generation != 0 && locked->generation != target.generation) return in_hand(Handle<T>{});
    return locked;
  }
  // Spins for nobody: empty when somebody else holds it.
  bool try_acquire(LockWord& word);
  void acquire(LockWord& word);
  bool holds(const LockWord& word) const;
  // An object that nobody else can reach: fresh in this transaction, or in this thread's hand.
  template <class T>
  Locked<T> in_hand(Handle<T> handle) {
    return Locked<T>(&segment_.at(handle), handle);
  }

  // -- elements: taking cannot fail within Needs; what is freed is reused only after the commit
  template <class T>
  Handle<T> allocate() {
    return Handle<T>{take_element(ZoneOf<T>::id)};
  }
  template <class T>
  void release(Handle<T> handle) {
    release_element(ZoneOf<T>::id, handle.index);
  }
  uint64_t new_identity();

  // -- what this thread has in hand
  Hold& hold(uint32_t kind, uint32_t object, uint64_t extra = 0);
  void drop(Hold& hold);
  Hold* find_hold(uint32_t kind, uint32_t object);

  // -- debts
  void owe_wake(uint32_t frame_id);
  // Appends an element to this thread's work list: it will be taken down before the trap returns.
  template <class T>
  void push_work(Handle<T> handle) {
    push_item(work_item(ZoneOf<T>::id, handle.index));
  }
  // In front of everything else, the item that is being worked on included: what it waits for.
  template <class T>
  void push_work_first(Handle<T> handle) {
    push_first(work_item(ZoneOf<T>::id, handle.index));
  }
  void pop_work();

  // Undoes everything and returns this code from transact().
  [[nodiscard]] int roll_back(int code) {
    abandoned_ = true;
    return code;
  }

 private:
  friend int run_section(Thread&, int (*)(void*, Txn&), void*);
  explicit Txn(Thread& self) : self_(self), segment_(self.segment()), slot_(self.slot()) {}

  template <class T>
  static uint64_t bits_of(T value) {
    uint64_t bits = 0;
    __builtin_memcpy(&bits, &value, sizeof value);
    return bits;
  }
  void push_item(uint32_t item);
  void push_first(uint32_t item);
  void log(const void* word, unsigned size, uint64_t old) {
    const uint32_t n = slot_.log_length.load();
    if (n >= kLogMax) kernel_panic("a transaction writes more than its log holds");
    slot_.log[n].where.store(segment_.offset_of(word) << 4 | size);
    slot_.log[n].old.store(old);
    crash_fence();
    slot_.log_length.store(n + 1);
    crash_fence();
  }
  uint32_t take_element(unsigned zone);
  void release_element(unsigned zone, uint32_t index);
  void contended(LockWord& word);
  void commit();
  void unlock_all();

  Thread& self_;
  Segment& segment_;
  ThreadSlot& slot_;
  unsigned restarts_ = 0;
  uint32_t pending_before_ = 0;  // of the pending frees, how many are not this transaction's
  bool abandoned_ = false;
  JumpBuffer jump_;
};

// One section without what stands around it: nothing is reserved before, nothing is paid or stored after.
int run_section(Thread& self, int (*body)(void*, Txn&), void* context);
int run_transaction(Thread& self, const Needs& needs, int (*body)(void*, Txn&), void* context, int no_memory);

// Runs `body` as one transaction and returns its code. `no_memory` is what a failed reservation returns, with
// nothing changed. The lambda is called through a pointer: what it captures lives in memory and survives a
// restart.
template <class Body>
int transact(Thread& self, const Needs& needs, Body&& body, int no_memory = 6 /* KERN_RESOURCE_SHORTAGE */) {
  auto call = [](void* context, Txn& txn) -> int {
    return (*static_cast<std::remove_reference_t<Body>*>(context))(txn);
  };
  return run_transaction(self, needs, call, &body, no_memory);
}

template <class Body>
int section(Thread& self, Body&& body) {
  auto call = [](void* context, Txn& txn) -> int {
    return (*static_cast<std::remove_reference_t<Body>*>(context))(txn);
  };
  return run_section(self, call, &body);
}

// Pays what is owed: wakes, and the work list. Called with no lock held.
void pay_wakes(Thread& self);
void settle(Thread& self);
// launchd is to look at everything anew. A transaction asks for it by Thread::rings.
void ring_launchd(Segment& segment);

}  // namespace portolan
