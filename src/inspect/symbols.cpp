// SPDX-License-Identifier: Apache-2.0
// One Dwfl session for each module: sessions share nothing that we could use, and a broken file spoils only
// its own.
#include "inspect/symbols.hpp"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <set>

namespace portolan::inspect {

namespace {

char* g_no_path = nullptr;

// libdwfl's own search for separate debugging information: beside the file, .debug/, /usr/lib/debug by
// build-id.
const Dwfl_Callbacks kCallbacks = {.find_elf = dwfl_linux_proc_find_elf,
                                   .find_debuginfo = dwfl_standard_find_debuginfo,
                                   .section_address = dwfl_offline_section_address,
                                   .debuginfo_path = &g_no_path};

std::string demangled(const char* name) {
  if (name == nullptr) return {};
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return result;
}

std::string in_hex(const unsigned char* bytes, int count) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < count; i++) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

// "base::" and the like, from the places where the definition stands.
std::string scope_of(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  Dwarf_Die definition = *die;
  for (const unsigned link :
       {static_cast<unsigned>(DW_AT_abstract_origin), static_cast<unsigned>(DW_AT_specification)})
    if (dwarf_attr(&definition, link, &attribute) != nullptr) dwarf_formref_die(&attribute, &definition);
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes_die(&definition, &scopes);
  std::string scope;
  for (int i = 1; i < count; i++) {
    const int tag = dwarf_tag(&scopes[i]);
    if (tag != DW_TAG_namespace && tag != DW_TAG_structure_type && tag != DW_TAG_class_type) continue;
    const char* name = dwarf_diename(&scopes[i]);
    scope = std::string(name == nullptr ? "(anonymous namespace)" : name) + "::" + scope;
  }
  std::free(scopes);
  return scope;
}

// The unit that covers an address, also where the compiler wrote no table of address ranges.
Dwarf_Die* unit_at(Dwfl_Module* module, GElf_Addr address, Dwarf_Addr* bias) {
  if (Dwarf_Die* unit = dwfl_module_addrdie(module, address, bias)) return unit;
  for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module, unit, bias)) != nullptr;)
    if (dwarf_haspc(unit, address - *bias) == 1) return unit;
  return nullptr;
}

// The name of a function's entry: the mangled one, which tells overloads apart, or the plain one.
std::string name_of(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  for (const unsigned which :
       {static_cast<unsigned>(DW_AT_linkage_name), static_cast<unsigned>(DW_AT_MIPS_linkage_name)})
    if (dwarf_attr_integrate(die, which, &attribute) != nullptr)
      if (const char* name = dwarf_formstring(&attribute)) return demangled(name);
  if (dwarf_attr_integrate(die, DW_AT_name, &attribute) != nullptr)
    if (const char* name = dwarf_formstring(&attribute)) return scope_of(die) + name;
  return {};
}

std::string directory_of(Dwarf_Die* unit) {
  Dwarf_Attribute attribute;
  if (dwarf_attr(unit, DW_AT_comp_dir, &attribute) == nullptr) return {};
  const char* directory = dwarf_formstring(&attribute);
  return directory == nullptr ? std::string() : directory;
}

std::string call_file(Dwarf_Die* unit, Dwarf_Die* inlined) {
  Dwarf_Attribute attribute;
  Dwarf_Word index = 0;
  Dwarf_Files* files = nullptr;
  if (dwarf_attr(inlined, DW_AT_call_file, &attribute) == nullptr || dwarf_formudata(&attribute, &index) != 0)
    return {};
  if (dwarf_getsrcfiles(unit, &files, nullptr) != 0) return {};
  const char* name = dwarf_filesrc(files, index, nullptr, nullptr);
  return name == nullptr ? std::string() : name;
}

uint32_t call_line(Dwarf_Die* inlined) {
  Dwarf_Attribute attribute;
  Dwarf_Word line = 0;
  if (dwarf_attr(inlined, DW_AT_call_line, &attribute) == nullptr || dwarf_formudata(&attribute, &line) != 0)
    return 0;
  return static_cast<uint32_t>(line);
}

}  // namespace

struct Symbols::Module {
  Dwfl* session = nullptr;
  Dwfl_Module* module = nullptr;
  GElf_Addr bias = 0;
};

struct Symbols::State {
  std::map<std::string, Module> modules;  // by path and build-id
  std::set<std::string> no_lines, changed;

  Module& open(const ModuleInfo& info) {
    auto [at, fresh] = modules.try_emplace(info.path + '\n' + info.build_id);
    Module& module = at->second;
    if (!fresh || info.path.empty() || info.path[0] != '/') return module;
    module.session = dwfl_begin(&kCallbacks);
    if (module.session == nullptr) return module;
    dwfl_report_begin(module.session);
    module.module = dwfl_report_elf(module.session, info.path.c_str(), info.path.c_str(), -1, 0, true);
    dwfl_report_end(module.session, nullptr, nullptr);
    if (module.module == nullptr) return module;
    const unsigned char* id = nullptr;
    GElf_Addr address = 0;
    if (dwfl_module_getelf(module.module, &module.bias) == nullptr) {
      module.module = nullptr;
      return module;
    }
    const int length = dwfl_module_build_id(module.module, &id, &address);
    if (length > 0 && !info.build_id.empty() &&
        in_hex(id, length).compare(0, info.build_id.size(), info.build_id) != 0) {
      changed.insert(info.path);
      module.module = nullptr;
    }
    return module;
  }
};

