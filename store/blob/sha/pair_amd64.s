#include "textflag.h"

// Two messages side by side: one alone leaves the unit waiting for itself.
// Of each message the words a, b, e, f are in one register, c, d, g, h in
// another, and sixteen words of its schedule in four.
#define ABEF1 X1
#define CDGH1 X2
#define ABEF2 X3
#define CDGH2 X4

// FOUR takes four rounds: m are the words, k the offset of the constants.
#define FOUR(m1, m2, k) \
	MOVO        k(R8), X15;      \
	MOVO        m1, X0;          \
	PADDD       X15, X0;         \
	SHA256RNDS2 X0, ABEF1, CDGH1; \
	PSHUFD      $0x0e, X0, X14;  \
	MOVO        m2, X0;          \
	PADDD       X15, X0;         \
	SHA256RNDS2 X0, ABEF2, CDGH2; \
	PSHUFD      $0x0e, X0, X15;  \
	MOVO        X14, X0;         \
	SHA256RNDS2 X0, CDGH1, ABEF1; \
	MOVO        X15, X0;         \
	SHA256RNDS2 X0, CDGH2, ABEF2

// NEXT makes of a the four words that come sixteen after it.
#define NEXT(a, b, c, d) \
	SHA256MSG1 b, a;        \
	MOVO       d, X15;      \
	PALIGNR    $4, c, X15;  \
	PADDD      X15, a;      \
	SHA256MSG2 d, a

#define FOURNEXT(a1, b1, c1, d1, a2, b2, c2, d2, k) \
	FOUR(a1, a2, k);      \
	NEXT(a1, b1, c1, d1); \
	NEXT(a2, b2, c2, d2)

#define SIXTEENNEXT(k) \
	FOURNEXT(X5, X6, X7, X8, X9, X10, X11, X12, k+0);  \
	FOURNEXT(X6, X7, X8, X5, X10, X11, X12, X9, k+16); \
	FOURNEXT(X7, X8, X5, X6, X11, X12, X9, X10, k+32); \
	FOURNEXT(X8, X5, X6, X7, X12, X9, X10, X11, k+48)

#define TAKE(at, reg, x) \
	MOVOU  at(reg), x; \
	PSHUFB X13, x

// func compress2(state *[2][8]uint32, in *[2]*byte, k *[64]uint32, n int)
TEXT ·compress2(SB), NOSPLIT, $0-32
	MOVQ  state+0(FP), DI
	MOVQ  in+8(FP), SI
	MOVQ  k+16(FP), R8
	MOVQ  n+24(FP), CX
	TESTQ CX, CX
	JLE   none
	MOVQ  0(SI), AX
	MOVQ  8(SI), BX
	MOVOU 0(DI), ABEF1
	MOVOU 16(DI), CDGH1
	MOVOU 32(DI), ABEF2
	MOVOU 48(DI), CDGH2
	MOVOU flip<>(SB), X13

loop:
	TAKE(0, AX, X5)
	TAKE(0, BX, X9)
	TAKE(16, AX, X6)
	TAKE(16, BX, X10)
	TAKE(32, AX, X7)
	TAKE(32, BX, X11)
	TAKE(48, AX, X8)
	TAKE(48, BX, X12)

	SIXTEENNEXT(0)
	SIXTEENNEXT(64)
	SIXTEENNEXT(128)
	FOUR(X5, X9, 192)
	FOUR(X6, X10, 208)
	FOUR(X7, X11, 224)
	FOUR(X8, X12, 240)

	MOVOU 0(DI), X5
	MOVOU 16(DI), X6
	MOVOU 32(DI), X7
	MOVOU 48(DI), X8
	PADDD X5, ABEF1
	PADDD X6, CDGH1
	PADDD X7, ABEF2
	PADDD X8, CDGH2
	MOVOU ABEF1, 0(DI)
	MOVOU CDGH1, 16(DI)
	MOVOU ABEF2, 32(DI)
	MOVOU CDGH2, 48(DI)
	ADDQ  $64, AX
	ADDQ  $64, BX
	DECQ  CX
	JNZ   loop

none:
	RET

// func hasSHA() bool
//
// Leaf 7, EBX, bit 29: the SHA extensions. Leaf 1, ECX, bit 9: SSSE3, for
// PSHUFB and PALIGNR. Intel, Software Developer's Manual, volume 2A, CPUID.
TEXT ·hasSHA(SB), NOSPLIT, $0-1
	MOVB  $0, ret+0(FP)
	XORL  AX, AX
	XORL  CX, CX
	CPUID
	CMPL  AX, $7
	JLT   no
	MOVL  $1, AX
	XORL  CX, CX
	CPUID
	BTL   $9, CX
	JCC   no
	MOVL  $7, AX
	XORL  CX, CX
	CPUID
	BTL   $29, BX
	JCC   no
	MOVB  $1, ret+0(FP)

no:
	RET

// The bytes of a word the other way round.
DATA flip<>+0(SB)/8, $0x0405060700010203
DATA flip<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL flip<>(SB), RODATA|NOPTR, $16
