// SPDX-License-Identifier: Apache-2.0
// The memory of a program: a buffer for messages, and regions to send out of line. The kernel and the model
// see the same; what either releases is only noted, so that both can be compared and the program run again.
#pragma once

#include <map>

#include "ipc/user_memory.hpp"
#include "model/model.hpp"
#include "random/outcome.hpp"
#include "random/program.hpp"

namespace portolan::random {

inline constexpr uint64_t kNowhere = 0x1000;  // an address where nothing is
inline constexpr uint64_t kArenaAddress =
    0x200000000;  // where the arena lies if it can, for programs that were kept
inline constexpr size_t kBufferSize = 16 << 10;
inline constexpr size_t kRegionsSize = 1 << 20;
inline constexpr uint8_t kUntouched = 0xa5;

class Arena {
 public:
  Arena();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  uint64_t buffer_address() const { return reinterpret_cast<uint64_t>(buffer_); }
  uint8_t* buffer() { return buffer_; }
  bool contains(uint64_t address, uint64_t size) const;

  // Lays the message out in the buffer, with what it sends out of line behind it; its size.
  uint32_t build(const MessagePlan& plan, uint32_t remote, uint32_t local, const std::vector<Name>& names,
                 uint32_t seed);

 private:
  uint8_t* buffer_;  // with the regions behind it
};

// As the kernel sees it.
class KernelMemory final : public ipc::UserMemory {
 public:
  explicit KernelMemory(Arena& arena) : arena_(arena) {}
  ~KernelMemory();
  bool copy_in(void* kernel, uint64_t user, size_t size) override;
  bool copy_out(uint64_t user, const void* kernel, size_t size) override;
  uint64_t map(size_t size, size_t offset) override;
  void unmap(uint64_t address, uint64_t size) override;

  // Of memory that the kernel gave.
  bool read(uint64_t address, uint64_t size, Bytes& bytes) const;
  void end_call();  // what was given goes back
  std::vector<std::pair<uint64_t, uint64_t>> released;

 private:
  Arena& arena_;
  std::map<uint64_t, size_t> given_;
};

// As the model sees it.
class ModelMemory final : public model::Memory {
 public:
  explicit ModelMemory(Arena& arena) : arena_(arena) {}
  bool read(uint64_t address, uint64_t size, Bytes& bytes) override;
  void release(uint64_t address, uint64_t size) override;
  uint64_t give(const Bytes& bytes, uint32_t offset) override;

  bool read_given(uint64_t address, uint64_t size, Bytes& bytes) const;
  void end_call();
  std::vector<std::pair<uint64_t, uint64_t>> released;

 private:
  Arena& arena_;
  std::vector<Bytes> given_;
};

// Turns a buffer that holds a received or returned message into an outcome: of an address only 0 or its place
// in the page (and 1 more) is kept, what it points to is
// read, names are listed.
void take_message(Outcome& outcome, const std::function<bool(uint64_t, uint64_t, Bytes&)>& read);

}  // namespace portolan::random
