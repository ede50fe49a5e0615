// SPDX-License-Identifier: Apache-2.0
// Sorting a task's acquisitions into findings: first by what they are and whose line is guilty, then by the
// thresholds.
#include "inspect/leaks.hpp"

#include <mach/port.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "inspect/advice.hpp"
#include "inspect/words.hpp"

namespace portolan::inspect {

namespace {

constexpr size_t kExamples = 8;
constexpr uint64_t kDying = 300'000'000;  // how long a task's end may take: its own threads die with it

// Some references of one name, of one acquisition.
struct Piece {
  const NameInfo* name = nullptr;
  const Acquired* record = nullptr;  // nullptr: nobody saw where they came from
  uint64_t count = 0;
};

struct Group {
  Kind kind = Kind::held;
  std::vector<Piece> pieces;
};

class Sorter {
 public:
  Sorter(const Snapshot& snapshot, const TaskInfo& task, Stacks& stacks, const LeakOptions& options,
         std::vector<Suppression>& suppressions)
      : snapshot_(snapshot),
        task_(task),
        ends_(snapshot),
        stacks_(stacks),
        options_(options),
        suppressions_(suppressions) {}

  std::vector<Finding> run() {
    for (const NameInfo& name : task_.names) take(name);
    std::vector<Finding> findings;
    for (auto& [key, group] : groups_) {
      split_dead(group);
      if (group.kind != Kind::unanswered && pile_of(group) >= options_.pile) group.kind = Kind::piled;
      emit(group, findings);
    }
    for (Group& group : dead_) emit(group, findings);
    std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
      if ((a.kind == Kind::held) != (b.kind == Kind::held)) return b.kind == Kind::held;
      if (a.suppressed_by.empty() != b.suppressed_by.empty()) return a.suppressed_by.empty();
      return a.references > b.references;
    });
    return findings;
  }

 private:
  void take(const NameInfo& name) {
    uint64_t seen = 0;
    for (const Acquired& record : name.acquired) {
      if (record.count == 0) continue;
      seen += record.count;
      put({&name, &record, record.count});
    }
    const uint64_t has = std::max<uint64_t>(name.urefs, seen == 0 ? 1 : 0);
    // A dead-name request that has fired adds a reference which nobody acquired.
    if (has > seen && !(name.has(MACH_PORT_TYPE_DEAD_NAME) && has == seen + 1 && seen != 0))
      put({&name, nullptr, has - seen});
  }

  void put(const Piece& piece) {
    const bool in_message = piece.record != nullptr && piece.record->sender_pid != 0;
    const bool unanswered = in_message && piece.name->has(MACH_PORT_TYPE_SEND_ONCE);
    const Stack& stack = stacks_.of(piece.record == nullptr ? 0 : piece.record->site);
    std::string key = stack.call + '\n';
    if (const Frame* guilty = stack.guilty_frame())
      key += function_name(*guilty) + '\n' + guilty->file + ':' + std::to_string(guilty->line) + '\n' +
             (guilty->function.empty() ? guilty->module + std::to_string(guilty->offset) : "");
    if (unanswered)
      key = "unanswered " + std::to_string(piece.record->message_id) + " " +
            std::to_string(piece.record->sender_pid) + key;
    Group& group = groups_[key];
    if (unanswered) group.kind = Kind::unanswered;
    group.pieces.push_back(piece);
  }

  // The most that one stack holds of it.
  static uint64_t pile_of(const Group& group) {
    std::map<uint32_t, uint64_t> sites;
    uint64_t most = 0;
    for (const Piece& piece : group.pieces)
      most = std::max(most, sites[piece.record == nullptr ? 0 : piece.record->site] += piece.count);
    return most;
  }

  bool is_old_death(const Piece& piece) const {
    return piece.name->has(MACH_PORT_TYPE_DEAD_NAME) && piece.name->died_ns != 0 &&
           static_cast<double>(snapshot_.taken_ns - std::min(snapshot_.taken_ns, piece.name->died_ns)) >
               options_.grace * 1e9;
  }

  // Dead names of a group that does not pile are a finding of their own.
  void split_dead(Group& group) {
    if (group.kind == Kind::unanswered || pile_of(group) >= options_.pile) return;
    Group dead;
    dead.kind = Kind::dead;
    const auto rest = std::stable_partition(group.pieces.begin(), group.pieces.end(),
                                            [this](const Piece& piece) { return !is_old_death(piece); });
    dead.pieces.assign(rest, group.pieces.end());
    group.pieces.erase(rest, group.pieces.end());
    if (!dead.pieces.empty()) dead_.push_back(std::move(dead));
  }

  void emit(const Group& group, std::vector<Finding>& findings) {
    if (group.pieces.empty()) return;
    std::vector<Piece> kept, suppressed;
    Suppression* by = nullptr;
    for (const Piece& piece : group.pieces) {
      Suppression* match = group.kind == Kind::held ? nullptr : suppression_of(group.kind, piece);
      if (match != nullptr) match->used++;
      if (match != nullptr && by == nullptr) by = match;
      (match == nullptr ? kept : suppressed).push_back(piece);
    }
    if (!kept.empty()) findings.push_back(finding(group.kind, kept));
    if (kept.empty() && by != nullptr) {
      findings.push_back(finding(group.kind, suppressed));
      findings.back().suppressed_by = by->reason;
    }
  }

