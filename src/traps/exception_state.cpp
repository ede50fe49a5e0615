// SPDX-License-Identifier: Apache-2.0
#include "traps/exception_state.hpp"

#include <mach/exception_types.h>
#include <mach/kern_return.h>
#include <mach/machine/thread_status.h>
#include <string.h>

namespace portolan {

namespace {

#if defined(__x86_64__)

constexpr int kTrapDebug = 1, kTrapFpu = 16, kTrapSimd = 19;
constexpr uint64_t kMemoryCode = KERN_MEMORY_ERROR;

int trap_number(const ucontext_t& context) { return static_cast<int>(context.uc_mcontext.gregs[REG_TRAPNO]); }

Fault arithmetic(const siginfo_t& info, const ucontext_t& context) {
  const int trap = trap_number(context);
  if (trap == kTrapFpu) return {EXC_ARITHMETIC, EXC_I386_EXTERR, 0};
  if (trap == kTrapSimd) {
    const auto* registers = context.uc_mcontext.fpregs;
    return {EXC_ARITHMETIC, EXC_I386_SSEEXTERR, registers != nullptr ? registers->mxcsr : 0};
  }
  return {EXC_ARITHMETIC, info.si_code == FPE_INTOVF ? uint64_t{EXC_I386_INTO} : uint64_t{EXC_I386_DIV}, 0};
}

Fault bad_access(const siginfo_t& info, const ucontext_t& context) {
  // Linux knows no address where the processor has none.
  if (info.si_code == SI_KERNEL)
    return {EXC_BAD_ACCESS, EXC_I386_GPFLT, static_cast<uint64_t>(context.uc_mcontext.gregs[REG_ERR])};
  const kern_return_t code = info.si_code == SEGV_MAPERR ? KERN_INVALID_ADDRESS : KERN_PROTECTION_FAILURE;
  return {EXC_BAD_ACCESS, static_cast<uint64_t>(code), reinterpret_cast<uint64_t>(info.si_addr)};
}

Fault breakpoint(const ucontext_t& context) {
  return {EXC_BREAKPOINT,
          trap_number(context) == kTrapDebug ? uint64_t{EXC_I386_SGL} : uint64_t{EXC_I386_BPT}, 0};
}
constexpr uint64_t kUndefined = EXC_I386_INVOP;

// In the order of x86_thread_state64, up to the flags.
constexpr int kRegisters[] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RDI, REG_RSI,
                              REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP, REG_EFL};
// What a program may change of its flags: the arithmetic ones, direction, overflow, trap.
constexpr uint64_t kUserFlags = 0xdd5;

void get_registers(const ucontext_t& context, uint32_t* words) {
  uint64_t state[x86_THREAD_STATE64_COUNT / 2] = {};
  const greg_t* from = context.uc_mcontext.gregs;
  for (unsigned i = 0; i < 18; i++) state[i] = static_cast<uint64_t>(from[kRegisters[i]]);
  const auto selectors = static_cast<uint64_t>(from[REG_CSGSFS]);
  state[18] = selectors & 0xffff;
  state[19] = selectors >> 32 & 0xffff;
  state[20] = selectors >> 16 & 0xffff;
  memcpy(words, state, sizeof state);
}

void set_registers(ucontext_t& context, const uint32_t* words) {
  uint64_t state[18];
  memcpy(state, words, sizeof state);
  greg_t* to = context.uc_mcontext.gregs;
  const auto kept = static_cast<uint64_t>(to[REG_EFL]) & ~kUserFlags;
  state[17] = kept | (state[17] & kUserFlags);
  for (unsigned i = 0; i < 18; i++) to[kRegisters[i]] = static_cast<greg_t>(state[i]);
}

#else

constexpr uint64_t kMemoryCode = KERN_MEMORY_ERROR;
constexpr uint64_t kUndefined = 1;  // EXC_ARM_UNDEFINED
Fault arithmetic(const siginfo_t&, const ucontext_t&) { return {EXC_ARITHMETIC, 0, 0}; }
Fault bad_access(const siginfo_t& info, const ucontext_t&) {
  const kern_return_t code = info.si_code == SEGV_MAPERR ? KERN_INVALID_ADDRESS : KERN_PROTECTION_FAILURE;
  return {EXC_BAD_ACCESS, static_cast<uint64_t>(code), reinterpret_cast<uint64_t>(info.si_addr)};
}
Fault breakpoint(const ucontext_t&) { return {EXC_BREAKPOINT, 1, 0}; }

#endif

}  // namespace

Fault fault_of(int signal, const siginfo_t& info, const ucontext_t& interrupted) {
  switch (signal) {
    case SIGSEGV:
      return bad_access(info, interrupted);
    case SIGBUS:
      return {EXC_BAD_ACCESS, kMemoryCode, reinterpret_cast<uint64_t>(info.si_addr)};
    case SIGILL:
      return {EXC_BAD_INSTRUCTION, kUndefined, 0};
    case SIGFPE:
      return arithmetic(info, interrupted);
    case SIGTRAP:
      return breakpoint(interrupted);
    default:
      return {};
  }
}

#if defined(__x86_64__)

uint32_t exception_state_get(const void* context, uint32_t flavor, uint32_t* words) {
  const auto& from = *static_cast<const ucontext_t*>(context);
  if (flavor == x86_THREAD_STATE64) {
    get_registers(from, words);
    return x86_THREAD_STATE64_COUNT;
  }
  if (flavor != x86_THREAD_STATE) return 0;
  words[0] = x86_THREAD_STATE64;
  words[1] = x86_THREAD_STATE64_COUNT;
  get_registers(from, words + 2);
  return x86_THREAD_STATE64_COUNT + 2;
}

bool exception_state_set(ucontext_t& context, uint32_t flavor, const uint32_t* words, uint32_t count) {
  if (flavor == x86_THREAD_STATE && count >= 2) {
    flavor = words[0];
    words += 2;
    count -= 2;
  }
  if (flavor != x86_THREAD_STATE64 || count < x86_THREAD_STATE64_COUNT) return false;
  set_registers(context, words);
  return true;
}

#else
uint32_t exception_state_get(const void*, uint32_t, uint32_t*) { return 0; }
bool exception_state_set(ucontext_t&, uint32_t, const uint32_t*, uint32_t) { return false; }
#endif

}  // namespace portolan
