#include "textflag.h"

// The state a-h is in Y0-Y7, W0-W15 on the stack at 32(i)(SP), scratch in
// Y8-Y15.

// ROTATES leaves the xor of three rotations of x to the right in Y8.
#define ROTATES(x, r1, r2, r3) \
	VPSRLD $(r1), x, Y8;       \
	VPSLLD $(32-r1), x, Y9;    \
	VPSRLD $(r2), x, Y10;      \
	VPSLLD $(32-r2), x, Y11;   \
	VPSRLD $(r3), x, Y12;      \
	VPSLLD $(32-r3), x, Y13;   \
	VPXOR  Y9, Y8, Y8;         \
	VPXOR  Y11, Y10, Y10;      \
	VPXOR  Y13, Y12, Y12;      \
	VPXOR  Y10, Y8, Y8;        \
	VPXOR  Y12, Y8, Y8

// FIPS 180-4, section 6.2.2, step 3, for eight messages: w and k are offsets of
// the round's word and constant.
#define ROUND(a, b, c, d, e, f, g, h, w, k) \
	VPBROADCASTD k(R8), Y14;       \
	VPADDD       w(SP), h, h;      \
	ROTATES(e, 6, 11, 25);         \
	VPXOR        f, g, Y15;        \
	VPADDD       Y14, h, h;        \
	VPAND        e, Y15, Y15;      \
	VPADDD       Y8, h, h;         \
	VPXOR        g, Y15, Y15;      \
	VPADDD       Y15, h, h;        \
	VPADDD       h, d, d;          \
	ROTATES(a, 2, 13, 22);         \
	VPXOR        a, b, Y14;        \
	VPAND        a, b, Y15;        \
	VPAND        c, Y14, Y14;      \
	VPADDD       Y8, h, h;         \
	VPXOR        Y14, Y15, Y15;    \
	VPADDD       Y15, h, h

// SHIFTS leaves the xor of two rotations of x and one shift in Y8.
#define SHIFTS(x, r1, r2, s) \
	VPSRLD $(r1), x, Y8;     \
	VPSLLD $(32-r1), x, Y9;  \
	VPSRLD $(r2), x, Y10;    \
	VPSLLD $(32-r2), x, Y11; \
	VPSRLD $(s), x, Y12;     \
	VPXOR  Y9, Y8, Y8;       \
	VPXOR  Y11, Y10, Y10;    \
	VPXOR  Y12, Y8, Y8;      \
	VPXOR  Y10, Y8, Y8

// Section 6.2.2, step 1: the word at w becomes the one sixteen rounds on.
#define SCHEDULE(w, w1, w9, w14) \
	VMOVDQU w1(SP), Y13;     \
	VMOVDQU w(SP), Y15;      \
	SHIFTS(Y13, 7, 18, 3);   \
	VMOVDQU w14(SP), Y14;    \
	VPADDD  w9(SP), Y15, Y15; \
	VPADDD  Y8, Y15, Y15;    \
	SHIFTS(Y14, 17, 19, 10); \
	VPADDD  Y8, Y15, Y15;    \
	VMOVDQU Y15, w(SP)

#define ROUNDS16(k) \
	ROUND(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, 0, k+0); \
	ROUND(Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6, 32, k+4); \
	ROUND(Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5, 64, k+8); \
	ROUND(Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4, 96, k+12); \
	ROUND(Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3, 128, k+16); \
	ROUND(Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2, 160, k+20); \
	ROUND(Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1, 192, k+24); \
	ROUND(Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0, 224, k+28); \
	ROUND(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, 256, k+32); \
	ROUND(Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6, 288, k+36); \
	ROUND(Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5, 320, k+40); \
	ROUND(Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4, 352, k+44); \
	ROUND(Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3, 384, k+48); \
	ROUND(Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2, 416, k+52); \
	ROUND(Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1, 448, k+56); \
	ROUND(Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0, 480, k+60)

