// SPDX-License-Identifier: Apache-2.0
// Tasks checks 69 to 90: exceptions that are raised. The thread that faults is one of the check's own, and
// its handler is the check; or it is a forked child's, which may not survive.
#include <errno.h>
#include <mach/exc.h>
#include <mach/host_priv.h>
#include <mach/mach_exc.h>
#include <mach/mig_errors.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "checks/exception_words.hpp"

namespace checks {
namespace {

// A request as it came, of whatever kind.
struct Request {
  mach_msg_header_t header;
  char room[1024];

  template <class T>
  T at(size_t offset) const {
    T value;
    std::memcpy(&value, reinterpret_cast<const char*>(&header) + offset, sizeof value);
    return value;
  }
  const mach_msg_audit_trailer_t& trailer() const {
    return *reinterpret_cast<const mach_msg_audit_trailer_t*>(reinterpret_cast<const char*>(&header) +
                                                              header.msgh_size);
  }
  bool long_codes() const { return header.msgh_id >= 2405; }
  size_t front() const { return (header.msgh_bits & MACH_MSGH_BITS_COMPLEX) != 0 ? 60 : 32; }
  uint32_t type() const { return at<uint32_t>(front()); }
  uint64_t code(unsigned n) const {
    return long_codes() ? at<uint64_t>(front() + 8 + 8 * n) : at<uint32_t>(front() + 8 + 4 * n);
  }
  size_t state() const { return front() + (long_codes() ? 24 : 16); }
  mach_port_t thread() const { return at<mach_port_t>(28); }
  mach_port_t task() const { return at<mach_port_t>(40); }
};

Request request_at(mach_port_t port) {
  Request request{};
  request.header.msgh_size = sizeof request;
  EXPECT_CODE(MACH_MSG_SUCCESS,
              mach_msg(&request.header,
                       MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_TRAILER_TYPE(MACH_MSG_TRAILER_FORMAT_0) |
                           MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT),
                       0, sizeof request, port, kPatience, MACH_PORT_NULL));
  return request;
}

struct Answer {
  mach_msg_header_t header{};
  NDR_record_t ndr{};
  kern_return_t code = KERN_SUCCESS;
  uint32_t flavor = 0, count = 0;
  uint32_t state[64] = {};
};

void send_answer(const Request& request, Answer& answer, mach_msg_size_t size, mach_msg_id_t id = 0) {
  answer.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
  answer.header.msgh_remote_port = request.header.msgh_remote_port;
  answer.header.msgh_id = id != 0 ? id : request.header.msgh_id + 100;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&answer.header, MACH_SEND_MSG, size, 0, MACH_PORT_NULL,
                                         MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL));
}

void give_back(const Request& request) {
  if ((request.header.msgh_bits & MACH_MSGH_BITS_COMPLEX) == 0) return;
  drop_send(request.thread());
  drop_send(request.task());
}

void answer(const Request& request, kern_return_t code, mach_msg_id_t id = 0) {
  Answer plain;
  plain.code = code;
  give_back(request);
  send_answer(request, plain, 36, id);
}

