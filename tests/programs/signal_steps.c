// SPDX-License-Identifier: Apache-2.0
// One trap over and over, for a debugger that sends SIGUSR1 at any of its instructions: `signal_steps CASE
// returns|jumps|raw`. It stops itself (SIGSTOP) before each trap and right after it; in each round but the
// first there is one signal, and it ends with 1 if its handler ran more often, or less. See
// tests/stages/signals.cpp.
//
// After a handler that returned the trap must have done all that it does, with the right code; after one that
// jumped away, all or nothing.
#include <mach/semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>

#include "user_common.h"

static volatile sig_atomic_t g_hits, g_jumps, g_inside;
static sigjmp_buf g_out;
static mach_port_t g_port, g_other, g_set, g_service, g_made;
static semaphore_t g_semaphore;
static kern_return_t g_code;
static buffer_t g_buffer;

// The handler traps itself.
static void handles(int signal) {
  (void)signal;
  g_hits++;
  mach_port_t name = MACH_PORT_NULL;
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name));
  drop_receive(name);
  expect((type_of(g_port) & MACH_PORT_TYPE_RECEIVE) != 0);
}
static void handles_and_jumps(int signal) {
  handles(signal);
  if (!g_inside) return;  // before the trap, or behind it
  g_inside = 0;
  g_jumps++;
  siglongjmp(g_out, 1);
}

static void nothing(void) {}

// -- the traps, what is before and what must be after; `whole`: the trap came to its end
static void allocate(void) {
  g_made = MACH_PORT_NULL;
  g_code = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &g_made);
}
static void allocated(int whole) {
  if (whole) expect(g_code == KERN_SUCCESS && type_of(g_made) == MACH_PORT_TYPE_RECEIVE);
  // A name that a jump kept from its receiver is found among all names.
  mach_port_name_array_t names;
  mach_port_type_array_t types;
  mach_msg_type_number_t names_count, types_count;
  check(mach_port_names(mach_task_self(), &names, &names_count, &types, &types_count));
  for (unsigned i = 0; i < names_count; i++)
    if (types[i] == MACH_PORT_TYPE_RECEIVE) drop_receive(names[i]);
  check(vm_deallocate(mach_task_self(), (vm_address_t)names, names_count * sizeof *names));
  check(vm_deallocate(mach_task_self(), (vm_address_t)types, types_count * sizeof *types));
}

static void more(void) { g_code = mach_port_mod_refs(mach_task_self(), g_port, MACH_PORT_RIGHT_SEND, 1); }
static void has_more(int whole) {
  const mach_port_urefs_t refs = refs_of(g_port, MACH_PORT_RIGHT_SEND);
  expect(refs == 2 || (!whole && refs == 1));
  if (whole) expect(g_code == KERN_SUCCESS);
  if (refs == 2) drop_send(g_port);
}

static void sends(void) { g_code = send_number(g_port, MACH_MSG_TYPE_COPY_SEND, 7, 42, 0); }
static void sent(int whole) {
  const kern_return_t code = receive(&g_buffer, g_port, 0);
  expect(code == MACH_MSG_SUCCESS || (!whole && code == MACH_RCV_TIMED_OUT));
  if (whole) expect(g_code == MACH_MSG_SUCCESS && g_buffer.number.number == 42);
  expect(receive(&g_buffer, g_port, 0) == MACH_RCV_TIMED_OUT);
}

static void queue(void) { check(send_number(g_port, MACH_MSG_TYPE_COPY_SEND, 7, 43, 0)); }
static void receives(void) { g_code = receive(&g_buffer, g_port, 0); }
static void received(int whole) {
  if (whole) expect(g_code == MACH_MSG_SUCCESS && g_buffer.number.number == 43);
  const kern_return_t code = receive(&g_buffer, g_port, 0);
  expect(code == MACH_RCV_TIMED_OUT || (!whole && code == MACH_MSG_SUCCESS));
  expect(receive(&g_buffer, g_port, 0) == MACH_RCV_TIMED_OUT);
}

// It waits: whether the signal comes before, in its sleep or after it decides.
static void waits(void) {
  g_code = mach_msg(&g_buffer.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_RCV_INTERRUPT, 0,
                    sizeof g_buffer, g_other, 2, MACH_PORT_NULL);
}
static void waited(int whole) {
  if (whole) expect(g_code == MACH_RCV_TIMED_OUT || g_code == MACH_RCV_INTERRUPTED);
  expect(receive(&g_buffer, g_other, 0) == MACH_RCV_TIMED_OUT);
}
// One that was not asked to be interrupted goes on.
static void waits_on(void) { g_code = receive(&g_buffer, g_other, 2); }
static void waited_on(int whole) {
  if (whole) expect(g_code == MACH_RCV_TIMED_OUT);
}

