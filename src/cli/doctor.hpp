// SPDX-License-Identifier: Apache-2.0
// What `portolan doctor poll` has found, and how it is said.
#pragma once

#include <string>
#include <vector>

#include "cli/json.hpp"
#include "inspect/poll_record.hpp"
#include "inspect/symbols.hpp"

namespace portolan::cli {

// A process, and what its polls lost that matters.
struct Patient {
  inspect::PollRecord record;
  std::vector<inspect::PollLoss> found;  // a subscription gone for good, or never made
  uint64_t told_late = 0;                // times that a call was blind for a while, and then returned
  uint64_t early = 0;                    // times that poll returned 0 before its time
  uint64_t replaced = 0;                 // entries that a later one of the same descriptor silenced
};

// Sorts a record's losses.
Patient examine(inspect::PollRecord record);

class DoctorReport {
 public:
  DoctorReport(bool colours, bool quiet) : colours_(colours), quiet_(quiet) {}

  std::string finding(const Patient& patient, const inspect::PollLoss& loss);
  std::string notes(const Patient& patient) const;
  std::string summary(const std::vector<Patient>& patients, const std::string& ending) const;
  Json json(const std::vector<Patient>& patients);

 private:
  inspect::Frame where(const inspect::PollLoss& loss);

  bool colours_, quiet_;
  inspect::Symbols symbols_;
};

}  // namespace portolan::cli