Symbols::Symbols() : state_(std::make_unique<State>()) {}

Symbols::~Symbols() {
  for (auto& [key, module] : state_->modules)
    if (module.session != nullptr) dwfl_end(module.session);
}

std::vector<Frame> Symbols::resolve(const ModuleInfo& info, uint64_t return_address) {
  Frame base;
  base.module = info.path;
  base.build_id = info.build_id;
  base.offset = return_address;
  Module& opened = state_->open(info);
  if (opened.module == nullptr) return {base};
  const GElf_Addr address = return_address - 1 + opened.bias;

  if (const char* symbol = dwfl_module_addrname(opened.module, address)) base.function = demangled(symbol);
  Dwarf_Addr dwarf_bias = 0;
  Dwarf_Die* unit = unit_at(opened.module, address, &dwarf_bias);
  if (unit == nullptr) {
    if (dwfl_module_nextcu(opened.module, nullptr, &dwarf_bias) == nullptr)
      state_->no_lines.insert(info.path);
    return {base};
  }
  base.directory = directory_of(unit);
  std::string file;
  int line = 0;
  if (Dwarf_Line* found = dwarf_getsrc_die(unit, address - dwarf_bias)) {
    if (const char* name = dwarf_linesrc(found, nullptr, nullptr)) file = name;
    dwarf_lineno(found, &line);
  }

  // Innermost scope first; each inlined call says where it was called from, which is the next frame's place.
  std::vector<Frame> frames;
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes(unit, address - dwarf_bias, &scopes);
  for (int i = 0; i < count; i++) {
    const int tag = dwarf_tag(&scopes[i]);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
    Frame frame = base;
    if (std::string name = name_of(&scopes[i]); !name.empty()) frame.function = std::move(name);
    frame.file = file;
    frame.line = line > 0 ? static_cast<uint32_t>(line) : 0;
    frame.inlined = tag == DW_TAG_inlined_subroutine;
    frames.push_back(frame);
    if (!frame.inlined) break;
    file = call_file(unit, &scopes[i]);
    line = static_cast<int>(call_line(&scopes[i]));
  }
  // dwarf_getscopes gives the scopes of an inlined function by its definition; the calling function may be
  // missing.
  if (frames.empty() || frames.back().inlined) {
    Dwarf_Die* tree = nullptr;
    const int n = frames.empty() ? 0 : dwarf_getscopes_die(&scopes[0], &tree);
    for (int i = 0; i < n; i++) {
      if (dwarf_tag(&tree[i]) != DW_TAG_subprogram) continue;
      base.function = name_of(&tree[i]);
      break;
    }
    std::free(tree);
    base.file = file;
    base.line = line > 0 ? static_cast<uint32_t>(line) : 0;
    frames.push_back(base);
  }
  std::free(scopes);
  return frames;
}

std::vector<std::string> Symbols::without_lines() const {
  return {state_->no_lines.begin(), state_->no_lines.end()};
}

std::vector<std::string> Symbols::changed() const { return {state_->changed.begin(), state_->changed.end()}; }

std::string base_name(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string function_text(const Frame& frame) {
  if (frame.function.empty()) {
    char offset[32];
    snprintf(offset, sizeof offset, "+0x%llx", static_cast<unsigned long long>(frame.offset));
    return (frame.module.empty() ? std::string("[generated code]") : base_name(frame.module)) + offset;
  }
  return frame.function.find('(') == std::string::npos ? frame.function + "()" : frame.function;
}

// Instances of templates are demangled with their result type in front.
static std::string without_result(const std::string& name) {
  int depth = 0;
  for (size_t i = name.size(); i-- > 0;) {
    if (name[i] == ')' || name[i] == '>') depth++;
    if (name[i] == '(' || name[i] == '<') depth--;
    if (name[i] == ' ' && depth == 0)
      return name.find("operator") == std::string::npos ? name.substr(i + 1) : name;
  }
  return name;
}

std::string function_name(const Frame& frame) {
  const std::string& text = frame.function;
  // The parameters begin at the last '(' of nesting depth 0 that is not "(anonymous namespace)" or
  // "operator()".
  int depth = 0;
  for (size_t i = text.size(); i-- > 0;) {
    if (text[i] == ')' || text[i] == '>') depth++;
    if (text[i] == '<') depth--;
    if (text[i] != '(') continue;
    if (--depth == 0 && i != 0 && text.compare(i, 12, "(anonymous n") != 0) {
      const bool call_operator = i >= 8 && text.compare(i - 8, 8, "operator") == 0;
      return without_result(text.substr(0, call_operator ? i + 2 : i));
    }
  }
  return text;
}

std::string place_text(const Frame& frame) {
  if (frame.file.empty()) return {};
  std::string file = frame.file;
  auto strip = [&file](std::string directory) {
    if (directory.empty()) return false;
    if (directory.back() != '/') directory += '/';
    if (file.size() <= directory.size() || file.compare(0, directory.size(), directory) != 0) return false;
    file.erase(0, directory.size());
    return true;
  };
  char buffer[4096];
  const char* here = getcwd(buffer, sizeof buffer);
  if (!strip(here == nullptr ? "" : here)) strip(frame.directory);
  if (file.compare(0, 2, "./") == 0) file.erase(0, 2);
  return frame.line == 0 ? file : file + ":" + std::to_string(frame.line);
}

}  // namespace portolan::inspect
