// SPDX-License-Identifier: Apache-2.0
// Flags and tags of regions of memory, and statistics of all memory.
#ifndef PORTOLAN_MACH_VM_STATISTICS_H_
#define PORTOLAN_MACH_VM_STATISTICS_H_

#include <mach/machine/vm_types.h>
#include <stdint.h>

struct vm_statistics {
  natural_t free_count;
  natural_t active_count;
  natural_t inactive_count;
  natural_t wire_count;
  natural_t zero_fill_count;
  natural_t reactivations;
  natural_t pageins;
  natural_t pageouts;
  natural_t faults;
  natural_t cow_faults;
  natural_t lookups;
  natural_t hits;
  natural_t purgeable_count;
  natural_t purges;
  natural_t speculative_count;
};
typedef struct vm_statistics vm_statistics_data_t;
typedef struct vm_statistics* vm_statistics_t;

struct vm_statistics64 {
  natural_t free_count;
  natural_t active_count;
  natural_t inactive_count;
  natural_t wire_count;
  uint64_t zero_fill_count;
  uint64_t reactivations;
  uint64_t pageins;
  uint64_t pageouts;
  uint64_t faults;
  uint64_t cow_faults;
  uint64_t lookups;
  uint64_t hits;
  uint64_t purges;
  natural_t purgeable_count;
  natural_t speculative_count;
  uint64_t decompressions;
  uint64_t compressions;
  uint64_t swapins;
  uint64_t swapouts;
  natural_t compressor_page_count;
  natural_t throttled_count;
  natural_t external_page_count;
  natural_t internal_page_count;
  uint64_t total_uncompressed_pages_in_compressor;
};
typedef struct vm_statistics64 vm_statistics64_data_t;
typedef struct vm_statistics64* vm_statistics64_t;

#pragma pack(push, 4)
// How often tasks changed other tasks: six counters, of which nothing here counts any.
struct vm_extmod_statistics {
  int64_t counter[6];
};
#pragma pack(pop)
typedef struct vm_extmod_statistics vm_extmod_statistics_data_t;
typedef struct vm_extmod_statistics* vm_extmod_statistics_t;

// What is known about a page.
#define VM_PAGE_QUERY_PAGE_PRESENT      0x1
#define VM_PAGE_QUERY_PAGE_FICTITIOUS   0x2
#define VM_PAGE_QUERY_PAGE_REF          0x4
#define VM_PAGE_QUERY_PAGE_DIRTY        0x8
#define VM_PAGE_QUERY_PAGE_PAGED_OUT    0x10
#define VM_PAGE_QUERY_PAGE_COPIED       0x20
#define VM_PAGE_QUERY_PAGE_SPECULATIVE  0x40
#define VM_PAGE_QUERY_PAGE_EXTERNAL     0x80
#define VM_PAGE_QUERY_PAGE_CS_VALIDATED 0x100
#define VM_PAGE_QUERY_PAGE_CS_TAINTED   0x200
#define VM_PAGE_QUERY_PAGE_CS_NX        0x400
#define VM_PAGE_QUERY_PAGE_REUSABLE     0x800

// Flags of allocation and mapping; the tag is in bits 24 to 31.
#define VM_FLAGS_FIXED               0x0
#define VM_FLAGS_ANYWHERE            0x1
#define VM_FLAGS_PURGABLE            0x2
#define VM_FLAGS_4GB_CHUNK           0x4
#define VM_FLAGS_RANDOM_ADDR         0x8
#define VM_FLAGS_NO_CACHE            0x10
#define VM_FLAGS_RESILIENT_CODESIGN  0x20
#define VM_FLAGS_RESILIENT_MEDIA     0x40
#define VM_FLAGS_PERMANENT           0x80
#define VM_FLAGS_TPRO                0x1000
#define VM_FLAGS_OVERWRITE           0x4000
#define VM_FLAGS_RETURN_DATA_ADDR    0x100000
#define VM_FLAGS_RETURN_4K_DATA_ADDR 0x800000
#define VM_FLAGS_ALIAS_MASK          0xff000000U
#define VM_FLAGS_HW                  0x1000
#define VM_FLAGS_USER_ALLOCATE       0xff07509fU
#define VM_FLAGS_USER_MAP            0xff97509fU
#define VM_FLAGS_USER_REMAP          0x104069
#define SUPERPAGE_NONE               0
#define SUPERPAGE_SIZE_ANY           1
#define SUPERPAGE_SIZE_2MB           2
#define VM_FLAGS_SUPERPAGE_MASK      0x70000
#define VM_FLAGS_SUPERPAGE_SHIFT     16
#define VM_FLAGS_SUPERPAGE_NONE      0x0
#define VM_FLAGS_SUPERPAGE_SIZE_ANY  0x10000
#define VM_FLAGS_SUPERPAGE_SIZE_2MB  0x20000

