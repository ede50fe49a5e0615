// SPDX-License-Identifier: Apache-2.0
#include "random/shrink.hpp"

#include <algorithm>

namespace portolan::random {

namespace {

// What is wrong, without its numbers: a shorter program has to show the same.
std::string kind(const std::string& what) { return what.substr(0, what.find_first_of("0123456789")); }

class Shrinker {
 public:
  Shrinker(Plan plan, const std::string& what) : plan_(std::move(plan)), kind_(kind(what)) {}

  Plan run_to_the_end() {
    for (size_t before = plan_.program.size() + 1; plan_.program.size() < before;) {
      before = plan_.program.size();
      leave_out();
      for (size_t at = 0; at < plan_.program.size(); at++) simplify_call(at);
    }
    return std::move(plan_);
  }

 private:
  bool accept(Plan&& candidate) {
    const auto wrong = run(candidate);
    if (!wrong || kind(wrong->what) != kind_) return false;
    plan_ = std::move(candidate);
    return true;
  }

  // Leaves out blocks of calls, ever smaller ones, as long as the same is still wrong.
  void leave_out() {
    for (size_t block = std::max<size_t>(plan_.program.size() / 2, 1);; block /= 2) {
      for (size_t at = 0; at < plan_.program.size();) {
        Plan less = plan_;
        const auto first = less.program.begin() + static_cast<ptrdiff_t>(at);
        less.program.erase(first, first + static_cast<ptrdiff_t>(std::min(block, less.program.size() - at)));
        if (!accept(std::move(less))) at += block;
      }
      if (block <= 1) return;
    }
  }

  // Tries a simpler form of one call.
  template <class Change>
  void simplify(size_t at, Change&& change) {
    Plan simpler = plan_;
    change(simpler.program[at]);
    accept(std::move(simpler));
  }

  void simplify_call(size_t at) {
    simplify(at, [](Call& c) { c.option = 0; });
    simplify(at, [](Call& c) { c.other = c.task; });
    simplify(at, [](Call& c) { c.task = c.other = 0; });
    if (plan_.program[at].verb != Verb::send) return;
    simplify(at, [](Call& c) { c.message.data = 0; });
    simplify(at, [](Call& c) { c.message.voucher = 0; });
    simplify(at, [](Call& c) { c.message.bits &= 0x1f1f; });
    simplify(at, [](Call& c) {
      c.message.local = Operand::literal(0);
      c.message.bits &= 0xff;
    });
    simplify(at, [](Call& c) { c.message.complex = false; });
    for (size_t d = plan_.program[at].message.descriptors.size(); d-- > 0;)
      simplify(at, [d](Call& c) {
        c.message.descriptors.erase(c.message.descriptors.begin() + static_cast<ptrdiff_t>(d));
        c.message.claimed_count--;
      });
  }

  Plan plan_;
  const std::string kind_;
};

}  // namespace

Plan shrink(Plan plan) {
  const auto found = run(plan);
  if (!found) return plan;
  if (found->call < plan.program.size()) plan.program.resize(found->call + 1);
  return Shrinker(std::move(plan), found->what).run_to_the_end();
}

}  // namespace portolan::random
