// SPDX-License-Identifier: Apache-2.0
// What the code that MIG generates links against besides the calls of the kernel (messages 10.4): memory,
// strings, the data representation, the beginning of a reply. Contracts are in include/mach/{mig,ndr,mach}.h.
#include <mach/mach.h>
#include <string.h>

extern "C" {

NDR_record_t NDR_record = {0, 0, 0, NDR_PROTOCOL_2_0, NDR_INT_LITTLE_ENDIAN, NDR_CHAR_ASCII, NDR_FLOAT_IEEE,
                           0};

void mig_allocate(vm_address_t* addr, vm_size_t size) {
  if (vm_allocate(mach_task_self(), addr, size, VM_FLAGS_ANYWHERE) != KERN_SUCCESS) *addr = 0;
}

void mig_deallocate(vm_address_t addr, vm_size_t size) { vm_deallocate(mach_task_self(), addr, size); }

int mig_strncpy(char* dest, const char* src, int len) {
  if (len <= 0) return 0;
  const size_t used = strnlen(src, static_cast<size_t>(len) - 1);
  memcpy(dest, src, used);
  dest[used] = 0;
  return static_cast<int>(used) + 1;
}

int mig_strncpy_zerofill(char* dest, const char* src, int len) {
  if (len <= 0) return 0;
  const int written = src != nullptr ? mig_strncpy(dest, src, len) : 0;
  memset(dest + written, 0, static_cast<size_t>(len - written));
  return written;
}

void mig_reply_setup(mach_msg_header_t* request, mach_msg_header_t* reply) {
  auto* error = reinterpret_cast<mig_reply_error_t*>(reply);
  error->Head.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_LOCAL(request->msgh_bits), 0);
  error->Head.msgh_size = sizeof *error;
  error->Head.msgh_remote_port = request->msgh_local_port;
  error->Head.msgh_local_port = MACH_PORT_NULL;
  error->Head.msgh_reserved = 0;
  error->Head.msgh_id = request->msgh_id + 100;
  error->NDR = NDR_record;
}

}  // extern "C"
