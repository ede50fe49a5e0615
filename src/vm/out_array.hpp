// SPDX-License-Identifier: Apache-2.0
// A result that is an array: memory of the program's for as many elements as there may be, cut to those that
// there are when it is handed out, for vm_deallocate.
#pragma once

#include "vm/region.hpp"

namespace portolan::vm {

template <class T>
class OutArray {
 public:
  OutArray() = default;
  OutArray(const OutArray&) = delete;
  OutArray& operator=(const OutArray&) = delete;
  ~OutArray() { drop(); }

  // What was in it is gone. False: there is no memory.
  bool make_room(uint32_t room) {
    drop();
    data_ = static_cast<T*>(map_for_receive(room * sizeof(T)));
    room_ = room;
    return data_ != nullptr;
  }
  T& operator[](uint32_t i) { return data_[i]; }
  T* begin() { return data_; }

  // The first `used` elements are the caller's now; null if there are none.
  T* take(uint32_t used) {
    if (used == 0) {
      drop();
      return nullptr;
    }
    const size_t kept = page_up(used * sizeof(T)), had = page_up(room_ * sizeof(T));
    auto* bytes = reinterpret_cast<char*>(data_);
    T* result = data_;
    if (had > kept) unmap(bytes + kept, had - kept);
    data_ = nullptr;
    return result;
  }

 private:
  void drop() {
    if (data_ != nullptr) unmap(data_, room_ * sizeof(T));
    data_ = nullptr;
  }
  T* data_ = nullptr;
  uint32_t room_ = 0;
};

}  // namespace portolan::vm