// A page that nobody may touch, until it is mended; and a thread that reads it.
class Fault {
 public:
  // `thread_port`: its own action for BAD_ACCESS.
  explicit Fault(mach_port_t thread_port = MACH_PORT_NULL, int protection = PROT_NONE)
      : page_(static_cast<int*>(mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
        value_(std::async(std::launch::async, [this, thread_port] {
          const mach_port_t self = mach_thread_self();
          name_ = self;
          if (thread_port != MACH_PORT_NULL) {
            EXPECT_CODE(KERN_SUCCESS, thread_set_exception_ports(self, EXC_MASK_BAD_ACCESS, thread_port,
                                                                 EXCEPTION_DEFAULT | kCodes, 0));
          }
          *const_cast<volatile int*>(page_) = 7;
          return *const_cast<volatile int*>(page_);
        })) {}
  void mend() { EXPECT_EQ(0, mprotect(page_, 4096, PROT_READ | PROT_WRITE)); }
  void expect_mended() { EXPECT_EQ(7, value_.get()); }
  bool goes_on(int milliseconds = 0) {
    return value_.wait_for(std::chrono::milliseconds(milliseconds)) == std::future_status::ready;
  }
  uint64_t address() const { return reinterpret_cast<uint64_t>(page_); }
  mach_port_t name() const { return name_; }
  // Answers what comes to this port, mended.
  void finish(mach_port_t port) {
    const Request request = request_at(port);
    mend();
    answer(request, KERN_SUCCESS);
    expect_mended();
  }

 private:
  int* page_;
  std::atomic<mach_port_t> name_ = MACH_PORT_NULL;
  std::future<int> value_;
};

// A child that does this, and ends by a signal, or with status 0.
class Child {
 public:
  explicit Child(const std::function<void()>& life) : pid_(fork()) {
    if (pid_ != 0) return;
    life();
    _exit(0);
  }
  ~Child() {
    if (!waited_) kill(pid_, SIGKILL), status();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  int status() {
    int status = -1;
    EXPECT_EQ(pid_, waitpid(pid_, &status, 0));
    waited_ = true;
    return status;
  }
  void expect_signal(int signal) {
    const int ended = status();
    EXPECT_TRUE(WIFSIGNALED(ended)) << ended;
    EXPECT_EQ(signal, WTERMSIG(ended));
  }
  void expect_exit(int wanted) {
    const int ended = status();
    EXPECT_TRUE(WIFEXITED(ended)) << "signal " << WTERMSIG(ended);
    EXPECT_EQ(wanted, WEXITSTATUS(ended));
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
  bool waited_ = false;
};

void read_null() {
  volatile int* volatile nowhere = nullptr;
  (void)*nowhere;
}

mach_port_t handler(exception_mask_t mask, exception_behavior_t behavior = EXCEPTION_DEFAULT | kCodes,
                    thread_state_flavor_t flavor = 0) {
  const mach_port_t port = new_port_with_sends(1);
  set_task(mask, port, behavior, flavor);
  return port;
}

CHECK(Tasks, T069_OneLevelAfterTheOther) {
  const mach_port_t thread = new_port_with_sends(1), task = handler(EXC_MASK_BAD_ACCESS);
  Fault fault(thread);
  answer(request_at(thread), KERN_FAILURE);
  const Request second = request_at(task);
  EXPECT_TRUE(nothing_at(thread));
  fault.mend();
  answer(second, KERN_SUCCESS);
  fault.expect_mended();
  EXPECT_TRUE(nothing_at(thread));
}

CHECK(Tasks, T069_TheHostIsTheLast) {
  const mach_port_t host = mach_host_self(), port = new_port_with_sends(1);
  if (host_set_exception_ports(host, EXC_MASK_BAD_ACCESS, port, EXCEPTION_DEFAULT | kCodes, 0) !=
      KERN_SUCCESS)
    GTEST_SKIP() << "not root";
  const mach_port_t task = handler(EXC_MASK_BAD_ACCESS);
  Fault fault;
  answer(request_at(task), KERN_FAILURE);
  fault.finish(port);
  EXPECT_CODE(KERN_SUCCESS, host_set_exception_ports(host, EXC_MASK_BAD_ACCESS, MACH_PORT_NULL, 0, 0));
}

CHECK(Tasks, T070_WhatIsNotMendedComesAgain) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS);
  Fault fault;
  answer(request_at(port), KERN_SUCCESS);
  answer(request_at(port), KERN_SUCCESS);
  fault.finish(port);
}

CHECK(Tasks, T071_PortDiedEndsTheSearch) {
  const mach_port_t thread = new_port_with_sends(1), task = handler(EXC_MASK_BAD_ACCESS);
  Fault fault(thread);
  answer(request_at(thread), MACH_RCV_PORT_DIED);
  fault.finish(thread);
  EXPECT_TRUE(nothing_at(task));
}

CHECK(Tasks, T072_AHandlersPortIsDestroyed) {
  const mach_port_t thread = new_port_with_sends(1), task = handler(EXC_MASK_BAD_ACCESS);
  Fault fault(thread);
  EXPECT_TRUE(eventually([&] { return status_of(thread).mps_msgcount == 1; }));
  drop_receive(thread);
  fault.finish(task);
}

CHECK(Tasks, T073_AHandlerDiesWithTheRequest) {
  const mach_port_t thread = new_port_with_sends(1), task = handler(EXC_MASK_BAD_ACCESS);
  Peer peer([](const Line& line) {
    Request request = request_at(static_cast<mach_port_t>(line.hear()));
    line.tell(request.type());
    line.wait();
  });
  const mach_port_name_t theirs = peer.give(thread, MACH_MSG_TYPE_MOVE_RECEIVE);
  Fault fault(thread);
  peer.line().tell(theirs);
  EXPECT_EQ(uint64_t{EXC_BAD_ACCESS}, peer.line().hear());
  EXPECT_TRUE(nothing_at(task));
  peer.kill_hard();
  fault.finish(task);
}

CHECK(Tasks, T074_WhoGetsNoReplyStays) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS);
  Fault fault;
  const Request request = request_at(port);
  EXPECT_FALSE(fault.goes_on(300));
  {
    Fault other;  // other threads run, and may fault, too
    other.finish(port);
  }
  EXPECT_FALSE(fault.goes_on());
  fault.mend();
  answer(request, KERN_SUCCESS);
  fault.expect_mended();
}

