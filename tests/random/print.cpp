// SPDX-License-Identifier: Apache-2.0
#include "random/print.hpp"

#include <cinttypes>
#include <cstdio>

#include "model/wire.hpp"

namespace portolan::random {

namespace {

FILE* g_out = stdout;  // the program goes here

constexpr const char* kPreamble = R"(#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

// What all tasks see: whose turn it is, and the names that each step brought.
static struct { volatile unsigned step, failed; pid_t pid[8]; mach_port_name_t n[%u][64]; } *s;
static unsigned me;
static inline int turn(unsigned step, unsigned task) { while (s->step < step) usleep(50); return me == task; }
#define STEP(number, task) for (int go_ = turn(number, task); go_; go_ = 0, s->step = (number) + 1)
static inline void check(int line, unsigned got, unsigned expected) {
  if (got == expected) return;
  printf("line %%d: %%#x, expected %%#x\n", line, got, expected);
  s->failed = 1;
}
#define CHECK(got, expected) check(__LINE__, (unsigned)(got), (unsigned)(expected))
static inline mach_port_t task_port(unsigned task) {
  mach_port_t port = MACH_PORT_NULL;
  if (task == me) return mach_task_self();
  CHECK(task_for_pid(mach_task_self(), s->pid[task], &port), KERN_SUCCESS);
  return port;
}

// A message in the making, or received.
static char m[16384] __attribute__((aligned(8)));
static unsigned at;
static inline void put(const void *data, unsigned size) { memcpy(m + at, data, size); at += size; }
static inline void begin(unsigned bits, unsigned remote, unsigned local, unsigned voucher, int id) {
  const mach_msg_header_t header = {bits, 0, remote, local, voucher, id};
  at = 0;
  put(&header, sizeof header);
}
static inline void word(unsigned value) { put(&value, sizeof value); }
static inline void port(unsigned name, unsigned disposition) {
  mach_msg_port_descriptor_t d = {0};
  d.name = name, d.disposition = disposition & 0xff, d.type = MACH_MSG_PORT_DESCRIPTOR;
  put(&d, sizeof d);
}
static inline void guarded(unsigned name, unsigned disposition, unsigned flags, unsigned long context) {
  mach_msg_guarded_port_descriptor_t d = {0};
  d.context = context, d.flags = flags & 0xffff, d.disposition = disposition & 0xff, d.name = name;
  d.type = MACH_MSG_GUARDED_PORT_DESCRIPTOR;
  put(&d, sizeof d);
}
static inline void memory(unsigned type, void *address, unsigned size, unsigned copy, int deallocate) {
  mach_msg_ool_descriptor_t d = {0};
  d.address = address, d.size = size, d.copy = copy & 0xff, d.deallocate = deallocate != 0, d.type = type & 0xff;
  put(&d, sizeof d);
}
static inline void ports(void *address, unsigned count, unsigned disposition, unsigned copy, int deallocate) {
  memory(MACH_MSG_OOL_PORTS_DESCRIPTOR, address, count, copy, deallocate);
  m[at - 6] = (char)disposition;
}
static inline void *fresh(unsigned size) {
  return mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
// Keeps the names in the message in the buffer.
static inline void brought(unsigned step) {
  const mach_msg_base_t *base = (const mach_msg_base_t *)m;
  const char *d = m + sizeof *base;
  unsigned k = 0;
#define NAME(name) if (MACH_PORT_VALID(name)) s->n[step][k++ & 63] = (name)
  NAME(base->header.msgh_remote_port);
  NAME(base->header.msgh_local_port);
  if (!(base->header.msgh_bits & MACH_MSGH_BITS_COMPLEX)) return;
  for (unsigned i = 0; i < base->body.msgh_descriptor_count; i++) {
    const mach_msg_descriptor_t *any = (const mach_msg_descriptor_t *)d;
    d += any->type.type == MACH_MSG_PORT_DESCRIPTOR ? 12 : 16;
    if (any->type.type == MACH_MSG_PORT_DESCRIPTOR) NAME(any->port.name);
    if (any->type.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR) NAME(any->guarded_port.name);
    if (any->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
      for (unsigned j = 0; j < any->ool_ports.count; j++) NAME(((mach_port_name_t *)any->ool_ports.address)[j]);
  }
}

static inline void run(void) {
)";

std::string text(const Operand& operand) {
  char line[48];
  if (operand.call == Operand::kLiteral)
    snprintf(line, sizeof line, "%#x", operand.which);
  else
    snprintf(line, sizeof line, "s->n[%u][%u]", operand.call, operand.which);
  return line;
}

void print_descriptor(const DescriptorPlan& d) {
  switch (d.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
      fprintf(g_out, "    port(%s, %u);\n", text(d.name).c_str(), d.disposition);
      break;
    case MACH_MSG_GUARDED_PORT_DESCRIPTOR:
      fprintf(g_out, "    guarded(%s, %u, %u, %" PRIu64 ");\n", text(d.name).c_str(), d.disposition, d.flags,
              d.context);
      break;
    case MACH_MSG_OOL_PORTS_DESCRIPTOR: {
      std::string names;
      for (const Operand& name : d.names) names += text(name) + ", ";
      fprintf(g_out, "    { const mach_port_name_t names[] = {%s0};\n", names.c_str());
      fprintf(g_out, "      void *array = %s;\n", d.unreadable ? "(void *)4096" : "fresh(sizeof names)");
      if (!d.unreadable) fprintf(g_out, "      memcpy((char *)array + %u, names, sizeof names);\n", d.offset);
      fprintf(g_out, "      ports((char *)array + %u, %zu, %u, %u, %d); }\n", d.unreadable ? 0 : d.offset,
              d.names.size(), d.disposition, d.copy, d.deallocate);
      break;
    }
    default:
      fprintf(g_out, "    memory(%u, %s, %u, %u, %d);\n", d.type,
              d.unreadable
                  ? "(void *)4096"
                  : ("(char *)fresh(" + std::to_string(d.offset + d.size) + ") + " + std::to_string(d.offset))
                        .c_str(),
              d.size, d.copy, d.deallocate);
  }
}

void print_send(const Call& c, const Outcome& expected, uint32_t place) {
  const MessagePlan& m = c.message;
  fprintf(g_out, "    begin(%#x, %s, %s, %#x, %d);\n", m.bits | (m.complex ? MACH_MSGH_BITS_COMPLEX : 0),
          text(m.remote).c_str(), text(m.local).c_str(), m.voucher, m.id);
  if (m.complex) fprintf(g_out, "    word(%u);\n", m.claimed_count);
  for (const DescriptorPlan& d : m.descriptors) print_descriptor(d);
  fprintf(
      g_out,
      "    CHECK(mach_msg(%s, MACH_SEND_MSG | MACH_SEND_TIMEOUT | %#x, at + %u + %d, 0, 0, 0, 0), %#x);\n",
      m.unreadable ? "(mach_msg_header_t *)4096" : "(mach_msg_header_t *)m", c.option, m.data, m.size_off,
      static_cast<unsigned>(expected.code));
  if (!expected.names.empty()) fprintf(g_out, "    brought(%u);\n", place);
}

void print_receive(const Call& c, const Outcome& expected, uint32_t place) {
  fprintf(g_out, "    CHECK(mach_msg(%s, MACH_RCV_MSG | MACH_RCV_TIMEOUT | %#x, 0, %u, %s, 0, 0), %#x);\n",
          c.message.unreadable ? "(mach_msg_header_t *)4096" : "(mach_msg_header_t *)m", c.option, c.right,
          text(c.name).c_str(), static_cast<unsigned>(expected.code));
  if (expected.code != MACH_MSG_SUCCESS || expected.buffer.empty()) return;
  fprintf(g_out, "    CHECK(((mach_msg_header_t *)m)->msgh_bits, %#x);\n",
          model::word_at(expected.buffer, 0));
  fprintf(g_out, "    CHECK(((mach_msg_header_t *)m)->msgh_size, %u);\n", model::word_at(expected.buffer, 4));
  fprintf(g_out, "    CHECK(((mach_msg_header_t *)m)->msgh_id, %u);\n", model::word_at(expected.buffer, 20));
  fprintf(g_out, "    brought(%u);\n", place);
}

// The call of that name with these arguments, and how it should end.
void print_plain(const Call& c, const Outcome& expected, uint32_t place) {
  const std::string name = text(c.name), name2 = text(c.name2);
  std::string call;
  char line[400];
  const auto arguments = [&](auto... values) {
    snprintf(line, sizeof line, values...);
    call = line;
  };
  const char* const n = name.c_str();
  const char* const n2 = name2.c_str();
  std::string out = "&s->n[" + std::to_string(place) + "][0]";
  switch (c.verb) {
    case Verb::allocate:
      arguments("mach_port_allocate(task, %u, %s)", c.right, out.c_str());
      break;
    case Verb::allocate_name:
      arguments("(s->n[%u][0] = %s, mach_port_allocate_name(task, %u, s->n[%u][0]))", place, n, c.right,
                place);
      break;
    case Verb::construct:
      fprintf(g_out, "    mach_port_options_t options = {.flags = %#x, .mpl = {%uu}};\n", c.right,
              static_cast<uint32_t>(c.delta));
      arguments("mach_port_construct(task, &options, %" PRIu64 ", %s)", c.value, out.c_str());
      break;
    case Verb::destruct:
      arguments("mach_port_destruct(task, %s, %d, %" PRIu64 ")", n, c.delta, c.value);
      break;
    case Verb::mod_refs:
      arguments("mach_port_mod_refs(task, %s, %u, %d)", n, c.right, c.delta);
      break;
    case Verb::insert_right:
      arguments("(s->n[%u][0] = %s, mach_port_insert_right(task, s->n[%u][0], %s, %u))", place, n, place, n2,
                c.right);
      break;
    case Verb::extract_right:
      fprintf(g_out, "    mach_msg_type_name_t type = 0;\n");
      arguments("mach_port_extract_right(task, %s, %u, %s, &type)", n, c.right, out.c_str());
      break;
    case Verb::request_notification:
      arguments("mach_port_request_notification(task, %s, %u, %u, %s, %u, %s)", n, c.right,
                static_cast<uint32_t>(c.value), n2, static_cast<uint32_t>(c.value2), out.c_str());
      break;
    case Verb::insert_member:
    case Verb::extract_member:
    case Verb::move_member:
      arguments("mach_port_%s(task, %s, %s)", verb_name(c.verb), n, n2);
      break;
    case Verb::get_refs:
      arguments("mach_port_get_refs(task, %s, %u, &values[0])", n, c.right);
      break;
    case Verb::type:
    case Verb::get_srights:
      arguments("mach_port_%s(task, %s, &values[0])", c.verb == Verb::type ? "type" : "get_srights", n);
      break;
    case Verb::dnrequest_info:
      arguments("mach_port_dnrequest_info(task, %s, &values[0], &values[1])", n);
      break;
    case Verb::get_attributes:
      fprintf(g_out, "    values[0] = %u;\n", static_cast<uint32_t>(c.delta));
      arguments("mach_port_get_attributes(task, %s, %u, (integer_t *)&values[1], &values[0])", n, c.right);
      break;
    case Verb::set_attributes:
      fprintf(g_out, "    values[0] = %u;\n", static_cast<uint32_t>(c.value));
      arguments("mach_port_set_attributes(task, %s, %u, (integer_t *)values, %d)", n, c.right, c.delta);
      break;
    case Verb::set_mscount:
    case Verb::set_seqno:
    case Verb::set_context:
    case Verb::unguard:
      arguments("mach_port_%s(task, %s, %" PRIu64 ")", verb_name(c.verb), n, c.value);
      break;
    case Verb::guard:
      arguments("mach_port_guard_with_flags(task, %s, %" PRIu64 ", %" PRIu64 ")", n, c.value, c.value2);
      break;
    case Verb::swap_guard:
      arguments("mach_port_swap_guard(task, %s, %" PRIu64 ", %" PRIu64 ")", n, c.value, c.value2);
      break;
    case Verb::deallocate:
    case Verb::destroy:
      arguments("mach_port_%s(task, %s)", verb_name(c.verb), n);
      break;
    default:
      fprintf(g_out, "    // %s(%s)\n", verb_name(c.verb), n);
      return;
  }
  fprintf(g_out, "    CHECK(%s, %#x);\n", call.c_str(), static_cast<unsigned>(expected.code));
  const bool into_values = c.verb == Verb::get_refs || c.verb == Verb::type || c.verb == Verb::get_srights ||
                           c.verb == Verb::dnrequest_info || c.verb == Verb::get_attributes;
  for (size_t i = 0; into_values && i < expected.values.size(); i++)
    fprintf(g_out, "    CHECK(values[%zu], %uu);\n", i, static_cast<uint32_t>(expected.values[i]));
}

}  // namespace

void print_program(const Plan& plan, uint64_t seed, const std::string& what) {
  char name[64];
  snprintf(name, sizeof name, "random-%" PRIu64 ".c", seed);
  for (const Call& call : plan.program) printf("  %s\n", describe(call).c_str());
  printf("  -> %s\n  in C: %s\n", what.c_str(), name);
  g_out = fopen(name, "w");
  if (g_out == nullptr) return perror(name);
  fprintf(g_out, "// SPDX-License-Identifier: Apache-2.0\n// random --seed %" PRIu64 ": %s\n", seed,
          what.c_str());
  uint32_t last = 0;
  for (const Call& call : plan.program) last = std::max(last, call.id);
  fprintf(g_out, kPreamble, last + 1);
  Runner runner(plan.tasks);
  for (uint32_t i = 0; i < plan.program.size(); i++) {
    const Call& c = plan.program[i];
    runner.step(c);
    const Outcome& expected = runner.expected();
    // Who brings a right, or gets one, makes the call.
    const bool other_acts =
        c.verb == Verb::insert_right || c.verb == Verb::extract_right || c.verb == Verb::request_notification;
    fprintf(g_out, "  STEP(%u, %u) {\n", i + 1, other_acts ? c.other : c.task);
    if (c.verb == Verb::send) {
      print_send(c, expected, c.id);
    } else if (c.verb == Verb::receive) {
      print_receive(c, expected, c.id);
    } else if (c.verb == Verb::end_task) {
      fprintf(g_out, "    s->step = %u;\n    _exit(0);\n", i + 2);
    } else {
      fprintf(g_out,
              "    mach_port_t task = task_port(%u);\n    unsigned values[20] = {0};\n    (void)task, "
              "(void)values;\n",
              c.task);
      print_plain(c, expected, c.id);
    }
    fprintf(g_out, "  }\n");
  }
  fprintf(g_out,
          "}\n\nint main(void) {\n  s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | "
          "MAP_ANONYMOUS, -1, 0);\n");
  fprintf(g_out, "  for (me = 0; me < %u; me++) {\n    s->pid[me] = fork();\n", plan.tasks);
  fprintf(g_out,
          "    if (s->pid[me] == 0) {\n      turn(1, 0);\n      run();\n      fflush(stdout);\n      "
          "_exit(0);\n    }\n  }\n");
  fprintf(g_out, "  s->step = 1;\n  while (wait(NULL) > 0) continue;\n  return (int)s->failed;\n}\n");
  fclose(g_out);
}

}  // namespace portolan::random
