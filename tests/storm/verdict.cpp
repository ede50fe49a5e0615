// SPDX-License-Identifier: Apache-2.0
#include "storm/verdict.hpp"

namespace portolan::storm {

namespace {

constexpr size_t kComplaintsMost = 50;

const char* fate_name(Fate fate) {
  constexpr const char* kNames[] = {"unborn", "living", "killed", "left", "finished"};
  return kNames[static_cast<unsigned>(fate)];
}

}  // namespace

void Verdict::complain(const char* what, uint64_t sequence, const Line& line) {
  if (complaints_.size() >= kComplaintsMost) return;
  complaints_.push_back(std::string(what) + ": message " + std::to_string(sequence) + " to life " +
                        std::to_string(line.to()) + " (" + fate_name(ledger_.fate[line.to()]) + "), " +
                        (line.has(Line::kSent)      ? "sent"
                         : line.has(Line::kRefused) ? "refused"
                                                    : "announced") +
                        ", received " + std::to_string(line.received()) + " times");
}

void Verdict::add(uint64_t sequence) {
  const Line& line = ledger_.line_of(sequence);
  if (!line.is_of(sequence)) {
    unknown++;  // who took the number died before it announced anything
    return;
  }
  const bool was_sent = line.has(Line::kSent), was_refused = line.has(Line::kRefused);
  const unsigned times = line.received();
  sent += was_sent;
  refused += was_refused;
  received += times != 0;
  unknown += !was_sent && !was_refused;
  if (times > 1 || (times != 0 && was_refused)) {
    twice_++;
    complain("duplicated", sequence, line);
  }
  if (!was_sent || times != 0) return;
  const Fate fate = ledger_.fate[line.to()];
  if (line.to() == 0) {
    boxed++;
  } else if (fate == Fate::killed || fate == Fate::left) {
    gone++;
  } else {
    lost_++;
    complain("lost", sequence, line);
  }
}

void Verdict::add_until(uint64_t end) {
  for (; next_ < end; next_++) add(next_);
  ledger_.folded = next_ - 1;
}

void Verdict::add_old() {
  const uint64_t latest = ledger_.next_message;
  if (latest > kLines / 2) add_until(latest - kLines / 2);
}

void Verdict::add_rest() { add_until(ledger_.next_message + 1); }

}  // namespace portolan::storm