#define SCHEDULE16 \
	SCHEDULE(0, 32, 288, 448); \
	SCHEDULE(32, 64, 320, 480); \
	SCHEDULE(64, 96, 352, 0); \
	SCHEDULE(96, 128, 384, 32); \
	SCHEDULE(128, 160, 416, 64); \
	SCHEDULE(160, 192, 448, 96); \
	SCHEDULE(192, 224, 480, 128); \
	SCHEDULE(224, 256, 0, 160); \
	SCHEDULE(256, 288, 32, 192); \
	SCHEDULE(288, 320, 64, 224); \
	SCHEDULE(320, 352, 96, 256); \
	SCHEDULE(352, 384, 128, 288); \
	SCHEDULE(384, 416, 160, 320); \
	SCHEDULE(416, 448, 192, 352); \
	SCHEDULE(448, 480, 224, 384); \
	SCHEDULE(480, 0, 256, 416)

// TWO interleaves the words of two lanes.
#define TWO(a, b, low, high) \
	VPUNPCKLDQ b, a, low; \
	VPUNPCKHDQ b, a, high

// FOUR interleaves the words of four: of each half, word n of all comes into
// register n.
#define FOUR(a, b, c, d, t0, t1, t2, t3) \
	TWO(a, b, t0, t1);      \
	TWO(c, d, t2, t3);      \
	VPUNPCKLQDQ t2, t0, a;  \
	VPUNPCKHQDQ t2, t0, b;  \
	VPUNPCKLQDQ t3, t1, c;  \
	VPUNPCKHQDQ t3, t1, d

// HALVES joins the halves of four lanes and of the other four, turns the bytes
// and writes the words.
#define HALVES(a, b, w) \
	VPERM2I128 $0x20, b, a, Y8; \
	VPERM2I128 $0x31, b, a, Y9; \
	VPSHUFB    Y15, Y8, Y8;     \
	VPSHUFB    Y15, Y9, Y9;     \
	VMOVDQU    Y8, w(SP);       \
	VMOVDQU    Y9, w+128(SP)

#define LOAD(lane, at, y) \
	MOVQ    (lane*8)(SI), AX; \
	VMOVDQU at(AX)(DX*1), y

// EIGHTWORDS puts eight words of all lanes on the stack.
#define EIGHTWORDS(at, w) \
	LOAD(0, at, Y0); \
	LOAD(1, at, Y1); \
	LOAD(2, at, Y2); \
	LOAD(3, at, Y3); \
	LOAD(4, at, Y4); \
	LOAD(5, at, Y5); \
	LOAD(6, at, Y6); \
	LOAD(7, at, Y7); \
	FOUR(Y0, Y1, Y2, Y3, Y8, Y9, Y10, Y11); \
	FOUR(Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11); \
	HALVES(Y0, Y4, w+0);  \
	HALVES(Y1, Y5, w+32); \
	HALVES(Y2, Y6, w+64); \
	HALVES(Y3, Y7, w+96)

#define STATE(op) \
	op(0, Y0);   \
	op(64, Y1);  \
	op(128, Y2); \
	op(192, Y3); \
	op(256, Y4); \
	op(320, Y5); \
	op(384, Y6); \
	op(448, Y7)

#define READ(at, y) VMOVDQU at(DI), y
#define SUM(at, y) \
	VPADDD  at(DI), y, y; \
	VMOVDQU y, at(DI)

// func compress8(state *[8][16]uint32, in *[16]*byte, k *[64]uint32, n int)
TEXT ·compress8(SB), 0, $512-32
	MOVQ  state+0(FP), DI
	MOVQ  in+8(FP), SI
	MOVQ  k+16(FP), R8
	MOVQ  n+24(FP), CX
	XORQ  DX, DX
	TESTQ CX, CX
	JLE   none

loop:
	VBROADCASTI128 bytes<>(SB), Y15
	EIGHTWORDS(0, 0)
	EIGHTWORDS(32, 256)
	STATE(READ)

	ROUNDS16(0)
	SCHEDULE16
	ROUNDS16(64)
	SCHEDULE16
	ROUNDS16(128)
	SCHEDULE16
	ROUNDS16(192)

	STATE(SUM)
	ADDQ $64, DX
	DECQ CX
	JNZ  loop
	VZEROUPPER

none:
	RET

// The bytes of a word the other way round.
DATA bytes<>+0(SB)/8, $0x0405060700010203
DATA bytes<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL bytes<>(SB), RODATA|NOPTR, $16