static void joins(void) { g_code = mach_port_move_member(mach_task_self(), g_port, g_set); }
static void joined(int whole) {
  if (whole) expect(g_code == KERN_SUCCESS);
  const kern_return_t code = mach_port_extract_member(mach_task_self(), g_port, g_set);
  expect(code == KERN_SUCCESS || (!whole && code == KERN_NOT_IN_SET));
}

static void requests(void) {
  mach_port_t previous = MACH_PORT_NULL;
  g_code = mach_port_request_notification(mach_task_self(), g_port, MACH_NOTIFY_NO_SENDERS, 0, g_other,
                                          MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
}
static void requested(int whole) {
  if (whole) expect(g_code == KERN_SUCCESS);
  mach_port_t previous = MACH_PORT_NULL;
  check(mach_port_request_notification(mach_task_self(), g_port, MACH_NOTIFY_NO_SENDERS, 0, MACH_PORT_NULL,
                                       MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  if (whole) expect(previous != MACH_PORT_NULL);
  if (previous != MACH_PORT_NULL) drop_send(previous);
  // The right that was given up tells its port; so does one that a jump kept from being registered.
  while (receive(&g_buffer, g_other, 0) == MACH_MSG_SUCCESS)
    expect(g_buffer.header.msgh_id == MACH_NOTIFY_SEND_ONCE);
}

static void signals(void) { g_code = semaphore_signal(g_semaphore); }
static void signalled(int whole) {
  const mach_timespec_t now = {0, 0};
  const kern_return_t code = semaphore_timedwait(g_semaphore, now);
  if (whole) expect(g_code == KERN_SUCCESS);
  expect(code == KERN_SUCCESS || (!whole && code == KERN_OPERATION_TIMED_OUT));
  expect(semaphore_timedwait(g_semaphore, now) == KERN_OPERATION_TIMED_OUT);
}

static void looks_up(void) { g_code = bootstrap_look_up(bootstrap_port, "signal_steps", &g_made); }
static void looked_up(int whole) {
  if (whole) expect(g_code == KERN_SUCCESS && g_made == g_service);
  const mach_port_urefs_t refs = refs_of(g_service, MACH_PORT_RIGHT_SEND);
  expect(refs == 2 || (!whole && refs == 1));
  if (refs == 2) drop_send(g_service);
}

static const struct {
  const char* name;
  void (*before)(void);
  void (*trap)(void);
  void (*after)(int whole);
} kCases[] = {
    {"allocate", nothing, allocate, allocated},
    {"mod_refs", nothing, more, has_more},
    {"send", nothing, sends, sent},
    {"receive", queue, receives, received},
    {"receive-interrupt", nothing, waits, waited},
    {"receive-timeout", nothing, waits_on, waited_on},
    {"move_member", nothing, joins, joined},
    {"request_notification", nothing, requests, requested},
    {"semaphore_signal", nothing, signals, signalled},
    {"look_up", nothing, looks_up, looked_up},
};

// Around the library, so that nothing defers it: what must not be, for the self-check.
static void install_raw(void) {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
  } raw = {0};
  // With the C library's own way back, which is in the action that is installed.
  expect(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &raw, 8UL) == 0);
  raw.handler = handles;
  expect(syscall(SYS_rt_sigaction, SIGUSR1, &raw, NULL, 8UL) == 0);
}

int main(int count, char** words) {
  expect(count == 3);
  unsigned which = 0;
  while (which < sizeof kCases / sizeof *kCases && strcmp(kCases[which].name, words[1]) != 0) which++;
  expect(which < sizeof kCases / sizeof *kCases);
  g_port = new_port();
  check(mach_port_insert_right(mach_task_self(), g_port, g_port, MACH_MSG_TYPE_MAKE_SEND));
  g_other = new_port();
  check(mach_port_insert_right(mach_task_self(), g_other, g_other, MACH_MSG_TYPE_MAKE_SEND));
  check(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &g_set));
  check(semaphore_create(mach_task_self(), &g_semaphore, SYNC_POLICY_FIFO, 0));
  g_service = check_in("signal_steps");
  check(mach_port_insert_right(mach_task_self(), g_service, g_service, MACH_MSG_TYPE_MAKE_SEND));
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = strcmp(words[2], "jumps") == 0 ? handles_and_jumps : handles;
  expect(sigaction(SIGUSR1, &action, NULL) == 0);
  if (strcmp(words[2], "raw") == 0) install_raw();
  for (volatile long rounds = 0;; rounds++) {
    kCases[which].before();
    const sig_atomic_t jumps = g_jumps;
    g_code = -1;
    raise(SIGSTOP);
    if (sigsetjmp(g_out, 1) == 0) {
      g_inside = 1;
      kCases[which].trap();
      g_inside = 0;
    }
    raise(SIGSTOP);
    kCases[which].after(g_jumps == jumps);
    if (g_hits != rounds) {
      fprintf(stderr, "signal_steps: %ld handlers ran after %ld signals\n", (long)g_hits, rounds);
      return 1;
    }
  }
}
