#include "textflag.h"

// W0-W15 in Z0-Z15, the state a-h in Z16-Z23, scratch in Z24-Z31.
#define T0 Z24
#define T1 Z25
#define T2 Z26
#define T3 Z27
#define T4 Z28
#define T5 Z29
#define T6 Z30
#define T7 Z31

// xor of three, choice and majority as truth tables of VPTERNLOGD.
#define XOR3 $0x96
#define CH $0xca
#define MAJ $0xe8

// FIPS 180-4, section 6.2.2, step 3, for sixteen messages: k is the offset of
// the round's constant.
#define ROUND(a, b, c, d, e, f, g, h, w, k) \
	VPRORD      $6, e, T0;          \
	VPRORD      $11, e, T1;         \
	VPRORD      $25, e, T2;         \
	VMOVDQA32   e, T3;              \
	VPADDD      w, h, h;            \
	VPTERNLOGD  CH, g, f, T3;       \
	VPADDD.BCST k(R8), h, h;        \
	VPTERNLOGD  XOR3, T2, T1, T0;   \
	VPADDD      T3, h, h;           \
	VPRORD      $2, a, T4;          \
	VPRORD      $13, a, T5;         \
	VPADDD      T0, h, h;           \
	VPRORD      $22, a, T6;         \
	VMOVDQA32   a, T7;              \
	VPADDD      h, d, d;            \
	VPTERNLOGD  MAJ, c, b, T7;      \
	VPTERNLOGD  XOR3, T6, T5, T4;   \
	VPADDD      T7, h, h;           \
	VPADDD      T4, h, h

// Section 6.2.2, step 1: w becomes the word sixteen rounds on.
#define SCHEDULE(w, w1, w9, w14) \
	VPRORD     $7, w1, T0;          \
	VPRORD     $18, w1, T1;         \
	VPSRLD     $3, w1, T2;          \
	VPRORD     $17, w14, T4;        \
	VPRORD     $19, w14, T5;        \
	VPSRLD     $10, w14, T6;        \
	VPADDD     w9, w, w;            \
	VPTERNLOGD XOR3, T2, T1, T0;    \
	VPTERNLOGD XOR3, T6, T5, T4;    \
	VPADDD     T0, w, w;            \
	VPADDD     T4, w, w

#define ROUNDS16(k) \
	ROUND(Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z0, k+0);   \
	ROUND(Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z1, k+4);   \
	ROUND(Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z2, k+8);   \
	ROUND(Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z3, k+12);  \
	ROUND(Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z4, k+16);  \
	ROUND(Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z5, k+20);  \
	ROUND(Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z6, k+24);  \
	ROUND(Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z7, k+28);  \
	ROUND(Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z8, k+32);  \
	ROUND(Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z9, k+36);  \
	ROUND(Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z21, Z10, k+40); \
	ROUND(Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z20, Z11, k+44); \
	ROUND(Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z19, Z12, k+48); \
	ROUND(Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z18, Z13, k+52); \
	ROUND(Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z17, Z14, k+56); \
	ROUND(Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z16, Z15, k+60)

#define SCHEDULE16 \
	SCHEDULE(Z0, Z1, Z9, Z14);   \
	SCHEDULE(Z1, Z2, Z10, Z15);  \
	SCHEDULE(Z2, Z3, Z11, Z0);   \
	SCHEDULE(Z3, Z4, Z12, Z1);   \
	SCHEDULE(Z4, Z5, Z13, Z2);   \
	SCHEDULE(Z5, Z6, Z14, Z3);   \
	SCHEDULE(Z6, Z7, Z15, Z4);   \
	SCHEDULE(Z7, Z8, Z0, Z5);    \
	SCHEDULE(Z8, Z9, Z1, Z6);    \
	SCHEDULE(Z9, Z10, Z2, Z7);   \
	SCHEDULE(Z10, Z11, Z3, Z8);  \
	SCHEDULE(Z11, Z12, Z4, Z9);  \
	SCHEDULE(Z12, Z13, Z5, Z10); \
	SCHEDULE(Z13, Z14, Z6, Z11); \
	SCHEDULE(Z14, Z15, Z7, Z12); \
	SCHEDULE(Z15, Z0, Z8, Z13)

// LOAD reads the 64 bytes of one lane.
#define LOAD(lane, z) \
	MOVQ      (lane*8)(SI), AX; \
	VMOVDQU32 (AX)(DX*1), z