CHECK(Tasks, T075_RepliesThatAreNone) {
  const mach_port_t thread = new_port_with_sends(1), task = handler(EXC_MASK_BAD_ACCESS);
  {
    Fault fault(thread);
    answer(request_at(thread), KERN_SUCCESS, 2500);
    fault.finish(task);
  }
  {
    Fault fault(thread);
    const Request request = request_at(thread);
    Answer wrong;
    give_back(request);
    send_answer(request, wrong, 40);
    fault.finish(task);
  }
  Fault fault(thread);
  const Request request = request_at(thread);
  struct {
    Answer start;
    char more[4096];
  } large{};
  give_back(request);
  large.start.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
  large.start.header.msgh_remote_port = request.header.msgh_remote_port;
  large.start.header.msgh_id = request.header.msgh_id + 100;
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg(&large.start.header, MACH_SEND_MSG, sizeof large, 0, MACH_PORT_NULL,
                                         0, MACH_PORT_NULL));
  fault.finish(task);
}

CHECK(Tasks, T076_TheRequestWithLongCodes) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS);
  Fault fault;
  const Request request = request_at(port);
  EXPECT_EQ(2405, request.header.msgh_id);
  EXPECT_EQ(84u, request.header.msgh_size);
  EXPECT_EQ(port, request.header.msgh_local_port);
  EXPECT_EQ(uint32_t{MACH_MSGH_BITS_COMPLEX |
                     MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, MACH_MSG_TYPE_PORT_SEND)},
            request.header.msgh_bits);
  EXPECT_EQ(2u, request.at<uint32_t>(24));
  EXPECT_EQ(fault.name(), request.thread());
  EXPECT_EQ(mach_task_self(), request.task());
  for (const size_t descriptor : {size_t{28}, size_t{40}}) {
    const auto right = request.at<mach_msg_port_descriptor_t>(descriptor);
    EXPECT_EQ(MACH_MSG_TYPE_PORT_SEND, right.disposition);
    EXPECT_EQ(MACH_MSG_PORT_DESCRIPTOR, right.type);
  }
  EXPECT_EQ(0, std::memcmp(reinterpret_cast<const char*>(&request.header) + 52, &NDR_record, 8));
  EXPECT_EQ(uint32_t{EXC_BAD_ACCESS}, request.type());
  EXPECT_EQ(2u, request.at<uint32_t>(64));
  EXPECT_EQ(uint64_t{KERN_PROTECTION_FAILURE}, request.code(0));
  EXPECT_EQ(fault.address(), request.code(1));
  fault.mend();
  answer(request, KERN_SUCCESS);
  fault.expect_mended();
}

