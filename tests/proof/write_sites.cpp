// SPDX-License-Identifier: Apache-2.0
#include "proof/write_sites.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>

namespace portolan::proof {

namespace {

constexpr std::string_view kLayers[] = {"segment/",   "ipc/",     "task/", "vm/",
                                        "bootstrap/", "kobject/", "traps/"};
constexpr std::string_view kCells = "segment/cell.hpp", kRaw = "segment/raw.hpp",
                           kTransactions = "segment/txn.hpp";
// What writes, of cell.hpp: the operations themselves, and what is made of them there.
constexpr std::string_view kWords[] = {"store_relaxed", "store",    "exchange",
                                       "fetch_add",     "fetch_or", "compare_exchange"};
constexpr std::string_view kBytes[] = {"raw_copy", "raw_clear", "raw_copy_in"};
constexpr std::string_view kMadeOfWords[] = {"init", "try_acquire", "mark_contended", "release",
                                             "release_from"};
constexpr std::string_view kLogged[] = {"set", "add"};

template <size_t N>
bool one_of(const std::string_view (&list)[N], std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

// The path below src/ of a file of the kernel; empty for any other.
std::string_view kernel_file(const char* path) {
  if (path == nullptr) return {};
  const std::string_view whole = path;
  const size_t at = whole.rfind("src/");
  if (at == std::string_view::npos || (at != 0 && whole[at - 1] != '/')) return {};
  const std::string_view rest = whole.substr(at + 4);
  for (std::string_view layer : kLayers)
    if (rest.substr(0, layer.size()) == layer) return rest;
  return {};
}

struct Place {
  std::string_view file;  // empty: not of the kernel
  unsigned line = 0;
  bool operator<(const Place& other) const { return std::tie(file, line) < std::tie(other.file, other.line); }
};

uint64_t number(Dwarf_Die* die, unsigned which) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (dwarf_attr_integrate(die, which, &attribute) == nullptr) return 0;
  if (dwarf_formudata(&attribute, &value) == 0) return value;
  Dwarf_Addr address = 0;
  return dwarf_formaddr(&attribute, &address) == 0 ? address : 0;
}

bool referred(Dwarf_Die* die, unsigned which, Dwarf_Die* to) {
  Dwarf_Attribute attribute;
  return dwarf_attr(die, which, &attribute) != nullptr && dwarf_formref_die(&attribute, to) != nullptr;
}

// Without the arguments of a template.
std::string_view name_of(Dwarf_Die* die) {
  const char* name = dwarf_diename(die);
  const std::string_view whole = name == nullptr ? "" : name;
  return whole.substr(0, whole.find('<'));
}

// The calls that lead to an instruction, the innermost last.
using Calls = std::vector<Place>;

class Reader {
 public:
  KernelCode read(Dwarf* dwarf) {
    Dwarf_CU* unit = nullptr;
    Dwarf_Die die;
    uint8_t kind = 0;
    while (dwarf_get_units(dwarf, unit, &unit, nullptr, &kind, &die, nullptr) == 0) {
      if (kernel_file(dwarf_diename(&die)).empty()) continue;
      unit_ = die;
      if (dwarf_getsrcfiles(&unit_, &files_, nullptr) != 0) continue;
      take_ranges(&unit_, code_.kernel);
      Calls none;
      walk(&unit_, none);
    }
    for (auto& [place, ranges] : sites_)
      code_.sites.push_back({std::string(place.file), place.line, function_at(place), std::move(ranges)});
    return std::move(code_);
  }

 private:
  void walk(Dwarf_Die* parent, Calls& calls) {
    Dwarf_Die die;
    if (dwarf_child(parent, &die) != 0) return;
    do {
      switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
          remember_function(&die);
          // An abstract one has no code of its own; of what the linker left out there is no address.
          if (has_code(&die)) {
            Calls none;
            walk(&die, none);
          } else {
            walk_types(&die);
          }
          break;
        case DW_TAG_inlined_subroutine:
          calls.push_back(called_from(&die));
          if (is_word(&die)) {
            std::vector<CodeRange> ranges;
            take_ranges(&die, ranges);
            note(calls, ranges);
          } else {
            walk(&die, calls);
          }
          calls.pop_back();
          break;
        case DW_TAG_call_site:
        case DW_TAG_GNU_call_site:
          note_call(&die, calls);
          break;
        case DW_TAG_lexical_block:
        case DW_TAG_namespace:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
          walk(&die, calls);
          break;
        default:
          break;
      }
    } while (dwarf_siblingof(&die, &die) == 0);
  }

  // Lambdas' functions may stand in the types within an abstract function.
  void walk_types(Dwarf_Die* function) {
    Dwarf_Die die;
    if (dwarf_child(function, &die) != 0) return;
    Calls none;
    do {
      const int tag = dwarf_tag(&die);
      if (tag == DW_TAG_structure_type || tag == DW_TAG_class_type)
        walk(&die, none);
      else if (tag == DW_TAG_lexical_block)
        walk_types(&die);
    } while (dwarf_siblingof(&die, &die) == 0);
  }

  bool has_code(Dwarf_Die* die) {
    std::vector<CodeRange> ranges;
    take_ranges(die, ranges);
    return !ranges.empty();
  }

