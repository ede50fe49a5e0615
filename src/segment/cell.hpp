// SPDX-License-Identifier: Apache-2.0
// The kinds of words that shared memory is made of, and who may write each.
//
//   Cell<T>   belongs to one lock, named where it is declared. Only a Txn writes it, after logging the old
//   value. Own<T>    lies in a thread's slot and is written by that thread alone, through its Txn where it
//   must be undone. Hint<T>   atomic, never logged, never trusted: losing one costs time, not truth. LockWord
//   a futex word that names its holder. Never logged: recovery frees it by compare-and-swap.
//
// All are plain words at rest, so that a copy of the segment is a copy of the kernel's state.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

namespace portolan {

class Txn;

namespace detail {
template <class T>
T load_relaxed(const T& word) {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_relaxed);
}
template <class T>
void store_relaxed(T& word, T value) {
  std::atomic_ref<T>(word).store(value, std::memory_order_relaxed);
}
}  // namespace detail

// Keeps the compiler from moving stores across: what a thread that dies here leaves behind is what a
// single-stepping debugger would see, so the order of the instructions is all that counts.
inline void crash_fence() { std::atomic_signal_fence(std::memory_order_seq_cst); }

template <class T>
class Cell {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);

 public:
  Cell() = default;
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  // An unlocked read is a hint: check again under the lock before acting on it.
  T get() const { return detail::load_relaxed(value_); }
  operator T() const { return get(); }

  // For an element that this transaction has just taken from its magazine, before anything points to it.
  void init(T value) { detail::store_relaxed(value_, value); }

 private:
  friend class Txn;
  friend class Recovery;
  alignas(sizeof(T)) T value_;
};

template <class T>
using Own = Cell<T>;

template <class T>
class Hint {
 public:
  Hint() = default;
  Hint(const Hint&) = delete;
  Hint& operator=(const Hint&) = delete;

  T load(std::memory_order order = std::memory_order_relaxed) const {
    return std::atomic_ref<T>(const_cast<T&>(value_)).load(order);
  }
  void store(T value, std::memory_order order = std::memory_order_relaxed) {
    std::atomic_ref<T>(value_).store(value, order);
  }
  T exchange(T value) { return std::atomic_ref<T>(value_).exchange(value, std::memory_order_acq_rel); }
  T fetch_add(T value) { return std::atomic_ref<T>(value_).fetch_add(value, std::memory_order_relaxed); }
  T fetch_or(T value) { return std::atomic_ref<T>(value_).fetch_or(value, std::memory_order_acq_rel); }
  bool compare_exchange(T& expected, T desired, std::memory_order order = std::memory_order_acq_rel) {
    return std::atomic_ref<T>(value_).compare_exchange_strong(expected, desired, order,
                                                              std::memory_order_acquire);
  }
  T* address() { return &value_; }

 private:
  alignas(sizeof(T)) T value_;
};

// Zero when free, else the holder's thread slot, with the top bit set while somebody sleeps on it.
class LockWord {
 public:
  static constexpr uint32_t kContended = 0x80000000u;

  uint32_t load() const { return word_.load(std::memory_order_acquire); }
  uint32_t owner() const { return load() & ~kContended; }
  bool try_acquire(uint32_t slot, uint32_t contended = 0) {
    uint32_t free = 0;
    return word_.compare_exchange(free, slot | contended);
  }
  // Marks the word so that its holder will wake us; false when the holder changed meanwhile.
  bool mark_contended(uint32_t seen) { return word_.compare_exchange(seen, seen | kContended); }
  // True when a sleeper has to be woken.
  bool release() { return (word_.exchange(0) & kContended) != 0; }
  // Recovery's release: only from this owner, so that doing it twice harms nobody.
  bool release_from(uint32_t slot) {
    uint32_t seen = load();
    if ((seen & ~kContended) != slot) return false;
    return word_.compare_exchange(seen, 0) && (seen & kContended) != 0;
  }
  uint32_t* address() { return word_.address(); }

 private:
  Hint<uint32_t> word_;
};
static_assert(sizeof(LockWord) == 4);

}  // namespace portolan