CHECK(Tasks, T077_TheRequestWithShortCodes) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS, EXCEPTION_DEFAULT);
  Fault fault;
  const Request request = request_at(port);
  EXPECT_EQ(2401, request.header.msgh_id);
  EXPECT_EQ(76u, request.header.msgh_size);
  EXPECT_EQ(fault.address() & 0xffffffff, request.code(1));
  fault.mend();
  answer(request, KERN_SUCCESS);
  fault.expect_mended();
}

CHECK(Tasks, T078_TheKernelIsTheSender) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS);
  Fault fault;
  const Request request = request_at(port);
  EXPECT_EQ(sizeof(mach_msg_audit_trailer_t), request.trailer().msgh_trailer_size);
  EXPECT_EQ(0u, request.trailer().msgh_audit.val[5]);
  EXPECT_EQ(1u, request.trailer().msgh_sender.val[1]);
  fault.mend();
  answer(request, KERN_SUCCESS);
  fault.expect_mended();
}

CHECK(Tasks, T079_AFullQueueTakesIt) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS);
  set_queue_limit(port, 1);
  send_id(port, 5);
  Fault fault;
  EXPECT_TRUE(eventually([&] { return status_of(port).mps_msgcount == 2; }));
  EXPECT_EQ(5, next_id(port));
  fault.finish(port);
}

#if defined(__x86_64__)

// 1 if the instruction is gone through, 2 if the thread was sent to where RCX points.
int fault_with_a_way_out(const void* address) {
  int result = 0;
  __asm__ volatile(
      "lea 1f(%%rip), %%rcx\n\t"
      "movb (%1), %%dl\n\t"
      "movl $1, %0\n\t"
      "jmp 2f\n"
      "1: movl $2, %0\n"
      "2:"
      : "=&r"(result)
      : "r"(address)
      : "rcx", "rdx", "memory", "cc");
  return result;
}

x86_thread_state64_t state_in(const Request& request) {
  EXPECT_EQ(uint32_t{x86_THREAD_STATE64}, request.at<uint32_t>(request.state()));
  EXPECT_EQ(uint32_t{x86_THREAD_STATE64_COUNT}, request.at<uint32_t>(request.state() + 4));
  return request.at<x86_thread_state64_t>(request.state() + 8);
}

void answer_state(const Request& request, x86_thread_state64_t state,
                  uint32_t count = x86_THREAD_STATE64_COUNT) {
  Answer reply;
  reply.flavor = x86_THREAD_STATE64;
  reply.count = count;
  std::memcpy(reply.state, &state, sizeof state);
  give_back(request);
  send_answer(request, reply, 44 + 4 * count);
}

CHECK(Tasks, T080_AReplySaysWhereToGoOn) {
  for (const int behavior :
       {EXCEPTION_STATE_IDENTITY | kCodes, EXCEPTION_STATE | kCodes, int{EXCEPTION_STATE}}) {
    const mach_port_t port = handler(EXC_MASK_BAD_ACCESS, behavior, x86_THREAD_STATE64);
    std::future<int> way = std::async(std::launch::async, [] { return fault_with_a_way_out(nullptr); });
    const Request request = request_at(port);
    x86_thread_state64_t state = state_in(request);
    const mach_msg_id_t base = (behavior & kCodes) != 0 ? 2404 : 2400;
    EXPECT_EQ(base + (behavior & 7), request.header.msgh_id);
    EXPECT_EQ(request.state() + 8 + 4 * x86_THREAD_STATE64_COUNT, request.header.msgh_size);
    EXPECT_EQ(uint64_t{KERN_INVALID_ADDRESS}, request.code(0));
    state.__rip = state.__rcx;
    answer_state(request, state);
    EXPECT_EQ(2, way.get());
  }
}

