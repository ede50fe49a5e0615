// SPDX-License-Identifier: Apache-2.0
// The files that stacks point into: a process-private map from addresses to files, and the domain's list of
// Modules (root kRootModules, linked by `next`, under the carve lock of the zone of modules; only ever added
// to, at the head).
//
// The private map is written only inside dl_iterate_phdr, whose lock the dynamic linker mends after fork; it
// is read without a lock. If we die here: a Module is linked by the commit that allocates it, or not at all.
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "segment/no_cancel.hpp"
#include "segment/raw.hpp"
#include "traps/sites.hpp"

namespace portolan::detail {

namespace {

using ipc::Module;

constexpr unsigned kMapped = 2048;
Mapped g_mapped[kMapped];
Hint<uint32_t> g_mapped_count;

// Keeps the end of a path that is too long: it says more than the beginning.
void copy_path(char (&to)[sizeof(Mapped::path)], const char* from) {
  const size_t length = strlen(from);
  memset(to, 0, sizeof to);
  if (length < sizeof to) {
    memcpy(to, from, length);
  } else {
    memcpy(to, "...", 3);
    memcpy(to + 3, from + length - (sizeof to - 4), sizeof to - 4);
  }
}

// The file mapped at `address`, as /proc/self/maps has it, for names that the dynamic linker knows only as
// relative.
bool path_from_maps(char (&to)[sizeof(Mapped::path)], uintptr_t address) {
  const NoCancel no_cancel;
  const int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char line[4352];
  size_t used = 0;
  bool found = false;
  char part[512];
  for (ssize_t got; !found && (got = read(file, part, sizeof part)) > 0;) {
    for (ssize_t i = 0; i < got && !found; i++) {
      if (part[i] != '\n') {
        if (used + 1 < sizeof line) line[used++] = part[i];
        continue;
      }
      line[used] = 0;
      used = 0;
      uintptr_t bound[2] = {0, 0};
      const char* at = line;
      for (uintptr_t& value : bound) {
        for (; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
          value = value << 4 | static_cast<uintptr_t>(*at <= '9' ? *at - '0' : *at - 'a' + 10);
        at++;
      }
      if (address < bound[0] || address >= bound[1]) continue;
      if (const char* name = strchr(line, '/')) {
        copy_path(to, name);
        found = true;
      }
    }
  }
  close(file);
  return found;
}

void find_build_id(Mapped& mapped, const dl_phdr_info& info, const ElfW(Phdr) & segment) {
  const auto* at = reinterpret_cast<const char*>(info.dlpi_addr + segment.p_vaddr);
  const char* const end = at + segment.p_memsz;
  auto padded = [](uint32_t size) { return (size_t{size} + 3) & ~size_t{3}; };
  while (static_cast<size_t>(end - at) >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    memcpy(&note, at, sizeof note);
    at += sizeof note;
    const size_t name = padded(note.n_namesz), content = padded(note.n_descsz);
    if (name + content > static_cast<size_t>(end - at)) return;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(at, "GNU", 4) == 0) {
      mapped.build_id_length = note.n_descsz < sizeof mapped.build_id
                                   ? note.n_descsz
                                   : static_cast<uint32_t>(sizeof mapped.build_id);
      memcpy(mapped.build_id, at + name, mapped.build_id_length);
      return;
    }
    at += name + content;
  }
}

struct Range {
  uintptr_t start, end;
};

Range range_of(const dl_phdr_info& info) {
  Range range = {UINTPTR_MAX, 0};
  for (unsigned i = 0; i < info.dlpi_phnum; i++) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    const uintptr_t start = info.dlpi_addr + segment.p_vaddr, end = start + segment.p_memsz;
    if (start < range.start) range.start = start;
    if (end > range.end) range.end = end;
  }
  return range;
}

int add_loaded(dl_phdr_info* info, size_t, void*) {
  const Range range = range_of(*info);
  if (range.end == 0) return 0;
  const uint32_t count = g_mapped_count.load();
  for (uint32_t i = 0; i < count; i++) {
    Mapped& known = g_mapped[i];
    if (load_relaxed(known.end) == 0) continue;
    if (known.start == range.start && known.end == range.end) return 0;
    if (known.start < range.end && range.start < known.end) {  // was unloaded
      store_relaxed(known.end, uintptr_t{0});
      sites_forget();
    }
  }
  if (count == kMapped) return 1;
  Mapped& fresh = g_mapped[count];
  fresh.start = range.start;
  fresh.end = range.end;
  fresh.bias = info->dlpi_addr;
  fresh.known.store(0);
  fresh.build_id_length = 0;
  for (unsigned i = 0; i < info->dlpi_phnum && fresh.build_id_length == 0; i++)
    if (info->dlpi_phdr[i].p_type == PT_NOTE) find_build_id(fresh, *info, info->dlpi_phdr[i]);
  const char* name = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  if (name[0] == '/') {
    copy_path(fresh.path, name);
  } else if (!path_from_maps(fresh.path, range.start)) {
    copy_path(fresh.path, name[0] == 0 ? "[unknown]" : name);
  }
  g_mapped_count.store(count + 1, std::memory_order_release);
  return 0;
}

Mapped* look(uintptr_t pc) {
  const uint32_t count = g_mapped_count.load(std::memory_order_acquire);
  for (uint32_t i = count; i-- > 0;)
    if (pc >= g_mapped[i].start && pc < load_relaxed(g_mapped[i].end)) return &g_mapped[i];
  return nullptr;
}

bool same(const Module& module, const Mapped& mapped) {
  return module.allocated() && module.build_id_length == mapped.build_id_length &&
         memcmp(module.build_id, mapped.build_id, mapped.build_id_length) == 0 &&
         strncmp(module.path, mapped.path, sizeof mapped.path) == 0;
}

}  // namespace