#define VM_GET_FLAGS_ALIAS(flags, alias) \
  ((alias) = (__typeof__(alias))(((unsigned int)(flags)&VM_FLAGS_ALIAS_MASK) >> 24))
#define VM_SET_FLAGS_ALIAS(flags, alias)                                          \
  ((flags) = (__typeof__(flags))(((unsigned int)(flags) & ~VM_FLAGS_ALIAS_MASK) | \
                                 (((unsigned int)(alias) << 24) & VM_FLAGS_ALIAS_MASK)))
#define VM_MAKE_TAG(tag) ((int)((unsigned int)(tag) << 24))

// EXC_GUARD for memory: the type, and the flavors.
#ifndef GUARD_TYPE_VIRT_MEMORY
#define GUARD_TYPE_VIRT_MEMORY 0x5
#endif

#define kGUARD_EXC_DEALLOC_GAP                1
#define kGUARD_EXC_RECLAIM_COPYIO_FAILURE     2
#define kGUARD_EXC_SEC_LOOKUP_DENIED          3
#define kGUARD_EXC_RECLAIM_INDEX_FAILURE      4
#define kGUARD_EXC_SEC_RANGE_DENIED           6
#define kGUARD_EXC_SEC_ACCESS_FAULT           7
#define kGUARD_EXC_RECLAIM_DEALLOCATE_FAILURE 8
#define kGUARD_EXC_SEC_COPY_DENIED            16
#define kGUARD_EXC_SEC_SHARING_DENIED         32
#define kGUARD_EXC_SEC_ASYNC_ACCESS_FAULT     64

// Who pays for a memory entry.
#define VM_LEDGER_TAG_NONE                    0x0
#define VM_LEDGER_TAG_DEFAULT                 0x1
#define VM_LEDGER_TAG_NETWORK                 0x2
#define VM_LEDGER_TAG_MEDIA                   0x3
#define VM_LEDGER_TAG_GRAPHICS                0x4
#define VM_LEDGER_TAG_NEURAL                  0x5
#define VM_LEDGER_TAG_MAX                     0x5
#define VM_LEDGER_TAG_UNCHANGED               (-1)
#define VM_LEDGER_FLAG_NO_FOOTPRINT           0x1
#define VM_LEDGER_FLAG_NO_FOOTPRINT_FOR_DEBUG 0x2
#define VM_LEDGER_FLAG_FROM_KERNEL            0x4
#define VM_LEDGER_FLAGS_USER                  0x3
#define VM_LEDGER_FLAGS_ALL                   0x7

