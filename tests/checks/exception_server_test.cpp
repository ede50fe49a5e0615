// SPDX-License-Identifier: Apache-2.0
// Tasks 4.7: the library's two sides of the messages of exceptions, for programs that serve them, or send
// them themselves.
#include <mach/exc.h>
#include <mach/mach_exc.h>
#include <mach/mig_errors.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstring>

#include "checks/exception_words.hpp"

namespace checks {
namespace {

// What the functions below were called with, and what they answer.
struct Caught {
  const char* by = nullptr;
  mach_port_t port = 0, thread = 0, task = 0;
  exception_type_t type = 0;
  int64_t code[2] = {};
  mach_msg_type_number_t codes = 0, words = 0;
  int flavor = 0;
  kern_return_t answer = KERN_SUCCESS;
} g_caught;

template <class Code>
void note(const char* by, mach_port_t port, exception_type_t type, const Code* code,
          mach_msg_type_number_t codes) {
  g_caught.by = by;
  g_caught.port = port;
  g_caught.type = type;
  g_caught.codes = codes;
  for (unsigned i = 0; i < codes; i++) g_caught.code[i] = code[i];
}

kern_return_t rights(mach_port_t thread, mach_port_t task) {
  g_caught.thread = thread;
  g_caught.task = task;
  if (g_caught.answer == KERN_SUCCESS) {
    drop_send(thread);
    drop_send(task);
  }
  return g_caught.answer;
}

// Each word of the new state is one more.
kern_return_t states(const int* flavor, const natural_t* old_state, mach_msg_type_number_t count,
                     natural_t* new_state, mach_msg_type_number_t* new_count) {
  g_caught.flavor = *flavor;
  g_caught.words = count;
  EXPECT_LE(count, *new_count);
  for (unsigned i = 0; i < count; i++) new_state[i] = old_state[i] + 1;
  *new_count = count;
  return g_caught.answer;
}

}  // namespace
}  // namespace checks

using checks::note;
using checks::rights;
using checks::states;

extern "C" {

kern_return_t catch_exception_raise(mach_port_t port, mach_port_t thread, mach_port_t task,
                                    exception_type_t type, exception_data_t code,
                                    mach_msg_type_number_t codes) {
  note("raise", port, type, code, codes);
  return rights(thread, task);
}
kern_return_t catch_exception_raise_state(mach_port_t port, exception_type_t type, exception_data_t code,
                                          mach_msg_type_number_t codes, int* flavor, thread_state_t old_state,
                                          mach_msg_type_number_t old_count, thread_state_t new_state,
                                          mach_msg_type_number_t* new_count) {
  note("state", port, type, code, codes);
  return states(flavor, old_state, old_count, new_state, new_count);
}
kern_return_t catch_exception_raise_state_identity(mach_port_t port, mach_port_t thread, mach_port_t task,
                                                   exception_type_t type, exception_data_t code,
                                                   mach_msg_type_number_t codes, int* flavor,
                                                   thread_state_t old_state, mach_msg_type_number_t old_count,
                                                   thread_state_t new_state,
                                                   mach_msg_type_number_t* new_count) {
  note("both", port, type, code, codes);
  states(flavor, old_state, old_count, new_state, new_count);
  return rights(thread, task);
}
kern_return_t catch_mach_exception_raise(mach_port_t port, mach_port_t thread, mach_port_t task,
                                         exception_type_t type, mach_exception_data_t code,
                                         mach_msg_type_number_t codes) {
  note("mach raise", port, type, code, codes);
  return rights(thread, task);
}
kern_return_t catch_mach_exception_raise_state_identity(
    mach_port_t port, mach_port_t thread, mach_port_t task, exception_type_t type, mach_exception_data_t code,
    mach_msg_type_number_t codes, int* flavor, thread_state_t old_state, mach_msg_type_number_t old_count,
    thread_state_t new_state, mach_msg_type_number_t* new_count) {
  note("mach both", port, type, code, codes);
  states(flavor, old_state, old_count, new_state, new_count);
  return rights(thread, task);
}

}  // extern "C": there is no catch_mach_exception_raise_state

