// SPDX-License-Identifier: Apache-2.0
#include "cli/waits.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/launch.hpp"
#include "cli/repeat.hpp"
#include "inspect/words.hpp"
#include "segment/domain_files.hpp"
#include "segment/segment.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

constexpr double kBetween = 0.1;     // seconds
constexpr size_t kServiceMost = 32;  // columns on a terminal

bool same(const Wait& a, const Wait& b) {
  return a.waiter.same(b.waiter) && a.holder.same(b.holder) && a.lock == b.lock;
}

std::string named(const std::string& program, uint32_t pid) {
  return program + " (" + std::to_string(pid) + ")";
}

const char* doing(RunState state) {
  switch (state) {
    case RunState::running:
      return "is running";
    case RunState::sleeping:
      return "is asleep";
    case RunState::blocked:
      return "is blocked in the system";
    case RunState::stopped:
      return "is STOPPED by a signal";
    case RunState::traced:
      return "is STOPPED by a debugger";
    case RunState::dead:
      return "is dead";
    case RunState::unknown:
      break;
  }
  return "is in a state unknown";
}

std::string remedy(const Wait& wait, const ThreadLook& holder, const std::string& evict) {
  if (!holder.stopped()) return "";
  const std::string pid = std::to_string(wait.holder.pid == 0 ? wait.holder.tid : wait.holder.pid);
  const std::string first = holder.state == RunState::traced ? "let its debugger go on" : "kill -CONT " + pid;
  return "         remedy: " + first + ", or: " + (wait.holder.pid == 0 ? "kill -KILL" : evict) + " " + pid +
         "\n";
}

// The tree of waits, one holder and lock after the other.
class Lines {
 public:
  Lines(const Segment& segment, const std::vector<SeenWait>& waits, const std::string& evict, unsigned width)
      : segment_(segment), waits_(waits), evict_(evict), width_(width), tree_(tree_of(plain(waits))) {}

  std::string text() {
    std::string text;
    for (const size_t root : tree_.roots) {
      if (std::find(told_.begin(), told_.end(), root) != told_.end()) continue;
      const SeenWait& it = waits_[root];
      text += (text.empty() ? "waits    " : "         ") + subject_text(segment_, it.wait.holder) + " " +
              doing(it.holder.state) + "; it holds " + object_text(it.object, width_) + recovers(it.wait) +
              "\n";
      text += waiters(root, 11) + remedy(it.wait, it.holder, evict_);
    }
    return text;
  }

 private:
  static std::vector<Wait> plain(const std::vector<SeenWait>& waits) {
    std::vector<Wait> list;
    for (const SeenWait& it : waits) list.push_back(it.wait);
    return list;
  }

  std::string recovers(const Wait& wait) const {
    if (wait.dead.slot == 0) return "";
    return ", recovering " + party_text(segment_, wait.dead) + ", which died with it";
  }

  // All who wait for the same lock of the same holder as wait `first` does, and below each who waits for it.
  std::string waiters(size_t first, size_t indent) {
    std::string text;
    const SeenWait& model = waits_[first];
    for (size_t i = 0; i < waits_.size(); i++) {
      const SeenWait& it = waits_[i];
      if (!it.wait.holder.same(model.wait.holder) || it.wait.lock != model.wait.lock) continue;
      if (std::find(told_.begin(), told_.end(), i) != told_.end()) continue;
      told_.push_back(i);
      text += std::string(indent, ' ') + subject_text(segment_, it.wait.waiter) + " waits for it" +
              (it.waiter.stopped() ? ", stopped itself" : "") +
              (it.seconds >= 1 ? ", for " + decimal(it.seconds) + " s at least" : "") + "\n";
      for (size_t below = 0; below < waits_.size(); below++) {
        if (tree_.above[below] != static_cast<long>(i)) continue;
        if (std::find(told_.begin(), told_.end(), below) != told_.end()) continue;
        text += std::string(indent + 2, ' ') + "and holds " + object_text(waits_[below].object, width_) +
                recovers(waits_[below].wait) + "\n";
        text += waiters(below, indent + 4);
      }
    }
    return text;
  }

  const Segment& segment_;
  const std::vector<SeenWait>& waits_;
  const std::string evict_;
  const unsigned width_;
  const WaitTree tree_;
  std::vector<size_t> told_;
};

}  // namespace

