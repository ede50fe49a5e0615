// SPDX-License-Identifier: Apache-2.0
#include "random/shrink.hpp"

#include <algorithm>

namespace portolan::random {

namespace {

// What is wrong, without its numbers: a shorter program has to show the same.
std::string kind(const std::string& what) { return what.substr(0, what.find_first_of("0123456789")); }
std::string g_kind;

bool fails(const Plan& plan) {
  const auto wrong = run(plan);
  return wrong && kind(wrong->what) == g_kind;
}

// Leaves out blocks of calls, ever smaller ones, as long as something is still wrong.
void leave_out(Plan& plan) {
  for (size_t block = std::max<size_t>(plan.program.size() / 2, 1);; block /= 2) {
    for (size_t at = 0; at < plan.program.size();) {
      Plan less = plan;
      const auto first = less.program.begin() + static_cast<ptrdiff_t>(at);
      less.program.erase(first, first + static_cast<ptrdiff_t>(std::min(block, less.program.size() - at)));
      if (fails(less)) {
        plan = std::move(less);
      } else {
        at += block;
      }
    }
    if (block <= 1) return;
  }
}

// Tries a simpler form of one call.
template <class Change>
void simplify(Plan& plan, size_t at, Change&& change) {
  Plan simpler = plan;
  change(simpler.program[at]);
  if (fails(simpler)) plan = std::move(simpler);
}

void simplify_calls(Plan& plan) {
  for (size_t at = 0; at < plan.program.size(); at++) {
    simplify(plan, at, [](Call& c) { c.option = 0; });
    simplify(plan, at, [](Call& c) { c.other = c.task; });
    simplify(plan, at, [](Call& c) { c.task = c.other = 0; });
    if (plan.program[at].verb != Verb::send) continue;
    simplify(plan, at, [](Call& c) { c.message.data = 0; });
    simplify(plan, at, [](Call& c) { c.message.voucher = 0; });
    simplify(plan, at, [](Call& c) { c.message.bits &= 0x1f1f; });
    simplify(plan, at, [](Call& c) {
      c.message.local = Operand::literal(0);
      c.message.bits &= 0xff;
    });
    simplify(plan, at, [](Call& c) { c.message.complex = false; });
    for (size_t d = plan.program[at].message.descriptors.size(); d-- > 0;)
      simplify(plan, at, [d](Call& c) {
        c.message.descriptors.erase(c.message.descriptors.begin() + static_cast<ptrdiff_t>(d));
        c.message.claimed_count--;
      });
  }
}

}  // namespace

Plan shrink(Plan plan) {
  const auto found = run(plan);
  if (!found) return plan;
  g_kind = kind(found->what);
  if (found->call < plan.program.size()) plan.program.resize(found->call + 1);
  for (size_t before = plan.program.size() + 1; plan.program.size() < before;) {
    before = plan.program.size();
    leave_out(plan);
    simplify_calls(plan);
  }
  return plan;
}

}  // namespace portolan::random
