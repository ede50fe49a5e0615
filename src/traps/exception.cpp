// SPDX-License-Identifier: Apache-2.0
// If we die here: what is in hand between transactions is in holds; the reply port goes with the space.
#include "traps/exception.hpp"

#include <mach/exception_types.h>
#include <mach/message.h>
#include <mach/mig_errors.h>
#include <mach/notify.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/mach_port.hpp"
#include "segment/guard.hpp"
#include "task/exception.hpp"
#include "traps/exception_state.hpp"
#include "traps/process.hpp"
#include "traps/trap.hpp"

namespace portolan {

namespace {

using Level = ExceptionTarget::Level;

// A reply that may carry a state, with its trailer.
struct Reply {
  mach_msg_header_t header;
  NDR_record_t ndr;
  kern_return_t code;
  uint32_t flavor, count;
  uint32_t state[kExceptionStateMost];
  mach_msg_trailer_t trailer;
};
constexpr mach_msg_size_t kPlain = 36;
constexpr mach_msg_size_t kWithState = offsetof(Reply, state);

// The target of a level, as a thread sees itself. Inside a trap, or without one for a look.
ExceptionTarget target_of(Level level, const ThreadContext& context) {
  const Segment& segment = g_process->segment;
  ExceptionTarget target{level, {}, 0, {}};
  if (level == Level::task) target.task = g_process->task;
  if (level == Level::thread) {
    target.slot = context.thread.index();
    const uint32_t port = context.thread.slot().kernel_port;
    target.port = segment.ref_of(segment.at(Handle<ipc::Port>{port}));
  }
  return target;
}

// Has the thread made a trap in this task?
bool is_attached(const ThreadContext& context) {
  return context.epoch != 0 && context.epoch == g_process->epoch.load();
}

class Raise {
 public:
  Raise(const ExceptionReport& report, ucontext_t& interrupted)
      : report_(report), interrupted_(interrupted) {}
  ~Raise() {
    if (!reply_port_.valid()) return;
    const Trap trap;
    if (trap.ok()) ipc::port_mod_refs(trap.thread(), trap.space(), reply_port_, MACH_PORT_RIGHT_RECEIVE, -1);
  }
  Raise(const Raise&) = delete;
  Raise& operator=(const Raise&) = delete;

  bool wanted() const {
    const ThreadContext& context = t_context;
    for (const Level level : {Level::thread, Level::task, Level::host})
      if (present(level, context)) return true;
    return false;
  }

  bool handled() {
    for (const Level level : {Level::thread, Level::task, Level::host}) {
      kern_return_t code = send(level);
      if (code == KERN_SUCCESS) code = await();
      if (code == KERN_SUCCESS || code == MACH_RCV_PORT_DIED) return true;
    }
    return false;
  }

 private:
  bool present(Level level, const ThreadContext& context) const {
    // A thread without a port of its own has never set anything.
    if (level == Level::thread && (!is_attached(context) || context.thread.slot().kernel_port == 0))
      return false;
    return exception_wanted(g_process->segment, target_of(level, context), report_.type);
  }

  kern_return_t send(Level level) {
    if (!present(level, t_context)) return KERN_FAILURE;
    const Trap trap;
    if (!trap.ok()) return KERN_TERMINATED;
    kern_return_t code = KERN_SUCCESS;
    if (!reply_port_.valid())
      code = ipc::port_allocate(trap.thread(), trap.space(), MACH_PORT_RIGHT_RECEIVE, reply_port_);
    if (code == KERN_SUCCESS)
      code = exception_send(trap.thread(), target_of(level, t_context), report_, trap.space(), reply_port_,
                            request_);
    return trap.leave(code);
  }

  kern_return_t await() {
    Reply reply;
    const mach_msg_return_t received = mach_msg(&reply.header, MACH_RCV_MSG, 0, sizeof reply,
                                                reply_port_.value, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
    if (received == MACH_RCV_TOO_LARGE) return MIG_TYPE_ERROR;
    // The port may be gone, but that is not what a handler may answer.
    if (received != MACH_MSG_SUCCESS) return MACH_RCV_INTERRUPTED;
    const kern_return_t code = judge(reply);
    if (reply.header.msgh_id != MACH_NOTIFY_SEND_ONCE) mach_msg_destroy(&reply.header);
    if (code != KERN_SUCCESS || !request_.wants_state) return code;
    return exception_state_set(interrupted_, reply.flavor, reply.state, reply.count) ? KERN_SUCCESS
                                                                                     : KERN_INVALID_ARGUMENT;
  }

  // tasks 4.5
  kern_return_t judge(const Reply& reply) const {
    const mach_msg_header_t& header = reply.header;
    if (header.msgh_id == MACH_NOTIFY_SEND_ONCE) return MIG_SERVER_DIED;
    if (header.msgh_id != request_.id + 100) return MIG_REPLY_MISMATCH;
    if ((header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0 || header.msgh_size < kPlain) return MIG_TYPE_ERROR;
    if (header.msgh_size == kPlain && reply.code != KERN_SUCCESS) return reply.code;
    const bool fits = request_.wants_state
                          ? header.msgh_size >= kWithState && reply.count <= kExceptionStateMost &&
                                header.msgh_size == kWithState + 4 * reply.count
                          : header.msgh_size == kPlain;
    return fits ? reply.code : MIG_TYPE_ERROR;
  }

  const ExceptionReport& report_;
  ucontext_t& interrupted_;
  ipc::Name reply_port_;
  ExceptionRequest request_;
};

// As long as the thread waits it handles the signals that it handled before.
bool tell(const ExceptionReport& report, ucontext_t& interrupted) {
  Raise raise(report, interrupted);
  if (!raise.wanted()) return false;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &interrupted.uc_sigmask, nullptr, sizeof(uint64_t));
  return raise.handled();
}

bool raise_exception(const ExceptionReport& report, ucontext_t& interrupted) {
  if (g_process == nullptr || g_process->epoch.load() == 0 || g_process->lost != 0) return false;
  if (is_vfork_child()) return false;
  // A handler starts without even the right to look.
  const uint32_t rights = guard_shut();
  const bool handled = tell(report, interrupted);
  guard_close(rights);
  return handled;
}

ExceptionReport report_of(const Fault& fault, const ucontext_t& interrupted) {
  ExceptionReport report;
  report.type = fault.type;
  report.code[0] = fault.code;
  report.code[1] = fault.subcode;
  report.state = exception_state_get;
  report.context = &interrupted;
  return report;
}

}  // namespace

bool exception_handled(int signal, const siginfo_t& info, ucontext_t& interrupted) {
  const Fault fault = fault_of(signal, info, interrupted);
  return fault.type != 0 && raise_exception(report_of(fault, interrupted), interrupted);
}

void exception_crash(int signal, const siginfo_t& info, ucontext_t& interrupted) {
  constexpr uint64_t kCore =
      1u << SIGILL | 1u << SIGTRAP | 1u << SIGABRT | 1u << SIGFPE | 1u << SIGBUS | 1u << SIGSEGV;
  if ((kCore >> signal & 1) == 0) return;
  const Fault fault = info.si_code > 0 ? fault_of(signal, info, interrupted) : Fault{};
  const Fault crash = {
      EXC_CRASH,
      static_cast<uint64_t>(signal) << 24 | uint64_t{fault.type & 0xf} << 20 | (fault.code & 0xfffff),
      fault.subcode};
  raise_exception(report_of(crash, interrupted), interrupted);
}

}  // namespace portolan