bool in_our_pid_namespace(const Segment& segment) {
  uint32_t inode = 0;
  return files::pid_namespace(inode) && segment.header().pidns == inode;
}

Waits::Waits(const Source& source)
    : source_(source),
      tids_are_ours_(source.live() && in_our_pid_namespace(source.segment())) {}


void Waits::look_once() {
  std::vector<SeenWait> now;
  const double time = seconds_now();
  for (Wait& wait : lock_waits(source_.segment())) {
    SeenWait it;
    it.object = locked_object(source_.segment(), wait.lock);
    if (tids_are_ours_) {
      it.waiter = look_at_thread(wait.waiter.pid, wait.waiter.tid);
      it.holder = look_at_thread(wait.holder.pid, wait.holder.tid);
    }
    it.wait = std::move(wait);
    it.since = time;
    for (const SeenWait& before : seen_)
      if (same(before.wait, it.wait)) it.since = before.since;
    it.seconds = time - it.since;
    now.push_back(std::move(it));
  }
  seen_ = std::move(now);
}

const std::vector<SeenWait>& Waits::look() {
  look_once();
  if (seen_.empty() || !source_.live()) return seen_;
  pause_seconds(kBetween);
  look_once();
  std::erase_if(seen_, [](const SeenWait& it) { return it.seconds == 0; });
  return seen_;
}

std::string party_text(const Segment& segment, const Party& party) {
  if (party.pid != 0)
    return named(party.program, party.pid) +
           (party.tid == party.pid ? "" : ", thread " + std::to_string(party.tid));
  return named(party.slot == segment.header().launchd.load() ? "launchd" : "a tool", party.tid);
}

std::string subject_text(const Segment& segment, const Party& party) {
  return party_text(segment, party) + (party.pid == 0 || party.tid == party.pid ? "" : ",");
}

std::string object_text(const LockedObject& object, unsigned width) {
  std::string text = object.kind;
  if (object.identity != 0) text += " " + port_word(object.identity);
  if (object.kobject != 0) text += std::string(" ") + kobject_word(object.kobject);
  if (!object.service.empty())
    text += " " + (width == 0 ? object.service : cut_middle(object.service, kServiceMost));
  else if (object.pid != 0)
    text += (object.kind == "task" ? " " : " of ") + named(object.program, object.pid);
  if (!object.of.empty()) text += " (" + object.of + ")";
  return text;
}

std::string waits_text(const Segment& segment, const std::vector<SeenWait>& waits, const std::string& evict,
                       unsigned width) {
  return Lines(segment, waits, evict, width).text();
}

Json party_json(const Party& party, RunState state) {
  const bool task = party.pid != 0;
  return {{"pid", task ? Json(party.pid) : Json()},
          {"program", task ? Json(party.program) : Json()},
          {"tid", party.tid},
          {"state", state_word(state)}};
}

Json object_json(const LockedObject& object) {
  auto words = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return {{"kind", object.kind},
          {"port", object.identity == 0 ? Json() : Json(port_word(object.identity))},
          {"service", words(object.service)},
          {"kobject", object.kobject == 0 ? Json() : Json(kobject_word(object.kobject))},
          {"pid", object.pid == 0 ? Json() : Json(object.pid)},
          {"program", words(object.program)},
          {"of", words(object.of)}};
}

Json waits_json(const std::vector<SeenWait>& waits) {
  std::vector<Wait> plain;
  for (const SeenWait& it : waits) plain.push_back(it.wait);
  const WaitTree tree = tree_of(plain);
  Json list = Json::array();
  for (size_t i = 0; i < waits.size(); i++) {
    const SeenWait& it = waits[i];
    // The tids from the waiter on to the one that waits for nobody.
    Json chain = {it.wait.waiter.tid, it.wait.holder.tid};
    long at = tree.above[i];
    for (size_t steps = 0; at >= 0 && steps < waits.size(); steps++) {
      chain.push_back(waits[static_cast<size_t>(at)].wait.holder.tid);
      at = tree.above[static_cast<size_t>(at)];
    }
    list.push_back({{"object", object_json(it.object)},
                    {"waiter", party_json(it.wait.waiter, it.waiter.state)},
                    {"holder", party_json(it.wait.holder, it.holder.state)},
                    {"recovers", it.wait.dead.slot == 0 ? Json() : Json(it.wait.dead.tid)},
                    {"chain", std::move(chain)},
                    {"seconds", it.seconds}});
  }
  return list;
}

}  // namespace portolan::cli
