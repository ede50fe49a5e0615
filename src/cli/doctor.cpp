// SPDX-License-Identifier: Apache-2.0
// portolan doctor poll: which hang-ups does a program lose on Darwin? Runs it under Darwin's poll, or looks
// at one that runs so, and reads what the library has written down. Standard output stays the program's.
#include "cli/doctor.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/command.hpp"
#include "cli/darwin_poll.hpp"
#include "cli/launch.hpp"
#include "cli/terminal.hpp"

namespace portolan::cli {

using namespace inspect;

namespace {

namespace fs = std::filesystem;

// A hang-up that nobody was told for so long is said while the program runs.
constexpr uint64_t kGrace = 1'000'000'000;

// Where the processes under examination keep their records; removed with them.
class Ward {
 public:
  Ward() {
    if (mkdtemp(path_.data()) == nullptr) throw Failure{kCannotStart, "cannot make " + path_, ""};
  }
  ~Ward() {
    std::error_code none;
    fs::remove_all(path_, none);
  }
  Ward(const Ward&) = delete;
  Ward& operator=(const Ward&) = delete;

  const std::string& path() const { return path_; }
  std::vector<Patient> patients() const {
    std::vector<Patient> all;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(path_, none))
      if (std::optional<PollRecord> record = read_poll_record(entry.path().string()))
        all.push_back(examine(std::move(*record)));
    std::sort(all.begin(), all.end(),
              [](const Patient& a, const Patient& b) { return a.record.pid < b.record.pid; });
    return all;
  }

 private:
  std::string path_ = "/dev/shm/portolan-doctor-XXXXXX";
};

uint64_t wall_clock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

class Doctor : public Command {
 public:
  const char* name() const override { return "doctor"; }
  const char* object() const override { return "poll"; }
  const char* summary() const override { return "find the hang-ups that a program loses to Darwin's poll"; }
  const char* question() const override { return "Is it sound"; }
  bool takes_program() const override { return true; }

  void options(Options& options) override {
    options.add("-p,--pid PID", &pid_, "look at this process, which runs under `portolan run --darwin-poll`")
        .at_least(1);
    options.add("--old", &old_, "with the poll of macOS up to 10.14");
    options.add("--seconds N", &seconds_, "end the program (SIGTERM) after so long").more_than(0);
  }

  int run(const Globals& globals, const std::vector<std::string>& program) override {
    if (program.empty() == !pid_)
      throw Failure{kUsage, program.empty() ? "no program and no process given" : "a program, or a process",
                    "portolan doctor poll PROGRAM, or portolan doctor poll -p PID"};
    json_ = globals.json;
    DoctorReport report(colours_on(STDERR_FILENO), globals.quiet);
    return pid_ ? look_at(report, static_cast<int>(*pid_)) : run_program(globals, report, program);
  }

 private:
  int look_at(DoctorReport& report, int pid) {
    if (kill(pid, 0) != 0 && errno == ESRCH)
      throw Failure{kAbsent, "there is no process " + std::to_string(pid), ""};
    const std::optional<std::string> file = poll_record_of(pid);
    if (!file)
      throw Failure{kAbsent, std::to_string(pid) + " does not run under Darwin's poll, or is not yours",
                    "portolan run --darwin-poll PROGRAM"};
    std::vector<Patient> patients;
    std::optional<PollRecord> record = read_poll_record(*file);
    if (record && record->alive) patients.push_back(examine(std::move(*record)));
    return tell(report, patients, patients.empty() ? "it has not polled yet" : "", nullptr, show_text);
  }

  int run_program(const Globals& globals, DoctorReport& report, const std::vector<std::string>& program) {
    const Ward ward;
    Environment settings = {{darwin_poll::kRecordVariable, ward.path()}};
    if (globals.domain) settings.emplace_back("PORTOLAN_DOMAIN", *globals.domain);
    add_darwin_poll(settings, program, old_);
    Child child(program, settings);
    const double begun = seconds_now();
    bool ended_by_us = false;
    const Ending ending = child.wait([&] {
      if (seconds_ && !ended_by_us && seconds_now() - begun > *seconds_) {
        ended_by_us = true;
        kill(child.pid(), SIGTERM);
      }
      if (!json_) tell_early(report, ward);
    });
    const std::vector<Patient> patients = ward.patients();
    std::string words = base_name(program[0]) + " " + ending.text();
    if (patients.empty()) words += "; it never called poll";
    return tell(report, patients, words, &ending, say);
  }

  // A program that hangs for a lost hang-up does not come to its end by itself.
  void tell_early(DoctorReport& report, const Ward& ward) {
    for (const Patient& patient : ward.patients())
      for (const PollLoss& loss : patient.found)
        if (loss.lost_hang_up() && loss.asleep && wall_clock() > loss.hung_up + kGrace)
          tell_once(report, patient, loss, say);
  }

  void tell_once(DoctorReport& report, const Patient& patient, const PollLoss& loss,
                 void (*out)(const std::string&)) {
    if (told_.emplace(patient.record.pid, loss.ticket, loss.lost).second) out(report.finding(patient, loss));
  }

  int tell(DoctorReport& report, const std::vector<Patient>& patients, const std::string& words,
           const Ending* ending, void (*out)(const std::string&)) {
    bool found = false;
    for (const Patient& patient : patients) found = found || !patient.found.empty();
    if (json_) {
      Json json = document("doctor", "", "");
      json.erase("domain");
      json.erase("boot");
      json["exit"] = ending == nullptr ? Json() : Json(ending->status());
      json["processes"] = report.json(patients);
      out(dump(json));
    } else {
      for (const Patient& patient : patients)
        for (const PollLoss& loss : patient.found) tell_once(report, patient, loss, out);
      for (const Patient& patient : patients) out(report.notes(patient));
      out(report.summary(patients, words));
    }
    return found ? kFound : kFine;
  }

  static void show_text(const std::string& text) { show(text, false); }

  std::optional<double> pid_, seconds_;
  bool old_ = false, json_ = false;
  std::set<std::tuple<int, uint64_t, uint64_t>> told_;
};

}  // namespace

std::unique_ptr<Command> make_doctor() { return std::make_unique<Doctor>(); }

}  // namespace portolan::cli
