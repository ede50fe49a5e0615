// SPDX-License-Identifier: Apache-2.0
// The report of check for people: one finding a paragraph, worst first, the summary last.
#include <mach/port.h>

#include <algorithm>

#include "cli/check.hpp"
#include "cli/terminal.hpp"
#include "inspect/words.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

const char* right_noun(const std::string& key) {
  if (key == "recv") return "receive right";
  if (key == "send") return "send right";
  if (key == "once") return "send-once right";
  if (key == "set") return "port set";
  return "dead name";
}

// Breaks a text at blanks so that no line is longer than `width` (0: it stays whole).
std::vector<std::string> wrapped(const std::string& text, size_t width) {
  std::vector<std::string> lines;
  for (size_t start = 0; start < text.size();) {
    size_t end = text.size();
    if (width != 0 && end - start > width) {
      end = text.rfind(' ', start + width);
      if (end == std::string::npos || end <= start) end = text.find(' ', start);
      if (end == std::string::npos) end = text.size();
    }
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

class Paragraph {
 public:
  Paragraph(const ReportStyle& style) : style_(style) {}

  void line(const std::string& text) { text_ += text + '\n'; }
  // "    rights      …", continued below where it is too long.
  void field(const char* name, const std::string& value) {
    constexpr size_t kIndent = 16;
    std::string lead = std::string("    ") + name;
    for (const std::string& part : wrapped(value, style_.width > kIndent + 20 ? style_.width - kIndent : 0)) {
      lead.resize(kIndent, ' ');
      line(lead + part);
      lead.clear();
    }
  }
  void guilty(const std::string& text) {
    line(inked(">>", Ink::guilty, style_.colours) + "  " + inked(text, Ink::guilty, style_.colours));
  }
  std::string take() { return std::move(text_); }
  const ReportStyle& style() const { return style_; }

 private:
  const ReportStyle& style_;
  std::string text_;
};

std::string task_text(uint32_t pid, const std::string& program) {
  return program + " (" + std::to_string(pid) + ")";
}

// "12 send-once rights", or "48,127 references, 5,109 names".
std::string amount(const Finding& finding) {
  if (finding.rights.size() == 1 && finding.references == finding.names)
    return plural(finding.names, right_noun(finding.rights.begin()->first));
  return plural(finding.references, "reference") + ", " + plural(finding.names, "name");
}

std::string rights_line(const Finding& finding) {
  std::string text;
  for (const char* key : {"recv", "send", "once", "set", "dead"}) {
    const auto found = finding.rights.find(key);
    if (found == finding.rights.end()) continue;
    const Tally& tally = found->second;
    if (!text.empty()) text += ", ";
    const bool dead = std::string(key) == "dead";
    text += grouped(tally.names) +
            (dead ? tally.names == 1 ? " dead name" : " dead names" : std::string(" ") + key);
    if (tally.urefs != tally.names)
      text += " (" +
              (dead && text.find("reference") != std::string::npos ? grouped(tally.urefs)
                                                                   : plural(tally.urefs, "reference")) +
              ")";
  }
  return text;
}

std::string one_end(const OtherEnd& end) {
  std::string text;
  const std::string who = end.program.empty()
                              ? end.pid == 0 ? "" : "pid " + std::to_string(end.pid) + ", which is gone"
                          : end.self ? end.program + " itself"
                                     : task_text(end.pid, end.program);
  const uint64_t ports = end.live + end.ended;
  if (!end.kobject.empty()) {
    text = end.kobject + (who.empty() ? "" : " of " + who);
    if (end.live == 0 && end.ended != 0)
      return text + (ports == 1 ? ", ended" : ": " + grouped(ports) + " ended");
    const bool thread = end.kobject.rfind("THREAD", 0) == 0;
    if (end.ended != 0 || (thread && ports > 1))
      text += ": " + grouped(end.live) + (thread ? " running" : " alive");
    if (end.ended != 0) text += ", " + grouped(end.ended) + " ended";
    return text;
  }
  if (end.live == 0 && end.ended != 0)
    return who.empty()
               ? grouped(end.ended) + (end.ended == 1 ? " port that has died" : " ports that have died")
               : plural(end.ended, "port") + " of " + who + ", dead";
  if (end.right == MACH_PORT_TYPE_RECEIVE)
    text = who + (ports == 1 ? " holds the receive right" : " holds the receive rights");
  else if (end.right != 0)
    text = who + " can send to " + (ports == 1 ? "it" : "them");
  else
    text = "nobody else holds a right";
  if (!end.service.empty()) text += ", " + end.service;
  if (end.waiting != 0) text += "; " + plural(end.waiting, "thread waits there", "threads wait there");
  return text;
}

std::string ends_line(const Finding& finding) {
  constexpr size_t kShown = 2;
  // What has ended joins what lives of the same task: one kind of port, some over.
  std::vector<OtherEnd> ends;
  for (const OtherEnd& end : finding.others) {
    const auto same = std::find_if(ends.begin(), ends.end(), [&](const OtherEnd& known) {
      return known.pid == end.pid && known.kobject == end.kobject && known.service == end.service &&
             known.right == end.right;
    });
    if (same == ends.end()) {
      ends.push_back(end);
    } else {
      same->live += end.live;
      same->ended += end.ended;
      same->waiting += end.waiting;
    }
  }
  std::string text;
  for (size_t i = 0; i < ends.size() && i < kShown; i++) text += (i == 0 ? "" : "; ") + one_end(ends[i]);
  if (ends.size() > kShown) {
    uint64_t rest = 0;
    for (size_t i = kShown; i < ends.size(); i++) rest += ends[i].live + ends[i].ended;
    text += "; " + plural(rest, "port") + " at " + grouped(ends.size() - kShown) + " other ends";
  }
  return text;
}

std::string rate_number(double value) {
  return value >= 10 ? grouped(static_cast<uint64_t>(value + 0.5)) : decimal(value);
}

std::string rate_line(const Rate& rate, const Finding& finding) {
  std::string text = "+" + rate_number(rate.names) + " names";
  if (finding.references != finding.names) text += ", +" + rate_number(rate.references) + " references";
  return text + " a second, from " + decimal(rate.from) + " s on";
}

std::string source_of(const Stack& stack, const Finding& finding) {
  std::string text = stack.call.empty() ? "an unknown call" : stack.call + "()";
  if (finding.message && finding.kind != Kind::unanswered)
    text = "message id " + std::to_string(finding.message->id) + " by " + text;
  return text;
}

void stack_lines(Paragraph& out, const Finding& finding, const Share& share, bool first) {
  const ReportStyle& style = out.style();
  std::string lead = first ? "    stacks      " : "                ";
  const std::string count = grouped(share.references);
  const size_t room = std::max<size_t>(count.size(), grouped(finding.references).size());
  const Stack& stack = *share.stack;
  if (!stack.known) {
    out.line(lead + std::string(room - count.size(), ' ') + count +
             "  came in unseen: no stack was recorded");
    return;
  }
  // What called main, or started the thread, says nothing; neither does what the C++ library calls in
  // between.
  size_t shown = stack.frames.size();
  for (size_t i = stack.guilty; i < stack.frames.size() && !style.verbose; i++)
    if (stack.frames[i].function == "main") shown = i + 1;
  while (!style.verbose && shown > stack.guilty + 1 && stack.frames[shown - 1].runtime) shown--;
  std::vector<std::pair<std::string, std::string>> rows;  // function, place
  for (size_t i = 0; i < shown; i++) {
    size_t passed = i;
    while (!style.verbose && passed < shown && stack.frames[passed].runtime) passed++;
    if (passed - i > 1) {
      rows.emplace_back("... " + grouped(passed - i) + " of the C++ library", "");
      i = passed - 1;
    } else {
      rows.emplace_back(function_text(stack.frames[i]), place_text(stack.frames[i]));
    }
  }
  size_t widest = 0, longest = 0;
  for (const auto& [function, place] : rows) {
    if (!place.empty()) widest = std::max(widest, function.size());
    longest = std::max(longest, place.size());
  }
  const size_t used = lead.size() + room + 2;
  if (style.width != 0 && used + widest + 1 + longest > style.width) {
    const size_t left = style.width > used + 25 ? style.width - used - 1 : 24;
    longest = std::min(longest, std::max<size_t>(left / 2, left > widest ? left - widest : 0));
    widest = std::min(widest, left - longest);
  }
  std::string number = std::string(room - count.size(), ' ') + count;
  for (auto& [function, place] : rows) {
    if (style.width != 0) function = cut_middle(function, place.empty() ? widest + 1 + longest : widest);
    if (style.width != 0) place = cut_middle(place, longest);
    if (!place.empty()) function.resize(std::max(function.size(), widest), ' ');
    out.line(lead + number + "  " + function + (place.empty() ? "" : " " + place));
    lead = "                ";
    number = std::string(room, ' ');
  }
  if (stack.cut) out.line(lead + number + "  ... and more: 24 frames are kept");
}

std::string finding_text(const Finding& finding, const std::string& title, const ReportStyle& style) {
  Paragraph out(style);
  std::string head = title + "  " + task_text(finding.task_pid, finding.program) + ": " + amount(finding);
  const std::string kind = std::string(kind_word(finding.kind)) + (finding.growing ? ", growing" : "");
  const size_t width = style.width == 0 ? 80 : style.width;
  const size_t gap = head.size() + kind.size() + 4 < width ? width - 4 - head.size() - kind.size() : 3;
  out.line(inked(head, Ink::strong, style.colours) + std::string(std::min<size_t>(gap, 40), ' ') + kind);

  const Stack& top = *finding.top();
  const Frame* guilty = finding.guilty();
  const std::string place = guilty_place(finding);
  if (finding.kind == Kind::unanswered && finding.message) {
    const std::string sender = finding.message->sender.empty()
                                   ? "pid " + std::to_string(finding.message->sender_pid)
                                   : task_text(finding.message->sender_pid, finding.message->sender);
    out.guilty("message id " + std::to_string(finding.message->id) + " from " + sender + ", received at " +
               place);
    out.line("    got " + plural(finding.acquired, "such reply right") + ", " + grouped(finding.references) +
             " neither used nor released");
  } else {
    std::string blame = place;
    if (guilty != nullptr && !place_text(*guilty).empty()) {
      const size_t room =
          style.width > place.size() + 10 ? style.width - place.size() - 6 : std::string::npos;
      blame += "  " + cut_middle(function_text(*guilty), style.width == 0 ? std::string::npos : room);
    }
    out.guilty(blame);
    const std::string from = top.known ? " from " + source_of(top, finding) : "";
    if (finding.released)
      out.line("    got " + plural(finding.acquired, "reference") + from + ", released " +
               (*finding.released == 0 ? "none" : grouped(*finding.released)));
    else
      out.line("    holds " + plural(finding.references, "reference") + from);
  }
  if (finding.kind != Kind::unanswered) out.field("rights", rights_line(finding));
  if (const std::string ends = ends_line(finding); !ends.empty()) out.field("other end", ends);
  if (finding.rate && finding.kind == Kind::piled) out.field("rate", rate_line(*finding.rate, finding));
  const size_t shown = std::min(style.stacks, finding.stacks.size());
  if (top.known) {
    for (size_t i = 0; i < shown; i++) stack_lines(out, finding, finding.stacks[i], i == 0);
    uint64_t rest = 0;
    for (size_t i = shown; i < finding.stacks.size(); i++) rest += finding.stacks[i].references;
    const size_t others = finding.stacks.size() - shown;
    if (others != 0) {
      const size_t room = grouped(finding.references).size();
      std::string number = grouped(rest);
      number.insert(0, room > number.size() ? room - number.size() : 0, ' ');
      out.line(std::string(shown == 0 ? "    stacks      " : "                ") + number + "  in " +
               grouped(others) + (others == 1 ? " other stack" : " other stacks") + ": --stacks all");
    }
  }
  if (style.verbose) {
    std::string names;
    for (const uint32_t name : finding.examples) names += (names.empty() ? "" : " ") + hex(name);
    out.field("names", names + (finding.names > finding.examples.size() ? " ..." : ""));
  }
  if (!finding.next.empty()) out.field("next", finding.next);
  return out.take() + "\n";
}

std::string fsck_text(const CheckResult& result) {
  return !result.fsck_ran        ? "not run"
         : result.broken.empty() ? "clean"
                                 : grouped(result.broken.size()) + " broken";
}

}  // namespace

std::string guilty_place(const Finding& finding) {
  const Stack* top = finding.top();
  const Frame* guilty = finding.guilty();
  if (top == nullptr || !top->known || guilty == nullptr) return "unknown: no stack was recorded";
  const std::string place = place_text(*guilty);
  return place.empty() ? function_text(*guilty) : place;
}

std::string finding_title(const Finding& finding) {
  return task_text(finding.task_pid, finding.program) + ": " + amount(finding) + ", " +
         kind_word(finding.kind) + " at " + guilty_place(finding);
}

std::string check_text(const CheckResult& result, const ReportStyle& style) {
  std::string text;
  const size_t leaks = result.leaks.size();
  const bool quiet_end = leaks == 0 && result.held.empty() && result.broken.empty();
  if (!quiet_end) {
    text += "portolan check: " + task_text(result.pid, base_name(result.program[0])) + " " +
            result.ending.text() + "\n\n";
    for (size_t i = 0; i < leaks; i++)
      text += finding_text(result.leaks[i], "LEAK " + grouped(i + 1) + " of " + grouped(leaks), style);
    for (size_t i = 0; i < result.held.size(); i++)
      text += finding_text(result.held[i], "HELD " + grouped(i + 1) + " of " + grouped(result.held.size()),
                           style);
    for (const std::string& broken : result.broken) text += "fsck: " + broken + "\n";
    text += "held, not leaks: " + plural(result.held_names, "name") +
            (result.held.empty() ? " (--kinds all)" : "") +
            "     suppressed: " + grouped(result.suppressed.size()) + "     fsck: " + fsck_text(result) +
            "\n";
  }
  for (const std::string& note : result.notes) text += "note: " + note + "\n";
  for (const Suppression& suppression : result.suppressions)
    if (suppression.used == 0)
      text += "unused suppression: " + suppression.file + ":" + std::to_string(suppression.line) + "  " +
              suppression.reason + "\n";
  if (style.quiet && quiet_end) return text;
  if (leaks != 0) {
    const Finding& worst = result.leaks[0];
    text += "SUMMARY: " + plural(leaks, "leak") + ", worst " + guilty_place(worst) + " (" +
            plural(worst.references, "reference") + ")";
  } else {
    text += "SUMMARY: no leaks";
    if (!result.tasks.empty()) text += " in " + plural(result.tasks.size(), "task");
    if (!result.suppressed.empty()) text += ", " + grouped(result.suppressed.size()) + " suppressed";
    if (quiet_end) text += ", " + plural(result.held_names, "name") + " held at the end";
  }
  if (result.ending.signalled)
    text += "; the program was killed by " + signal_word(result.ending.value);
  else if (result.ending.value != 0)
    text += "; the program exited " + std::to_string(result.ending.value);
  return text + "; exit " + std::to_string(result.exit) + "\n";
}

}  // namespace portolan::cli