namespace checks {
namespace {

boolean_t either(mach_msg_header_t* in, mach_msg_header_t* out) {
  return exc_server(in, out) || mach_exc_server(in, out);
}

// Serves one request, which comes while `call` is under way; what that returns.
kern_return_t served(mach_port_t port, const std::function<kern_return_t()>& call) {
  std::future<kern_return_t> code = std::async(std::launch::async, call);
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg_server_once(either, 8192, port, MACH_MSG_OPTION_NONE));
  return code.get();
}

CHECK(Exceptions, BothSidesOfTheLibraryAgree) {
  const mach_port_t port = new_port_with_sends(1), thread = mach_thread_self(), task = mach_task_self();
  const mach_port_urefs_t refs = refs_of(task);
  integer_t codes[2] = {-1, 7};
  int64_t longs[2] = {-1, int64_t{7} << 40};
  EXPECT_CODE(KERN_SUCCESS, served(port, [&] { return exception_raise(port, thread, task, 5, codes, 2); }));
  EXPECT_STREQ("raise", g_caught.by);
  EXPECT_EQ(port, g_caught.port);
  EXPECT_EQ(thread, g_caught.thread);
  EXPECT_EQ(task, g_caught.task);
  EXPECT_EQ(5, g_caught.type);
  EXPECT_EQ(2u, g_caught.codes);
  EXPECT_EQ(-1, g_caught.code[0]);
  EXPECT_EQ(refs, refs_of(task));
  EXPECT_CODE(KERN_SUCCESS, served(port, [&] {
                return mach_exception_raise(port, thread, task, 5, reinterpret_cast<long long*>(longs), 2);
              }));
  EXPECT_STREQ("mach raise", g_caught.by);
  EXPECT_EQ(longs[1], g_caught.code[1]);
  EXPECT_CODE(KERN_SUCCESS, served(port, [&] {
                return mach_exception_raise(port, thread, task, 5, reinterpret_cast<long long*>(longs), 1);
              }));
  EXPECT_EQ(1u, g_caught.codes);

  natural_t before[44] = {10, 20}, after[44] = {};
  mach_msg_type_number_t count = 44;
  int flavor = 7;
  EXPECT_CODE(KERN_SUCCESS, served(port, [&] {
                return exception_raise_state(port, 6, codes, 2, &flavor, before, 44, after, &count);
              }));
  EXPECT_STREQ("state", g_caught.by);
  EXPECT_EQ(44u, count);
  EXPECT_EQ(11u, after[0]);
  EXPECT_EQ(21u, after[1]);
  EXPECT_EQ(7, flavor);
  count = 3;
  EXPECT_CODE(KERN_SUCCESS, served(port, [&] {
                return mach_exception_raise_state_identity(port, thread, task, 6,
                                                           reinterpret_cast<long long*>(longs), 2, &flavor,
                                                           before, 3, after, &count);
              }));
  EXPECT_STREQ("mach both", g_caught.by);
  EXPECT_EQ(3u, g_caught.words);
  count = 1;
  EXPECT_CODE(MIG_ARRAY_TOO_LARGE, served(port, [&] {
                return exception_raise_state_identity(port, thread, task, 6, codes, 2, &flavor, before, 2,
                                                      after, &count);
              }));
  EXPECT_STREQ("both", g_caught.by);
  EXPECT_EQ(2u, count);
  EXPECT_EQ(refs, refs_of(task));
}

CHECK(Exceptions, AFailureGivesTheRightsBack) {
  const mach_port_t port = new_port_with_sends(1), thread = mach_thread_self(), task = mach_task_self();
  const mach_port_urefs_t refs = refs_of(task);
  integer_t codes[2] = {};
  g_caught.answer = KERN_NO_ACCESS;
  EXPECT_CODE(KERN_NO_ACCESS, served(port, [&] { return exception_raise(port, thread, task, 5, codes, 2); }));
  EXPECT_EQ(refs, refs_of(task));
  natural_t state[4] = {};
  mach_msg_type_number_t count = 4;
  int flavor = 0;
  long long longs[2] = {};
  EXPECT_CODE(
      KERN_FAILURE,
      served(port,
             [&] { return mach_exception_raise_state(port, 5, longs, 2, &flavor, state, 4, state, &count); }))
      << "the program has no such function";
  EXPECT_CODE(MACH_SEND_INVALID_DEST, exception_raise(0x123403, thread, task, 5, codes, 2));
  EXPECT_CODE(MIG_SERVER_DIED, [&] {
    std::future<kern_return_t> code =
        std::async(std::launch::async, [&] { return exception_raise(port, thread, task, 5, codes, 2); });
    Received request{};
    receive(request, port);
    mach_msg_destroy(&request.header);
    return code.get();
  }());
  EXPECT_EQ(refs, refs_of(task));
}

CHECK(Exceptions, RequestsThatAreNoneAreRefused) {
  const mach_port_t self = mach_task_self();
  struct {
    __Request__exception_raise_t request{};
    char more[8];
  } in;
  __Reply__exception_raise_state_t out{};
  auto code = [&](mach_msg_size_t size, boolean_t ours = TRUE) {
    in.request.Head.msgh_size = size;
    EXPECT_EQ(ours, exc_server(&in.request.Head, &out.Head));
    EXPECT_EQ(36u, out.Head.msgh_size);
    EXPECT_EQ(in.request.Head.msgh_id + 100, out.Head.msgh_id);
    return out.RetCode;
  };
  in.request.Head.msgh_id = 2401;
  in.request.codeCnt = 2;
  EXPECT_CODE(MIG_BAD_ARGUMENTS, code(76)) << "no rights";
  in.request.Head.msgh_bits = MACH_MSGH_BITS_COMPLEX;
  in.request.msgh_body.msgh_descriptor_count = 2;
  EXPECT_CODE(MIG_TYPE_ERROR, code(76)) << "of another kind";
  in.request.thread.disposition = in.request.task.disposition = MACH_MSG_TYPE_PORT_SEND;
  in.request.thread.name = in.request.task.name = self;
  for (const mach_msg_size_t size : {24u, 28u, 59u, 75u, 80u})
    EXPECT_CODE(MIG_BAD_ARGUMENTS, code(size)) << size;
  in.request.codeCnt = 3;
  EXPECT_CODE(MIG_BAD_ARGUMENTS, code(80));
  in.request.Head.msgh_id = 2400;
  EXPECT_CODE(MIG_BAD_ID, code(76, FALSE));
  in.request.Head.msgh_id = 2404;
  EXPECT_CODE(MIG_BAD_ID, code(76, FALSE));
  EXPECT_EQ(nullptr, g_caught.by);
}

// A handler as programs write them, and a fault of the program's own that it mends.
CHECK(Exceptions, AServerLoopMendsAFault) {
  const mach_port_t port = new_port_with_sends(1);
  set_task(EXC_MASK_BAD_ACCESS, port);
  auto* page = static_cast<int*>(mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  std::future<int> value =
      std::async(std::launch::async, [page] { return *const_cast<volatile int*>(page); });
  EXPECT_CODE(MACH_MSG_SUCCESS, mach_msg_server_once(either, 8192, port, MACH_MSG_OPTION_NONE));
  EXPECT_STREQ("mach raise", g_caught.by);
  EXPECT_EQ(reinterpret_cast<int64_t>(page), g_caught.code[1]);
  EXPECT_EQ(0, mprotect(page, 4096, PROT_READ));
  // It has faulted again meanwhile, as a rule.
  std::thread server([port] {
    while (mach_msg_server_once(either, 8192, port, MACH_MSG_OPTION_NONE) == MACH_MSG_SUCCESS) {
    }
  });
  EXPECT_EQ(0, value.get());
  drop_receive(port);
  server.join();
}

}  // namespace
}  // namespace checks