CHECK(Tasks, T080_TheUnifiedFlavorTellsWhichItIs) {
  const mach_port_t port =
      handler(EXC_MASK_BAD_ACCESS, EXCEPTION_STATE_IDENTITY | kCodes, MACHINE_THREAD_STATE);
  std::future<int> way = std::async(std::launch::async, [] { return fault_with_a_way_out(nullptr); });
  const Request request = request_at(port);
  EXPECT_EQ(uint32_t{x86_THREAD_STATE}, request.at<uint32_t>(request.state()));
  EXPECT_EQ(44u, request.at<uint32_t>(request.state() + 4));
  auto state = request.at<x86_thread_state_t>(request.state() + 8);
  EXPECT_EQ(uint32_t{x86_THREAD_STATE64}, state.tsh.flavor);
  EXPECT_EQ(uint32_t{x86_THREAD_STATE64_COUNT}, state.tsh.count);
  state.uts.ts64.__rip = state.uts.ts64.__rcx;
  Answer reply;
  reply.flavor = x86_THREAD_STATE;
  reply.count = 44;
  std::memcpy(reply.state, &state, 4 * 44);
  give_back(request);
  send_answer(request, reply, 44 + 4 * 44);
  EXPECT_EQ(2, way.get());
}

CHECK(Tasks, T081_AStateThatIsNone) {
  const mach_port_t thread = new_port_with_sends(1), task = handler(EXC_MASK_BAD_ACCESS);
  std::future<int> way = std::async(std::launch::async, [&] {
    EXPECT_CODE(KERN_SUCCESS, thread_set_exception_ports(mach_thread_self(), EXC_MASK_BAD_ACCESS, thread,
                                                         EXCEPTION_STATE, x86_THREAD_STATE64));
    int byte = 0;
    auto* page = static_cast<char*>(mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    byte = fault_with_a_way_out(page);
    return byte;
  });
  const Request first = request_at(thread);
  answer_state(first, state_in(first), 0);
  const Request second = request_at(task);
  EXPECT_EQ(0, mprotect(reinterpret_cast<void*>(second.code(1)), 4096, PROT_READ));
  answer(second, KERN_SUCCESS);
  EXPECT_EQ(1, way.get());
}

CHECK(Tasks, T084_AnAddressThatCannotBe) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS, EXCEPTION_STATE | kCodes, x86_THREAD_STATE64);
  std::future<int> way = std::async(std::launch::async, [] {
    return fault_with_a_way_out(reinterpret_cast<const void*>(uint64_t{0x1234567812345678}));
  });
  const Request request = request_at(port);
  EXPECT_EQ(uint64_t{EXC_I386_GPFLT}, request.code(0));
  EXPECT_EQ(0u, request.code(1));
  x86_thread_state64_t state = state_in(request);
  state.__rip = state.__rcx;
  answer_state(request, state);
  EXPECT_EQ(2, way.get());
}

CHECK(Tasks, T085_ABreakpoint) {
  const mach_port_t port = handler(EXC_MASK_BREAKPOINT);
  std::future<int> passed = std::async(std::launch::async, [] {
    __asm__ volatile("int3");
    return 1;
  });
  const Request request = request_at(port);
  EXPECT_EQ(uint32_t{EXC_BREAKPOINT}, request.type());
  EXPECT_EQ(uint64_t{EXC_I386_BPT}, request.code(0));
  answer(request, KERN_SUCCESS);
  EXPECT_EQ(1, passed.get());
  Child child([] { __asm__ volatile("int3"); });
  answer(request_at(port), KERN_FAILURE);
  child.expect_signal(SIGTRAP);
  set_task(EXC_MASK_BREAKPOINT, MACH_PORT_NULL);
  Child nobodys([] { __asm__ volatile("int3"); });
  nobodys.expect_signal(SIGTRAP);
}