// Tags.
#define VM_MEMORY_MALLOC                              1
#define VM_MEMORY_MALLOC_SMALL                        2
#define VM_MEMORY_MALLOC_LARGE                        3
#define VM_MEMORY_MALLOC_HUGE                         4
#define VM_MEMORY_SBRK                                5
#define VM_MEMORY_REALLOC                             6
#define VM_MEMORY_MALLOC_TINY                         7
#define VM_MEMORY_MALLOC_LARGE_REUSABLE               8
#define VM_MEMORY_MALLOC_LARGE_REUSED                 9
#define VM_MEMORY_ANALYSIS_TOOL                       10
#define VM_MEMORY_MALLOC_NANO                         11
#define VM_MEMORY_MALLOC_MEDIUM                       12
#define VM_MEMORY_MALLOC_PROB_GUARD                   13
#define VM_MEMORY_MACH_MSG                            20
#define VM_MEMORY_IOKIT                               21
#define VM_MEMORY_STACK                               30
#define VM_MEMORY_GUARD                               31
#define VM_MEMORY_SHARED_PMAP                         32
#define VM_MEMORY_DYLIB                               33
#define VM_MEMORY_OBJC_DISPATCHERS                    34
#define VM_MEMORY_UNSHARED_PMAP                       35
#define VM_MEMORY_APPKIT                              40
#define VM_MEMORY_FOUNDATION                          41
#define VM_MEMORY_COREGRAPHICS                        42
#define VM_MEMORY_CORESERVICES                        43
#define VM_MEMORY_CARBON                              43
#define VM_MEMORY_JAVA                                44
#define VM_MEMORY_COREDATA                            45
#define VM_MEMORY_COREDATA_OBJECTIDS                  46
#define VM_MEMORY_ATS                                 50
#define VM_MEMORY_LAYERKIT                            51
#define VM_MEMORY_CGIMAGE                             52
#define VM_MEMORY_TCMALLOC                            53
#define VM_MEMORY_COREGRAPHICS_DATA                   54
#define VM_MEMORY_COREGRAPHICS_SHARED                 55
#define VM_MEMORY_COREGRAPHICS_FRAMEBUFFERS           56
#define VM_MEMORY_COREGRAPHICS_BACKINGSTORES          57
#define VM_MEMORY_COREGRAPHICS_XALLOC                 58
#define VM_MEMORY_COREGRAPHICS_MISC                   42
#define VM_MEMORY_DYLD                                60
#define VM_MEMORY_DYLD_MALLOC                         61
#define VM_MEMORY_SQLITE                              62
#define VM_MEMORY_JAVASCRIPT_CORE                     63
#define VM_MEMORY_WEBASSEMBLY                         63
#define VM_MEMORY_JAVASCRIPT_JIT_EXECUTABLE_ALLOCATOR 64
#define VM_MEMORY_JAVASCRIPT_JIT_REGISTER_FILE        65
#define VM_MEMORY_GLSL                                66
#define VM_MEMORY_OPENCL                              67
#define VM_MEMORY_COREIMAGE                           68
#define VM_MEMORY_WEBCORE_PURGEABLE_BUFFERS           69
#define VM_MEMORY_IMAGEIO                             70
#define VM_MEMORY_COREPROFILE                         71
#define VM_MEMORY_ASSETSD                             72
#define VM_MEMORY_OS_ALLOC_ONCE                       73
#define VM_MEMORY_LIBDISPATCH                         74
#define VM_MEMORY_ACCELERATE                          75
#define VM_MEMORY_COREUI                              76
#define VM_MEMORY_COREUIFILE                          77
#define VM_MEMORY_GENEALOGY                           78
#define VM_MEMORY_RAWCAMERA                           79
#define VM_MEMORY_CORPSEINFO                          80
#define VM_MEMORY_ASL                                 81
#define VM_MEMORY_SWIFT_RUNTIME                       82
#define VM_MEMORY_SWIFT_METADATA                      83
#define VM_MEMORY_DHMM                                84
#define VM_MEMORY_SCENEKIT                            86
#define VM_MEMORY_SKYWALK                             87
#define VM_MEMORY_IOSURFACE                           88
#define VM_MEMORY_LIBNETWORK                          89
#define VM_MEMORY_AUDIO                               90
#define VM_MEMORY_VIDEOBITSTREAM                      91
#define VM_MEMORY_CM_XPC                              92
#define VM_MEMORY_CM_RPC                              93
#define VM_MEMORY_CM_MEMORYPOOL                       94
#define VM_MEMORY_CM_READCACHE                        95
#define VM_MEMORY_CM_CRABS                            96
#define VM_MEMORY_QUICKLOOK_THUMBNAILS                97
#define VM_MEMORY_ACCOUNTS                            98
#define VM_MEMORY_SANITIZER                           99
#define VM_MEMORY_IOACCELERATOR                       100
#define VM_MEMORY_CM_REGWARP                          101
#define VM_MEMORY_EAR_DECODER                         102
#define VM_MEMORY_COREUI_CACHED_IMAGE_DATA            103
#define VM_MEMORY_COLORSYNC                           104
#define VM_MEMORY_BTINFO                              105
#define VM_MEMORY_CM_HLS                              106
#define VM_MEMORY_ROSETTA                             230
#define VM_MEMORY_ROSETTA_THREAD_CONTEXT              231
#define VM_MEMORY_ROSETTA_INDIRECT_BRANCH_MAP         232
#define VM_MEMORY_ROSETTA_RETURN_STACK                233
#define VM_MEMORY_ROSETTA_EXECUTABLE_HEAP             234
#define VM_MEMORY_ROSETTA_USER_LDT                    235
#define VM_MEMORY_ROSETTA_ARENA                       236
#define VM_MEMORY_ROSETTA_10                          239
#define VM_MEMORY_APPLICATION_SPECIFIC_1              240
#define VM_MEMORY_APPLICATION_SPECIFIC_16             255
#define VM_MEMORY_COUNT                               256

#endif  // PORTOLAN_MACH_VM_STATISTICS_H_
