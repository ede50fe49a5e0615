// SPDX-License-Identifier: Apache-2.0
#include "random/runner.hpp"

#include <string.h>

#include <algorithm>

namespace portolan::random {

namespace {

constexpr uint32_t kCompareEvery = 25;
constexpr uint32_t kFirstDrainId = 1u << 30;

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[400];
  snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string hex(const std::vector<Name>& names) {
  std::string text;
  for (Name name : names) text += format(" %#x", name);
  return text;
}

// Whose names a call brings: extract_right's and request_notification's go to the other task.
unsigned owner(const Call& call) {
  return call.verb == Verb::extract_right || call.verb == Verb::request_notification ? call.other : call.task;
}

}  // namespace

std::string difference(const Outcome& kernel, const Outcome& model) {
  std::string text;
  if (kernel.code != model.code)
    text += format("code %#x, expected %#x; ", static_cast<unsigned>(kernel.code),
                   static_cast<unsigned>(model.code));
  if (kernel.names != model.names)
    text += "names" + hex(kernel.names) + ", expected" + hex(model.names) + "; ";
  if (kernel.values != model.values) {
    text += "values";
    for (uint64_t value : kernel.values) text += format(" %llu", static_cast<unsigned long long>(value));
    text += ", expected";
    for (uint64_t value : model.values) text += format(" %llu", static_cast<unsigned long long>(value));
    text += "; ";
  }
  if (kernel.buffer != model.buffer && kernel.buffer.size() == model.buffer.size()) {
    uint32_t shown = 0;
    for (size_t at = 0; at + 4 <= kernel.buffer.size() && shown < 8; at += 4) {
      uint32_t had, wanted;
      memcpy(&had, &kernel.buffer[at], 4);
      memcpy(&wanted, &model.buffer[at], 4);
      if (had == wanted) continue;
      text += format("at %zu: %#x, expected %#x; ", at, had, wanted);
      shown++;
    }
  }
  if (kernel.memory != model.memory)
    text +=
        format("memory out of line (%zu regions, expected %zu); ", kernel.memory.size(), model.memory.size());
  if (kernel.released != model.released)
    text += format("%zu regions released, expected %zu; ", kernel.released.size(), model.released.size());
  return text;
}

Runner::Runner(unsigned tasks)
    : tasks_(tasks), kernel_(tasks), reference_(kernel_, tasks), origins_(tasks), all_names_(tasks) {}

Name Runner::resolve(const Operand& operand) const {
  if (operand.call == Operand::kLiteral) return operand.which;
  auto it = brought_.find(operand.call);
  return it == brought_.end() || operand.which >= it->second.size() ? MACH_PORT_NULL
                                                                    : it->second[operand.which];
}

Operand Runner::origin(unsigned task, Name name) const {
  auto it = origins_[task].find(name);
  return it == origins_[task].end() ? Operand::literal(name) : it->second;
}

Operand Runner::stale(unsigned task, Dice& dice) const {
  const std::vector<Operand>& all = all_names_[task];
  return all.empty() ? Operand::literal(0x103) : all[dice.below(static_cast<uint32_t>(all.size()))];
}

void Runner::remember(const Call& call, const Outcome& outcome) {
  brought_[call.id] = outcome.names;
  const unsigned task = owner(call);
  for (uint32_t i = 0; i < outcome.names.size(); i++) {
    const auto [it, fresh] = origins_[task].try_emplace(outcome.names[i], Operand{call.id, i});
    if (fresh) all_names_[task].push_back(it->second);
  }
}

std::optional<std::string> Runner::step(const Call& call) {
  Ready ready{call, resolve(call.name), resolve(call.name2)};
  Bytes before;
  if (call.verb == Verb::send) {
    std::vector<Name> names;
    for (const DescriptorPlan& d : call.message.descriptors) {
      if (d.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
        for (const Operand& name : d.names) names.push_back(resolve(name));
      else if (d.type == MACH_MSG_PORT_DESCRIPTOR || d.type == MACH_MSG_GUARDED_PORT_DESCRIPTOR)
        names.push_back(resolve(d.name));
    }
    Arena& arena = kernel_.arena();
    ready.send_size =
        arena.build(call.message, resolve(call.message.remote), resolve(call.message.local), names, call.id);
    before.assign(arena.buffer(), arena.buffer() + kBufferSize);
  }
  const Outcome outcome = kernel_.perform(ready);
  try {
    expected_ = reference_.perform(ready, before, outcome);
  } catch (const model::Forbidden& forbidden) {
    return forbidden.what();
  }
  remember(call, expected_);
  if (call.verb == Verb::end_task) origins_[call.task].clear();
  if (outcome == expected_) return std::nullopt;
  return difference(outcome, expected_);
}

std::optional<std::string> Runner::compare_all() {
  for (unsigned task = 0; task < tasks_; task++) {
    const auto kernel = kernel_.names(task), model = reference_.names(task);
    if (kernel == model) continue;
    std::string text = format("names of task %u: ", task);
    for (const auto& it : kernel)
      if (std::find(model.begin(), model.end(), it) == model.end())
        text += format("has %#x type %#x urefs %u; ", it.name, it.type, it.urefs);
    for (const auto& it : model)
      if (std::find(kernel.begin(), kernel.end(), it) == kernel.end())
        text += format("expected %#x type %#x urefs %u; ", it.name, it.type, it.urefs);
    return text;
  }
  const std::string broken = kernel_.fsck();
  if (!broken.empty()) return "fsck: " + broken;
  return std::nullopt;
}

// Every receive right gives its status and all its messages.
std::optional<std::string> Runner::drain() {
  Call call;
  call.id = kFirstDrainId;
  for (unsigned task = 0; task < tasks_; task++) {
    std::vector<Name> names;
    for (const auto& [index, entry] : reference_.space(task).entries)
      if (entry.has(MACH_PORT_TYPE_RECEIVE)) names.push_back(reference_.space(task).name_of(entry));
    for (Name name : names) {
      call = {Verb::get_attributes, call.id + 1, task, task, Operand::literal(name)};
      call.right = MACH_PORT_RECEIVE_STATUS;
      call.delta = MACH_PORT_RECEIVE_STATUS_COUNT;
      if (auto wrong = step(call)) return format("in the end, status of %#x: ", name) + *wrong;
      for (unsigned i = 0; i < 2000; i++) {
        call = {Verb::receive, call.id + 1, task, task, Operand::literal(name)};
        call.right = 8192;
        call.option = MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_AUDIT);
        if (auto wrong = step(call)) return format("in the end, received from %#x: ", name) + *wrong;
        if (expected_.code != MACH_MSG_SUCCESS) break;
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> Runner::finish() {
  if (auto wrong = compare_all()) return wrong;
  if (auto wrong = drain()) return wrong;
  if (auto wrong = compare_all()) return wrong;
  const std::string broken = kernel_.close();
  if (!broken.empty()) return "all tasks ended: " + broken;
  return std::nullopt;
}

std::optional<Disagreement> run_random(Dice& dice, uint32_t length, Plan& plan) {
  Runner runner(plan.tasks);
  Generator generator(dice, runner.reference(), runner, plan.tasks);
  for (uint32_t i = 0; i < length && !dice.empty(); i++) {
    Call call = generator.next();
    call.id = i + 1;
    plan.program.push_back(call);
    std::optional<std::string> wrong = runner.step(call);
    if (!wrong && i % kCompareEvery == kCompareEvery - 1) wrong = runner.compare_all();
    if (wrong) return Disagreement{i, *wrong};
  }
  if (auto wrong = runner.finish()) return Disagreement{static_cast<uint32_t>(plan.program.size()), *wrong};
  return std::nullopt;
}

std::optional<Disagreement> run(const Plan& plan) {
  Runner runner(plan.tasks);
  for (uint32_t i = 0; i < plan.program.size(); i++) {
    std::optional<std::string> wrong = runner.step(plan.program[i]);
    if (!wrong && (i % kCompareEvery == kCompareEvery - 1 || i + 1 == plan.program.size()))
      wrong = runner.compare_all();
    if (wrong) return Disagreement{i, *wrong};
  }
  if (auto wrong = runner.finish()) return Disagreement{static_cast<uint32_t>(plan.program.size()), *wrong};
  return std::nullopt;
}

}  // namespace portolan::random