Mapped* module_at(uintptr_t pc) {
  if (Mapped* found = look(pc)) return found;
  dl_iterate_phdr(add_loaded, nullptr);
  return look(pc);
}

uint32_t module_index(Thread& self, Mapped& mapped, uint32_t salt) {
  const uint64_t known = mapped.known.load();
  if (known >> 32 == salt) return static_cast<uint32_t>(known);
  Segment& segment = self.segment();
  if (segment.zone(ipc::kZoneModule).element_size == 0) return 0;
  Cell<uint32_t>& root = segment.header().roots[ipc::kRootModules];
  for (unsigned attempt = 0; attempt < 64; attempt++) {
    const uint32_t first = root;
    std::atomic_thread_fence(std::memory_order_acquire);
    uint32_t at = first, steps = 0;
    while (segment.plausible(ipc::kZoneModule, at) && !same(segment.at(Handle<Module>{at}), mapped))
      at = ++steps < segment.zone(ipc::kZoneModule).capacity ? segment.at(Handle<Module>{at}).next.get() : 0;
    uint32_t result = 0;
    constexpr int kAgain = 1, kNone = 2;
    const int code = transact(
        self, Needs{}.with<Module>(),
        [&](Txn& txn) {
          txn.acquire(segment.zone(ipc::kZoneModule).carve_lock);
          if (segment.plausible(ipc::kZoneModule, at)) {
            if (!same(segment.at(Handle<Module>{at}), mapped)) return kAgain;
            result = at;
            return 0;
          }
          if (root != first) return kAgain;
          const Handle<Module> made = txn.allocate<Module>();
          Module& module = segment.at(made);
          module.next.init(first);
          raw_copy(&module.build_id_length, &mapped.build_id_length, sizeof module.build_id_length);
          raw_copy(module.build_id, mapped.build_id, sizeof module.build_id);
          raw_copy(module.path, mapped.path, sizeof module.path);
          std::atomic_thread_fence(std::memory_order_release);
          txn.set(root, made.index);
          result = made.index;
          return 0;
        },
        kNone);
    if (code == kNone) return 0;
    if (code != 0) continue;
    mapped.known.store(uint64_t{salt} << 32 | result);
    return result;
  }
  return 0;
}

}  // namespace portolan::detail