CHECK(Exceptions, InstructionsAndArithmetic) {
  const mach_port_t port = handler(EXC_MASK_BAD_INSTRUCTION | EXC_MASK_ARITHMETIC);
  {
    Child child([] { __asm__ volatile("ud2"); });
    const Request request = request_at(port);
    EXPECT_EQ(uint32_t{EXC_BAD_INSTRUCTION}, request.type());
    EXPECT_EQ(uint64_t{EXC_I386_INVOP}, request.code(0));
    answer(request, KERN_FAILURE);
    child.expect_signal(SIGILL);
  }
  Child child([] {
    __asm__ volatile("xorl %%edx, %%edx\n\txorl %%ecx, %%ecx\n\tdivl %%ecx" ::: "eax", "ecx", "edx", "cc");
  });
  const Request request = request_at(port);
  EXPECT_EQ(uint32_t{EXC_ARITHMETIC}, request.type());
  EXPECT_EQ(uint64_t{EXC_I386_DIV}, request.code(0));
  answer(request, KERN_FAILURE);
  child.expect_signal(SIGFPE);
}

#endif

CHECK(Tasks, T082_NullIsAnAddressLikeOthers) {
  Child nobodys(read_null);
  nobodys.expect_signal(SIGSEGV);
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS);
  Child child(read_null);
  const Request request = request_at(port);
  EXPECT_EQ(uint64_t{KERN_INVALID_ADDRESS}, request.code(0));
  EXPECT_EQ(0u, request.code(1));
  answer(request, KERN_FAILURE);
  child.expect_signal(SIGSEGV);
}

CHECK(Tasks, T083_AReadOnlyPage) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS);
  Fault fault(MACH_PORT_NULL, PROT_READ);
  const Request request = request_at(port);
  EXPECT_EQ(uint64_t{KERN_PROTECTION_FAILURE}, request.code(0));
  EXPECT_EQ(fault.address(), request.code(1));
  fault.mend();
  answer(request, KERN_SUCCESS);
  fault.expect_mended();
}

CHECK(Tasks, T086_AbortIsACrashAlone) {
  const mach_port_t port = handler(kEveryType);
  Child child(abort);
  const Request request = request_at(port);
  EXPECT_EQ(uint32_t{EXC_CRASH}, request.type());
  EXPECT_EQ(0x06000000u, request.code(0));
  EXPECT_EQ(0u, request.code(1));
  EXPECT_EQ(0, kill(child.pid(), 0)) << "it is there until the answer";
  answer(request, KERN_SUCCESS);
  child.expect_signal(SIGABRT);
  EXPECT_TRUE(nothing_at(port));
}

CHECK(Tasks, T087_AKillIsNoCrash) {
  const mach_port_t port = handler(kEveryType);
  Child child([] { pause(); });
  kill(child.pid(), SIGKILL);
  child.expect_signal(SIGKILL);
  EXPECT_TRUE(nothing_at(port));
}

CHECK(Tasks, T088_NobodyCrashesToItself) {
  Child child([] {
    handler(EXC_MASK_CRASH);
    abort();
  });
  child.expect_signal(SIGABRT);
}

CHECK(Tasks, T090_TheHandlerHasTheRights) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS);
  Child child(read_null);
  const Request request = request_at(port);
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(request.thread()));
  EXPECT_EQ(MACH_PORT_TYPE_SEND, type_of(request.task()));
  int pid = 0;
  EXPECT_CODE(KERN_SUCCESS, pid_for_task(request.task(), &pid));
  EXPECT_EQ(child.pid(), pid);
  Answer plain;
  plain.code = KERN_SUCCESS;
  send_answer(request, plain, 36);
  const Request again = request_at(port);
  EXPECT_EQ(request.task(), again.task());
  EXPECT_EQ(2u, refs_of(request.task()));
  EXPECT_EQ(2u, refs_of(request.thread()));
  answer(again, KERN_FAILURE);
  child.expect_signal(SIGSEGV);
}