  Suppression* suppression_of(Kind kind, const Piece& piece) {
    if (suppressions_.empty()) return nullptr;
    Suspect suspect;
    suspect.kind = kind_word(kind);
    suspect.task = task_.program;
    suspect.rights = piece.name->type;
    suspect.kobject = kobject_of(*piece.name);
    suspect.stack = &stacks_.of(piece.record == nullptr ? 0 : piece.record->site);
    return find_suppression(suppressions_, suspect);
  }

  // The word for what a name stands for, or stood for; empty: an ordinary port.
  std::string kobject_of(const NameInfo& name) const {
    uint32_t type = name.was_kobject;
    if (const PortInfo* port = snapshot_.port(name.port)) type = port->kobject;
    return type == 0 ? "" : kobject_word(type);
  }

  Finding finding(Kind kind, const std::vector<Piece>& pieces) {
    Finding result;
    result.kind = kind;
    result.task_pid = task_.pid;
    result.program = task_.program;
    std::map<uint32_t, uint64_t> sites;
    std::unordered_set<const NameInfo*> names;
    for (const Piece& piece : pieces) {
      const NameInfo& name = *piece.name;
      const bool first = names.insert(&name).second;
      Tally& tally = result.rights[right_key(leading_right(name, piece))];
      if (first) {
        tally.names++;
        if (result.examples.size() < kExamples) result.examples.push_back(name.name);
      }
      tally.urefs += piece.count;
      result.references += piece.count;
      sites[piece.record == nullptr ? 0 : piece.record->site] += piece.count;
    }
    result.names = names.size();
    for (const auto& [site, count] : sites) result.stacks.push_back({site, count, &stacks_.of(site)});
    std::stable_sort(result.stacks.begin(), result.stacks.end(),
                     [](const Share& a, const Share& b) { return a.references > b.references; });
    result.call = result.stacks[0].stack->call;
    count_released(pieces, sites, result);
    measure_rate(pieces, result);
    describe_message(pieces, result);
    describe_ends(names, result);
    result.next = advice(result);
    return result;
  }

  // A name with two rights counts where this acquisition put it: a call that makes ports made the receive
  // right.
  uint32_t leading_right(const NameInfo& name, const Piece& piece) const {
    if (!name.has(MACH_PORT_TYPE_RECEIVE)) return name.type;
    if (!name.has(MACH_PORT_TYPE_SEND)) return MACH_PORT_TYPE_RECEIVE;
    const std::string& call = stacks_.of(piece.record == nullptr ? 0 : piece.record->site).call;
    const bool made = call.find("allocate") != std::string::npos ||
                      call.find("construct") != std::string::npos ||
                      call.find("check_in") != std::string::npos;
    return made ? MACH_PORT_TYPE_RECEIVE : MACH_PORT_TYPE_SEND;
  }

  // A site's total counts all tasks. It is this task's where no other has acquired there, as far as is known.
  void count_released(const std::vector<Piece>& pieces, const std::map<uint32_t, uint64_t>& sites,
                      Finding& result) {
    uint64_t lost = 0;
    for (const Piece& piece : pieces)
      if (piece.record != nullptr) result.acquired += piece.record->acquired;
    bool counted = !sites.contains(0);
    uint64_t total = 0;
    for (const auto& [site, count] : sites) {
      const auto found = snapshot_.sites.find(site);
      if (found == snapshot_.sites.end() || found->second.acquired == 0) counted = false;
      if (found != snapshot_.sites.end()) total += found->second.acquired;
    }
    if (counted) {
      result.acquired = std::max(total, result.references);
      lost = result.acquired - result.references;
      result.released = lost;
    } else {
      result.acquired = std::max(result.acquired, result.references);
      if (result.acquired > result.references) result.released = result.acquired - result.references;
    }
  }

  void measure_rate(const std::vector<Piece>& pieces, Finding& result) const {
    uint64_t first = UINT64_MAX, last = 0;
    for (const Piece& piece : pieces) {
      if (piece.record == nullptr || piece.record->when_ns == 0) continue;
      first = std::min(first, piece.record->when_ns);
      last = std::max(last, piece.record->when_ns);
    }
    const uint64_t end = snapshot_.taken_ns;
    if (last <= first || end <= first || end - first < 200'000'000) return;
    const double seconds = static_cast<double>(end - first) / 1e9;
    Rate rate;
    rate.names = static_cast<double>(result.names) / seconds;
    rate.references = static_cast<double>(result.references) / seconds;
    rate.from = first > task_.joined_ns ? static_cast<double>(first - task_.joined_ns) / 1e9 : 0;
    // What came within a tenth of the time does not tell how it goes on.
    if (last - first < (end - first) / 10) return;
    result.rate = rate;
    if (result.kind != Kind::piled || result.names < 3) return;
    uint64_t late = 0;
    for (const Piece& piece : pieces)
      if (piece.record != nullptr && piece.record->when_ns >= first + (end - first) / 2) late += piece.count;
    result.growing = late * 4 >= result.references && last - first >= (end - first) / 2;
  }

