// SPDX-License-Identifier: Apache-2.0
// Memory that travels out of line: whole pages of the virtual memory system, owned by one object at a time.
#ifndef PORTOLAN_MEMORY_HPP_
#define PORTOLAN_MEMORY_HPP_

#include <mach/mach.h>
#include <portolan/payload.hpp>
#include <portolan/result.hpp>

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

namespace portolan {

class [[nodiscard]] ool_memory {
 public:
  constexpr ool_memory() noexcept = default;
  ool_memory(ool_memory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  ool_memory& operator=(ool_memory&& other) noexcept {
    if (this != &other) {
      reset();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~ool_memory() { reset(); }

  // Zeroed memory. KERN_NO_SPACE if there is none, KERN_INVALID_ARGUMENT if it is too much.
  static result<ool_memory> allocate(std::size_t bytes) noexcept {
    vm_address_t address = 0;
    if (bytes > UINT32_MAX)
      return error(KERN_INVALID_ARGUMENT, "vm_allocate");  // a message says it in 32 bits
    const kern_return_t code = vm_allocate(mach_task_self(), &address, bytes, VM_FLAGS_ANYWHERE);
    if (code != KERN_SUCCESS) return error(code, "vm_allocate");
    return adopt(reinterpret_cast<void*>(address), bytes);
  }

  // A copy of what is elsewhere: any contiguous range of numbers, or of structures of numbers.
  template <detail::lendable_range Range>
  static result<ool_memory> copied_from(const Range& range) noexcept {
    const std::span elements(range);
    return allocate(elements.size_bytes()).transform([&](ool_memory memory) {
      if (!elements.empty()) std::memcpy(memory.data(), elements.data(), elements.size_bytes());
      return memory;
    });
  }

  // Takes over memory that vm_deallocate may have.
  static ool_memory adopt(void* data, std::size_t bytes) noexcept {
    ool_memory memory;
    memory.data_ = bytes == 0 ? nullptr : static_cast<std::byte*>(data);
    memory.size_ = bytes;
    return memory;
  }

  // The memory, which is the caller's now, to vm_deallocate.
  [[nodiscard]] std::span<std::byte> release() noexcept {
    return {std::exchange(data_, nullptr), std::exchange(size_, 0)};
  }

  void reset() noexcept {
    const std::span<std::byte> memory = release();
    if (!memory.empty()) {
      vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(memory.data()), memory.size());
    }
  }

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::span<std::byte> bytes() const noexcept { return {data_, size_}; }

  // As many whole T as there are. What came from somebody else may have any size: look at it.
  template <payload_type T>
  std::span<T> as() const noexcept {
    return {reinterpret_cast<T*>(data_), size_ / sizeof(T)};
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace portolan

#endif  // PORTOLAN_MEMORY_HPP_