// A fault that nobody handles is a crash: the code tells both.
CHECK(Exceptions, AFaultThatNobodyHandlesIsACrash) {
  const mach_port_t port = handler(EXC_MASK_CRASH);
  Child child(read_null);
  const Request request = request_at(port);
  EXPECT_EQ(uint32_t{EXC_CRASH}, request.type());
  EXPECT_EQ(0x0b100001u, request.code(0));
  EXPECT_EQ(0u, request.code(1));
  answer(request, MACH_RCV_PORT_DIED);
  child.expect_signal(SIGSEGV);
}

sigjmp_buf g_back;

// The program's own handler comes after the exception's.
CHECK(Exceptions, ThenComesTheProgramsHandler) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS | EXC_MASK_CRASH);
  Child child([] {
    struct sigaction action {};
    action.sa_handler = [](int) { siglongjmp(g_back, 1); };
    sigaction(SIGSEGV, &action, nullptr);
    if (sigsetjmp(g_back, 1) == 0) {
      read_null();
      _exit(1);
    }
    const mach_port_t after = mach_reply_port();  // the kernel is usable
    _exit(after != MACH_PORT_NULL ? 5 : 2);
  });
  answer(request_at(port), KERN_FAILURE);
  child.expect_exit(5);
  EXPECT_TRUE(nothing_at(port));
}

volatile sig_atomic_t g_alarms = 0;

// A thread that waits for its handler's answer handles signals, and is ended by them.
CHECK(Exceptions, SignalsReachAThreadThatWaits) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS);
  Child child([] {
    struct sigaction action {};
    action.sa_handler = [](int) {
      g_alarms = g_alarms + 1;
      if (mach_reply_port() == MACH_PORT_NULL) _exit(3);
    };
    sigaction(SIGUSR1, &action, nullptr);
    action.sa_handler = [](int) { _exit(g_alarms == 1 ? 6 : 4); };
    sigaction(SIGUSR2, &action, nullptr);
    read_null();
  });
  const Request request = request_at(port);
  kill(child.pid(), SIGUSR1);
  EXPECT_TRUE(eventually([&] { return space_of(request.task()).iisb_table_inuse >= 4; }));
  kill(child.pid(), SIGUSR2);
  child.expect_exit(6);
  Child another(read_null);
  const Request parked = request_at(port);
  kill(another.pid(), SIGTERM);
  another.expect_signal(SIGTERM);
  EXPECT_EQ(
      MACH_PORT_TYPE_DEAD_NAME,
      (eventually([&] { return type_of(parked.task()) != MACH_PORT_TYPE_SEND; }), type_of(parked.task())));
}

// As a crash handler is installed from outside.
CHECK(Exceptions, AnotherTaskMaySetThem) {
  const mach_port_t port = new_port_with_sends(1);
  Peer peer([](const Line& line) {
    line.hear();
    read_null();
  });
  EXPECT_CODE(KERN_SUCCESS, task_set_exception_ports(peer.task(), EXC_MASK_BAD_ACCESS, port,
                                                     EXCEPTION_DEFAULT | kCodes, 0));
  peer.line().tell(1);
  const Request request = request_at(port);
  EXPECT_EQ(peer.task(), request.task());
  answer(request, KERN_SUCCESS);
  const Request again = request_at(port);
  EXPECT_EQ(uint32_t{EXC_BAD_ACCESS}, again.type());
  give_back(again);
  peer.kill_hard();
}

// What is not built is a level that fails.
CHECK(Exceptions, BehavioursThatAreNotBuiltFail) {
  const mach_port_t port = handler(EXC_MASK_BAD_ACCESS, EXCEPTION_IDENTITY_PROTECTED | kCodes);
  Child child(read_null);
  child.expect_signal(SIGSEGV);
  set_task(EXC_MASK_BAD_ACCESS, port, EXCEPTION_STATE | kCodes, 0);
  Child other(read_null);
  other.expect_signal(SIGSEGV);
  EXPECT_TRUE(nothing_at(port));
}

}  // namespace
}  // namespace checks