  void describe_message(const std::vector<Piece>& pieces, Finding& result) const {
    const Acquired* record = pieces[0].record;
    if (record == nullptr || record->sender_pid == 0) return;
    for (const Piece& piece : pieces)
      if (piece.record == nullptr || piece.record->message_id != record->message_id ||
          piece.record->sender_pid != record->sender_pid)
        return;
    Message message;
    message.id = record->message_id;
    message.sender_pid = record->sender_pid;
    if (const TaskInfo* sender = snapshot_.task_of_pid(record->sender_pid)) message.sender = sender->program;
    result.message = message;
  }

  void describe_ends(const std::unordered_set<const NameInfo*>& names, Finding& result) const {
    std::map<std::string, OtherEnd> ends;
    std::string only;
    bool mixed = false, any = false;
    for (const NameInfo* name : names) {
      OtherEnd end = other_end(*name);
      if (end.kobject == "THREAD-CONTROL" && end.pid == 0 && result.call == "mach_thread_self")
        name_task(end, task_.pid);
      const std::string word = end.kobject;
      if (name->port != 0 || name->was_kobject != 0) {
        if (any && word != only) mixed = true;
        only = word;
        any = true;
      }
      const std::string key =
          end.kobject + '\n' + std::to_string(end.pid) + '\n' + end.program + '\n' + end.service;
      auto [at, fresh] = ends.try_emplace(key, end);
      if (!fresh) {
        at->second.live += end.live;
        at->second.ended += end.ended;
        at->second.waiting += end.waiting;
      }
    }
    if (any && !mixed) result.kobject = only;
    for (auto& [key, end] : ends) result.others.push_back(std::move(end));
    std::stable_sort(result.others.begin(), result.others.end(), [](const OtherEnd& a, const OtherEnd& b) {
      return a.live + a.ended > b.live + b.ended;
    });
  }

  void name_task(OtherEnd& end, uint32_t pid) const {
    end.pid = pid;
    const TaskInfo* task = snapshot_.task_of_pid(pid);
    if (task == nullptr) {  // dead names know 24 bits of it
      for (const TaskInfo& candidate : snapshot_.tasks)
        if (pid != 0 && (candidate.pid & 0xffffff) == pid) task = &candidate;
    }
    if (task == nullptr) return;
    end.pid = task->pid;
    end.program = task->program;
    end.self = task == &task_;
  }

  OtherEnd other_end(const NameInfo& name) const {
    OtherEnd end;
    const PortInfo* port = snapshot_.port(name.port);
    if (port == nullptr) {
      // What died at the very end died with the task.
      const bool at_end = name.died_ns != 0 && snapshot_.taken_ns < name.died_ns + kDying;
      (at_end ? end.live : end.ended) = 1;
      if (name.was_kobject != 0) end.kobject = kobject_word(name.was_kobject);
      name_task(end, name.was_pid);
      return end;
    }
    (port->active || port->is_set ? end.live : end.ended) = 1;
    end.waiting = port->waiting ? 1 : 0;
    end.service = port->service;
    if (port->kobject != 0) {
      end.kobject = kobject_word(port->kobject);
      name_task(end, port->kobject_pid);
      return end;
    }
    if (name.has(MACH_PORT_TYPE_RECEIVE)) {
      for (const End& other : ends_.of(name.port)) {
        if (other.name == &name) continue;
        name_task(end, other.task->pid);
        end.right = other.name->type & (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_SEND_ONCE);
        break;
      }
      return end;
    }
    if (const End* receiver = ends_.receiver(name.port)) {
      name_task(end, receiver->task->pid);
      end.right = MACH_PORT_TYPE_RECEIVE;
    }
    return end;
  }

  const Snapshot& snapshot_;
  const TaskInfo& task_;
  const Ends ends_;
  Stacks& stacks_;
  const LeakOptions options_;
  std::vector<Suppression>& suppressions_;
  std::map<std::string, Group> groups_;
  std::vector<Group> dead_;
};

constexpr const char* kKindWords[] = {"piled", "dead", "unanswered", "held"};

}  // namespace

const char* kind_word(Kind kind) { return kKindWords[static_cast<size_t>(kind)]; }

std::optional<Kind> parse_kind(const std::string& word) {
  for (const Kind kind : {Kind::piled, Kind::dead, Kind::unanswered, Kind::held})
    if (word == kind_word(kind)) return kind;
  return std::nullopt;
}

std::vector<Finding> find_leaks(const Snapshot& snapshot, const TaskInfo& task, Stacks& stacks,
                                const LeakOptions& options, std::vector<Suppression>& suppressions) {
  return Sorter(snapshot, task, stacks, options, suppressions).run();
}

}  // namespace portolan::inspect
