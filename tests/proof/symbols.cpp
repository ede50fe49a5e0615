// SPDX-License-Identifier: Apache-2.0
#include "proof/symbols.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace portolan::proof {

namespace {

struct Symbol {
  uintptr_t begin, end;
  const char* name;
};

const std::vector<Symbol>& symbols() {
  static const std::vector<Symbol>* known = [] {
    auto* list = new std::vector<Symbol>;
    const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat facts {};
    if (fd < 0 || fstat(fd, &facts) != 0) return list;
    void* memory = mmap(nullptr, static_cast<size_t>(facts.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (memory == MAP_FAILED) return list;
    const char* file = static_cast<const char*>(memory);
    ElfW(Ehdr) header;
    memcpy(&header, file, sizeof header);
    const uintptr_t base = own_code().loaded_at;
    for (unsigned i = 0; i < header.e_shnum; i++) {
      ElfW(Shdr) section, strings;
      memcpy(&section, file + header.e_shoff + i * sizeof section, sizeof section);
      if (section.sh_type != SHT_SYMTAB) continue;
      memcpy(&strings, file + header.e_shoff + section.sh_link * sizeof strings, sizeof strings);
      for (uint64_t at = 0; at + sizeof(ElfW(Sym)) <= section.sh_size; at += sizeof(ElfW(Sym))) {
        ElfW(Sym) symbol;
        memcpy(&symbol, file + section.sh_offset + at, sizeof symbol);
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value == 0) continue;
        list->push_back({base + symbol.st_value, base + symbol.st_value + symbol.st_size,
                         file + strings.sh_offset + symbol.st_name});
      }
    }
    std::sort(list->begin(), list->end(), [](const Symbol& x, const Symbol& y) { return x.begin < y.begin; });
    return list;
  }();
  return *known;
}

std::string bare(const char* name) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string text = status == 0 && demangled != nullptr ? demangled : name;
  free(demangled);
  constexpr std::string_view kUnnamed = "(anonymous namespace)::";
  for (size_t at; (at = text.find(kUnnamed)) != std::string::npos;) text.erase(at, kUnnamed.size());
  const size_t parameters = text.find('(');
  if (parameters != std::string::npos && parameters != 0) text.resize(parameters);
  return text;
}

}  // namespace

// The program itself comes first.
Code own_code() {
  Code code;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        Code& found = *static_cast<Code*>(out);
        found.loaded_at = info->dlpi_addr;
        for (unsigned i = 0; i < info->dlpi_phnum; i++) {
          const ElfW(Phdr)& part = info->dlpi_phdr[i];
          if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
          found.begin = part.p_vaddr;
          found.end = part.p_vaddr + part.p_memsz;
        }
        return 1;
      },
      &code);
  return code;
}

std::string symbol_at(uintptr_t address) {
  char text[64];
  snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(address));
  const auto& list = symbols();
  auto after = std::upper_bound(list.begin(), list.end(), address,
                                [](uintptr_t at, const Symbol& symbol) { return at < symbol.begin; });
  if (after == list.begin()) return text;
  const Symbol& symbol = *--after;
  if (address >= symbol.end) return text;
  snprintf(text, sizeof text, "+%#llx", static_cast<unsigned long long>(address - symbol.begin));
  return bare(symbol.name) + text;
}

}  // namespace portolan::proof