  static void take_ranges(Dwarf_Die* die, std::vector<CodeRange>& ranges) {
    Dwarf_Addr base, begin, end;
    ptrdiff_t at = 0;
    while ((at = dwarf_ranges(die, at, &base, &begin, &end)) > 0)
      if (begin > 0x100 && end > begin) ranges.push_back({begin, end});
  }

  Place called_from(Dwarf_Die* inlined) {
    Dwarf_Attribute attribute;
    Dwarf_Word file = 0, line = 0;
    if (dwarf_attr(inlined, DW_AT_call_file, &attribute) != nullptr) dwarf_formudata(&attribute, &file);
    if (dwarf_attr(inlined, DW_AT_call_line, &attribute) != nullptr) dwarf_formudata(&attribute, &line);
    return {intern(dwarf_filesrc(files_, file, nullptr, nullptr)), static_cast<unsigned>(line)};
  }

  static bool is_word(Dwarf_Die* die) {
    const std::string_view file = kernel_file(dwarf_decl_file(die)), name = name_of(die);
    return (file == kCells && one_of(kWords, name)) || (file == kRaw && one_of(kBytes, name));
  }

  // A call of an operation that is not inlined: the instruction is the site's.
  void note_call(Dwarf_Die* site, Calls& calls) {
    Dwarf_Die callee;
    if (!referred(site, DW_AT_call_origin, &callee) && !referred(site, DW_AT_abstract_origin, &callee))
      return;
    const std::string_view file = kernel_file(dwarf_decl_file(&callee)), name = name_of(&callee);
    const bool writes = (file == kCells && (one_of(kWords, name) || one_of(kMadeOfWords, name))) ||
                        (file == kRaw && one_of(kBytes, name)) ||
                        (file == kTransactions && one_of(kLogged, name));
    if (!writes) return;
    const uint64_t back = number(site, DW_AT_call_return_pc), tail = number(site, DW_AT_call_pc);
    uint64_t call = back != 0 ? back - 1 : tail;
    if (call == 0) call = number(site, DW_AT_low_pc) - 1;
    Dwarf_Line* line = dwarf_getsrc_die(&unit_, call);
    if (line == nullptr) return;
    int number_of_line = 0;
    dwarf_lineno(line, &number_of_line);
    calls.push_back({intern(dwarf_linesrc(line, nullptr, nullptr)), static_cast<unsigned>(number_of_line)});
    note(calls, {{call + 1 - kCallLength, call + 1}});
    calls.pop_back();
  }

  void note(const Calls& calls, const std::vector<CodeRange>& ranges) {
    if (ranges.empty()) return;
    size_t i = calls.size();
    auto outside = [&](bool transactions) -> const Place* {
      while (i-- != 0)
        if (calls[i].file != kCells && !(transactions && calls[i].file == kTransactions)) return &calls[i];
      return nullptr;
    };
    const Place* place = outside(false);
    if (place == nullptr) return;
    add(*place, ranges);
    if (place->file != kTransactions) return;
    place = outside(true);
    if (place != nullptr) add(*place, ranges);
  }

  void add(const Place& place, const std::vector<CodeRange>& ranges) {
    auto& known = sites_[place];
    known.insert(known.end(), ranges.begin(), ranges.end());
  }

  void remember_function(Dwarf_Die* die) {
    const std::string_view file = intern(dwarf_decl_file(die)), name = name_of(die);
    int line = 0;
    if (file.empty() || name.empty() || name == "operator()" || name == "_FUN") return;
    if (dwarf_decl_line(die, &line) != 0) return;
    Dwarf_Attribute attribute;
    if (dwarf_attr(die, DW_AT_declaration, &attribute) != nullptr) return;
    functions_[{file, static_cast<unsigned>(line)}] = name;
  }

  // The function that begins last before a line: lambdas belong to the one they stand in.
  std::string function_at(const Place& place) const {
    auto after = functions_.upper_bound(place);
    if (after == functions_.begin()) return "";
    --after;
    return after->first.file == place.file ? after->second : "";
  }

  std::string_view intern(const char* path) {
    const std::string_view file = kernel_file(path);
    return file.empty() ? file : std::string_view(*names_.emplace(file).first);
  }

#if defined(__x86_64__)
  static constexpr unsigned kCallLength = 5;
#else
  static constexpr unsigned kCallLength = 4;
#endif

  Dwarf_Die unit_{};
  Dwarf_Files* files_ = nullptr;
  std::set<std::string> names_;
  std::map<Place, std::string> functions_;
  std::map<Place, std::vector<CodeRange>> sites_;
  KernelCode code_;
};

}  // namespace

const KernelCode& kernel_code() {
  static const KernelCode* known = [] {
    auto* code = new KernelCode;
    const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    Dwarf* dwarf = fd < 0 ? nullptr : dwarf_begin(fd, DWARF_C_READ);
    if (dwarf != nullptr) *code = Reader().read(dwarf);
    if (dwarf != nullptr) dwarf_end(dwarf);
    if (fd >= 0) close(fd);
    return code;
  }();
  return *known;
}

}  // namespace portolan::proof
