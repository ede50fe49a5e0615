// SPDX-License-Identifier: Apache-2.0
// int portolan_usercopy(void* to, const void* from, size_t length): 0, or 1 when an access faulted. See usercopy.hpp.
//
// Every instruction from portolan_usercopy to portolan_usercopy_end may fault; the handler then sets the instruction
// pointer to portolan_usercopy_fault. That is right at any point because no stack is used and no register saved.
// Messages are 24 to 200 bytes long, mostly: short lengths are loaded whole, in overlapping pieces, before the stores.

#if defined(__x86_64__)

  .text
  .globl portolan_usercopy, portolan_usercopy_end, portolan_usercopy_fault
  .hidden portolan_usercopy, portolan_usercopy_end, portolan_usercopy_fault
  .type portolan_usercopy, @function
  .p2align 6
portolan_usercopy:  // rdi: to, rsi: from, rdx: length
  .cfi_startproc
  cmpq $16, %rdx
  jb .Lunder16
  movups (%rsi), %xmm0
  movups -16(%rsi, %rdx), %xmm1
  cmpq $32, %rdx
  ja .Lover32
  movups %xmm0, (%rdi)
  movups %xmm1, -16(%rdi, %rdx)
  xorl %eax, %eax
  ret
.Lover32:
  movups 16(%rsi), %xmm2
  movups -32(%rsi, %rdx), %xmm3
  cmpq $64, %rdx
  ja .Lover64
  movups %xmm0, (%rdi)
  movups %xmm2, 16(%rdi)
  movups %xmm3, -32(%rdi, %rdx)
  movups %xmm1, -16(%rdi, %rdx)
  xorl %eax, %eax
  ret
.Lover64:
  cmpq $1024, %rdx
  jae .Llong
  movups -48(%rsi, %rdx), %xmm4
  movups -64(%rsi, %rdx), %xmm5
  leaq -64(%rdx), %rcx  // the last 64 bytes are loaded already; this many come before them
  movq %rdi, %r8
.Lloop:
  movups (%rsi), %xmm0
  movups 16(%rsi), %xmm2
  movups 32(%rsi), %xmm6
  movups 48(%rsi), %xmm7
  movups %xmm0, (%r8)
  movups %xmm2, 16(%r8)
  movups %xmm6, 32(%r8)
  movups %xmm7, 48(%r8)
  addq $64, %rsi
  addq $64, %r8
  subq $64, %rcx
  ja .Lloop
  movups %xmm5, -64(%rdi, %rdx)
  movups %xmm4, -48(%rdi, %rdx)
  movups %xmm3, -32(%rdi, %rdx)
  movups %xmm1, -16(%rdi, %rdx)
  xorl %eax, %eax
  ret
.Llong:
  movq %rdx, %rcx
  rep movsb
  xorl %eax, %eax
  ret
.Lunder16:
  cmpl $8, %edx
  jb .Lunder8
  movq (%rsi), %rax
  movq -8(%rsi, %rdx), %rcx
  movq %rax, (%rdi)
  movq %rcx, -8(%rdi, %rdx)
  xorl %eax, %eax
  ret
.Lunder8:
  cmpl $4, %edx
  jb .Lunder4
  movl (%rsi), %eax
  movl -4(%rsi, %rdx), %ecx
  movl %eax, (%rdi)
  movl %ecx, -4(%rdi, %rdx)
  xorl %eax, %eax
  ret
.Lunder4:
  testl %edx, %edx
  jz .Lnothing
  movzbl (%rsi), %eax
  movzbl -1(%rsi, %rdx), %ecx
  cmpl $3, %edx
  jb .Lends
  movzbl 1(%rsi), %r8d
  movb %r8b, 1(%rdi)
.Lends:
  movb %al, (%rdi)
  movb %cl, -1(%rdi, %rdx)
.Lnothing:
  xorl %eax, %eax
  ret
portolan_usercopy_end:
portolan_usercopy_fault:
  movl $1, %eax
  ret
  .cfi_endproc
  .size portolan_usercopy, . - portolan_usercopy

#elif defined(__aarch64__)

  .text
  .globl portolan_usercopy, portolan_usercopy_end, portolan_usercopy_fault
  .hidden portolan_usercopy, portolan_usercopy_end, portolan_usercopy_fault
  .type portolan_usercopy, %function
  .p2align 6
portolan_usercopy:  // x0: to, x1: from, x2: length
  .cfi_startproc
  cmp x2, #16
  b.lo .Lunder16
  add x5, x1, x2
  add x6, x0, x2
  ldp x7, x8, [x5, #-16]  // the last 16 bytes
  sub x2, x2, #16
.Lloop:
  cbz x2, .Llast
  ldp x3, x4, [x1], #16
  stp x3, x4, [x0], #16
  subs x2, x2, #16
  b.hi .Lloop
.Llast:
  stp x7, x8, [x6, #-16]
  mov w0, #0
  ret
.Lunder16:
  cbz x2, .Lnothing
.Lbyte:
  ldrb w3, [x1], #1
  strb w3, [x0], #1
  subs x2, x2, #1
  b.ne .Lbyte
.Lnothing:
  mov w0, #0
  ret
portolan_usercopy_end:
portolan_usercopy_fault:
  mov w0, #1
  ret
  .cfi_endproc
  .size portolan_usercopy, . - portolan_usercopy

#else
#error "the copy routine has to be written for this processor"
#endif

  .section .note.GNU-stack, "", %progbits