// QUAD transposes four lanes by words: word 4i+n of each comes into quarter i
// of the n-th register.
#define QUAD4(a, b, c, d) \
	VPUNPCKLDQ  b, a, T0;  \
	VPUNPCKHDQ  b, a, T1;  \
	VPUNPCKLDQ  d, c, T2;  \
	VPUNPCKHDQ  d, c, T3;  \
	VPUNPCKLQDQ T2, T0, a; \
	VPUNPCKHQDQ T2, T0, b; \
	VPUNPCKLQDQ T3, T1, c; \
	VPUNPCKHQDQ T3, T1, d

// QUARTERS transposes four registers by quarters, and turns the bytes.
#define QUARTERS(a, b, c, d) \
	VSHUFI32X4 $0x88, b, a, T0;   \
	VSHUFI32X4 $0xdd, b, a, T1;   \
	VSHUFI32X4 $0x88, d, c, T2;   \
	VSHUFI32X4 $0xdd, d, c, T3;   \
	VSHUFI32X4 $0x88, T2, T0, a;  \
	VSHUFI32X4 $0x88, T3, T1, b;  \
	VSHUFI32X4 $0xdd, T2, T0, c;  \
	VSHUFI32X4 $0xdd, T3, T1, d;  \
	VPSHUFB    T7, a, a;          \
	VPSHUFB    T7, b, b;          \
	VPSHUFB    T7, c, c;          \
	VPSHUFB    T7, d, d

// func compress16(state *[8][16]uint32, in *[16]*byte, k *[64]uint32, n int)
TEXT ·compress16(SB), NOSPLIT, $0-32
	MOVQ state+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ k+16(FP), R8
	MOVQ n+24(FP), CX
	XORQ DX, DX
	TESTQ CX, CX
	JLE  none
	VMOVDQU32 0(DI), Z16
	VMOVDQU32 64(DI), Z17
	VMOVDQU32 128(DI), Z18
	VMOVDQU32 192(DI), Z19
	VMOVDQU32 256(DI), Z20
	VMOVDQU32 320(DI), Z21
	VMOVDQU32 384(DI), Z22
	VMOVDQU32 448(DI), Z23

loop:
	LOAD(0, Z0)
	LOAD(1, Z1)
	LOAD(2, Z2)
	LOAD(3, Z3)
	LOAD(4, Z4)
	LOAD(5, Z5)
	LOAD(6, Z6)
	LOAD(7, Z7)
	LOAD(8, Z8)
	LOAD(9, Z9)
	LOAD(10, Z10)
	LOAD(11, Z11)
	LOAD(12, Z12)
	LOAD(13, Z13)
	LOAD(14, Z14)
	LOAD(15, Z15)
	VBROADCASTI32X4 turn<>(SB), T7
	QUAD4(Z0, Z1, Z2, Z3)
	QUAD4(Z4, Z5, Z6, Z7)
	QUAD4(Z8, Z9, Z10, Z11)
	QUAD4(Z12, Z13, Z14, Z15)

	// Word n of quarter i is now in Z(n), Z(4+n), Z(8+n) and Z(12+n), and
	// belongs into Z(4i+n).
	QUARTERS(Z0, Z4, Z8, Z12)
	QUARTERS(Z1, Z5, Z9, Z13)
	QUARTERS(Z2, Z6, Z10, Z14)
	QUARTERS(Z3, Z7, Z11, Z15)

	ROUNDS16(0)
	SCHEDULE16
	ROUNDS16(64)
	SCHEDULE16
	ROUNDS16(128)
	SCHEDULE16
	ROUNDS16(192)

	VPADDD 0(DI), Z16, Z16
	VPADDD 64(DI), Z17, Z17
	VPADDD 128(DI), Z18, Z18
	VPADDD 192(DI), Z19, Z19
	VPADDD 256(DI), Z20, Z20
	VPADDD 320(DI), Z21, Z21
	VPADDD 384(DI), Z22, Z22
	VPADDD 448(DI), Z23, Z23
	VMOVDQU32 Z16, 0(DI)
	VMOVDQU32 Z17, 64(DI)
	VMOVDQU32 Z18, 128(DI)
	VMOVDQU32 Z19, 192(DI)
	VMOVDQU32 Z20, 256(DI)
	VMOVDQU32 Z21, 320(DI)
	VMOVDQU32 Z22, 384(DI)
	VMOVDQU32 Z23, 448(DI)
	ADDQ $64, DX
	DECQ CX
	JNZ  loop
	VZEROUPPER

none:
	RET

// The bytes of a word the other way round.
DATA turn<>+0(SB)/8, $0x0405060700010203
DATA turn<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL turn<>(SB), RODATA|NOPTR, $16
