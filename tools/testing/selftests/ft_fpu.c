// SPDX-License-Identifier: GPL-2.0-only
/*
 * Computations in the x87, SSE and AVX registers, interrupted by a timer whose
 * handler uses them, too: they come out the same on replay, as does all of the
 * vCPU's extended state.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "program.h"

#define AREA	"0x200000"	/* of XSAVE */
#define OTHER	"0x201000"	/* of the handler's */
#define START	"mov $20, %ebp\n" APIC_ON APIC_PERIODIC(30000)

/* CR4.OSXSAVE.  XSAVE takes the components from EDX:EAX. */
#define XSAVE_ON "mov %cr4, %rax; or $0x40000, %eax; mov %rax, %cr4; xor %edx, %edx\n"

GUEST_CODE(x87,
	   START
	   "fninit; fld1; fldpi; movl $3, 0x110000; sti\n"
	   "1: inc %rbx\n"
	   "fildl 0x110000; fadd %st(1), %st; fsqrt; fmul %st(2), %st; fsin; fabs\n"
	   "faddp %st, %st(2); fxch; fcos; fld %st(0); fstpl 0x110008; fxch\n"
	   "fistl 0x110010; fnstsw %ax; add %rax, %r14; rol $1, %r14\n"
	   "addl $7, 0x110000; fdivr %st(1), %st; fyl2xp1; fld1\n"
	   "jmp 1b\n");

GUEST_CODE(sse,
	   START
	   "mov $1, %eax; cvtsi2sd %eax, %xmm0; sqrtsd %xmm0, %xmm1; mov $0x9e3779b9, %eax\n"
	   "movd %eax, %xmm4; pshufd $0x1b, %xmm4, %xmm4; movd %eax, %xmm15; sti\n"
	   "1: inc %rbx; cvtsi2sd %rbx, %xmm2; divsd %xmm2, %xmm1; addsd %xmm2, %xmm1\n"
	   "sqrtpd %xmm1, %xmm3; mulpd %xmm3, %xmm1; paddd %xmm4, %xmm15; pmuludq %xmm4, %xmm15\n"
	   "pshufd $0x39, %xmm15, %xmm14; pxor %xmm14, %xmm4; movups %xmm15, 0x110000\n"
	   "cvttsd2si %xmm1, %rax; add %rax, %r14; rol $1, %r14\n"
	   "stmxcsr 0x110010; xorl $0x6000, 0x110010; ldmxcsr 0x110010\n"
	   "jmp 1b\n");

/* The upper halves come and go. */
GUEST_CODE(avx,
	   START XSAVE_ON
	   "mov $0x9e3779b9, %eax; vmovd %eax, %xmm0; vinsertf128 $1, %xmm0, %ymm0, %ymm0; sti\n"
	   "1: inc %rbx; vmovq %rbx, %xmm1; vinsertf128 $1, %xmm1, %ymm0, %ymm2\n"
	   "vcvtdq2pd %xmm2, %ymm3; vaddpd %ymm3, %ymm2, %ymm15; vmulpd %ymm15, %ymm3, %ymm4\n"
	   "vsqrtpd %ymm4, %ymm5; vxorps %ymm5, %ymm0, %ymm0; vperm2f128 $1, %ymm0, %ymm0, %ymm0\n"
	   "vmovups %ymm0, 0x110000\n"
	   "test $7, %bl; jnz 1b; vzeroupper; vmovups 0x110000, %ymm0\n"
	   "test $31, %bl; jnz 1b; vzeroall; vmovups 0x110000, %ymm0; jmp 1b\n");

/* To memory and back, all or some components; the upper halves change there. */
GUEST_CODE(xsave,
	   START XSAVE_ON
	   "fldpi; sti\n"
	   "1: inc %rbx; movq %rbx, %xmm1; paddd %xmm1, %xmm9; mulps %xmm9, %xmm2\n"
	   "mov $7, %eax; xsave64 " AREA "\n"
	   "add %rbx, 0x200240; addl $3, 0x2002fc; orb $4, 0x200200\n"
	   "mov %ebx, %eax; and $7, %eax; xrstor64 " AREA "\n"
	   "test $15, %bl; jnz 1b\n"
	   "andb $~4, 0x200200; mov $4, %eax; xrstor64 " AREA "\n"
	   "fxsave64 0x202000; fsqrt; fxrstor64 0x202000; jmp 1b\n");

/* As an operating system's would: keeps them all, and uses some. */
GUEST_CODE(timer,
	   PROGRAM_NOTE(0)
	   "push %rax; fxsave64 " OTHER "\n"
	   "movq %rcx, %xmm0; mulps %xmm0, %xmm1; fninit; fld1; fldpi; faddp\n"
	   "fxrstor64 " OTHER "; pop %rax\n"
	   APIC_EOI PROGRAM_RETURN);
GUEST_CODE(timer_xsave,
	   PROGRAM_NOTE(0)
	   "push %rax; push %rdx; mov $-1, %eax; mov %eax, %edx; xsave64 " OTHER "\n"
	   "vmovups %ymm0, %ymm9; vzeroupper; fninit; fldl2e\n"
	   "xrstor64 " OTHER "; pop %rdx; pop %rax\n"
	   APIC_EOI PROGRAM_RETURN);

/* Of x87, SSE and AVX.  Not by the guest: QEMU 7.2 does not intercept XSETBV. */
static void set_up(struct replay *r)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = 7 } } };

	if (ioctl(r->guest.vcpu, KVM_SET_XCRS, &xcrs))
		err(1, "KVM_SET_XCRS");
	program_load(&r->guest, r->context);
}

static void check(struct __test_metadata *_metadata, struct guest_code loop,
		  struct guest_code handler)
{
	struct program p = { .loop = loop, .handler = handler };
	struct replay r = { .set_up = set_up };

	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(20, r.status.entries);
}

TEST(x87)
{
	check(_metadata, guest_code_of(x87), guest_code_of(timer));
}

TEST(sse)
{
	check(_metadata, guest_code_of(sse), guest_code_of(timer));
}

TEST(avx)
{
	check(_metadata, guest_code_of(avx), guest_code_of(timer_xsave));
}

TEST(xsave)
{
	check(_metadata, guest_code_of(xsave), guest_code_of(timer_xsave));
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
