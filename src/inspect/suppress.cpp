// SPDX-License-Identifier: Apache-2.0
#include "inspect/suppress.hpp"

#include <sstream>

#include "inspect/words.hpp"

namespace portolan::inspect {

namespace {

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// LeakSanitizer's patterns: parts of the text, `*` any, `^` and `$` its ends.
bool part_matches(std::string pattern, const std::string& text) {
  if (text.empty()) return false;
  const bool front = !pattern.empty() && pattern.front() == '^',
             back = pattern.size() > 1 && pattern.back() == '$';
  if (front) pattern.erase(0, 1);
  if (back) pattern.pop_back();
  return glob_match((front ? "" : "*") + pattern + (back ? "" : "*"), text);
}

bool frame_matches(const std::string& glob, const Frame& frame) {
  return glob_match(glob, function_name(frame)) || glob_match(glob, function_text(frame)) ||
         glob_match(glob, frame.function);
}

// Frames beyond the last glob do not matter.
bool stack_matches(const std::vector<std::string>& globs, size_t g, const std::vector<Frame>& frames,
                   size_t f) {
  if (g == globs.size()) return true;
  if (globs[g] == "...") {
    for (size_t skip = f; skip <= frames.size(); skip++)
      if (stack_matches(globs, g + 1, frames, skip)) return true;
    return false;
  }
  return f < frames.size() && frame_matches(globs[g], frames[f]) &&
         stack_matches(globs, g + 1, frames, f + 1);
}

bool anywhere_matches(const std::string& pattern, const Stack& stack) {
  for (const Frame& frame : stack.frames)
    if (part_matches(pattern, frame.function) || part_matches(pattern, frame.file) ||
        part_matches(pattern, frame.module))
      return true;
  return part_matches(pattern, stack.call);
}

bool matches(const Suppression& suppression, const Suspect& suspect) {
  if (!suppression.kind.empty() && !glob_match(suppression.kind, suspect.kind)) return false;
  if (!suppression.task.empty() && !glob_match(suppression.task, suspect.task)) return false;
  if (!suppression.kobject.empty() && !glob_match(suppression.kobject, suspect.kobject)) return false;
  if (suppression.rights != 0 && (suppression.rights & suspect.rights) == 0) return false;
  const Stack& stack = *suspect.stack;
  if (!suppression.call.empty() && !glob_match(suppression.call, stack.call)) return false;
  if (!suppression.anywhere.empty() && !anywhere_matches(suppression.anywhere, stack)) return false;
  return stack_matches(suppression.stack, 0, stack.frames, 0);
}

// A name as a glob that matches just it.
std::string quoted(const std::string& name) {
  std::string glob;
  for (const char c : name) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') glob += '\\';
    glob += c;
  }
  return glob;
}

class Parser {
 public:
  Parser(const std::string& file, std::vector<Suppression>& into, SuppressionError& error)
      : file_(file), into_(into), error_(error) {}

  bool line(std::string text) {
    number_++;
    const std::string whole = trimmed(text);
    if (whole.empty() || whole[0] == '#') return true;
    if (whole.rfind("leak:", 0) == 0) return leak_line(trimmed(whole.substr(5)));
    const size_t blank = whole.find_first_of(" \t");
    const std::string word = whole.substr(0, blank);
    const std::string value = blank == std::string::npos ? "" : trimmed(whole.substr(blank));
    if (word == "suppress") return begin(value);
    if (into_.empty() || !open_) return fail("expected `suppress \"reason\"` before `" + word + "`");
    Suppression& block = into_.back();
    if (in_stack_ && !is_key(word, value)) {
      block.stack.push_back(whole);
      return true;
    }
    in_stack_ = false;
    if (word == "kind") return set(block.kind, value);
    if (word == "task") return set(block.task, value);
    if (word == "call") return set(block.call, value);
    if (word == "kobject") return set(block.kobject, value);
    if (word == "right") {
      block.rights = parse_rights(value);
      return block.rights != 0 ||
             fail("no such right: `" + value + "`; there are send, recv, send-once, set, dead");
    }
    if (word == "stack") {
      in_stack_ = true;
      if (!value.empty()) block.stack.push_back(value);
      return true;
    }
    return fail("no such key: `" + word + "`; there are kind, right, kobject, task, call, stack");
  }

 private:
  static bool is_key(const std::string& word, const std::string& value) {
    if (value.empty()) return false;
    for (const char* key : {"kind", "right", "kobject", "task", "call", "stack"})
      if (word == key) return true;
    return false;
  }
  bool begin(const std::string& value) {
    if (value.size() < 2 || value.front() != '"' || value.back() != '"')
      return fail("expected a reason in quotes after `suppress`");
    Suppression block;
    block.reason = value.substr(1, value.size() - 2);
    block.line = number_;
    block.file = file_;
    into_.push_back(std::move(block));
    open_ = true;
    in_stack_ = false;
    return true;
  }
  bool leak_line(const std::string& pattern) {
    if (pattern.empty()) return fail("`leak:` without a pattern");
    Suppression line;
    line.reason = "leak:" + pattern;
    line.line = number_;
    line.file = file_;
    line.anywhere = pattern;
    into_.push_back(std::move(line));
    open_ = false;
    return true;
  }
  bool set(std::string& field, const std::string& value) {
    if (value.empty()) return fail("a key without a value");
    field = value;
    return true;
  }
  bool fail(const std::string& problem) {
    error_ = {number_, problem};
    return false;
  }

  const std::string& file_;
  std::vector<Suppression>& into_;
  SuppressionError& error_;
  int number_ = 0;
  bool open_ = false;
  bool in_stack_ = false;
};

}  // namespace

bool parse_suppressions(const std::string& text, const std::string& file, std::vector<Suppression>& into,
                        SuppressionError& error) {
  Parser parser(file, into, error);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (!parser.line(line)) return false;
  return true;
}

Suppression* find_suppression(std::vector<Suppression>& all, const Suspect& suspect) {
  for (Suppression& suppression : all)
    if (matches(suppression, suspect)) return &suppression;
  return nullptr;
}

std::string suppression_text(const Suspect& suspect) {
  std::string text = "suppress \"<why this is no leak>\"\n";
  text += "  kind     " + std::string(suspect.kind) + "\n";
  text += "  task     " + quoted(suspect.task) + "\n";
  if (!suspect.kobject.empty()) text += "  kobject  " + suspect.kobject + "\n";
  if (!suspect.stack->call.empty()) text += "  call     " + suspect.stack->call + "\n";
  const char* lead = "  stack    ";
  for (const Frame& frame : suspect.stack->frames) {
    const std::string name = function_name(frame);
    text += lead + (name.empty() ? std::string("*") : quoted(name)) + "\n";
    lead = "           ";
  }
  return text;
}

}  // namespace portolan::inspect
