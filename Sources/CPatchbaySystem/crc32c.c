#include "patchbay_system.h"
#include <pthread.h>
#include <string.h>

/* Without the instruction: eight tables, eight bytes a step. */
static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    tables[0][i] = crc;
  }
  for (int t = 1; t < 8; t++)
    for (uint32_t i = 0; i < 256; i++)
      tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 0xff];
}

static uint32_t crc_by_tables(uint32_t crc, const unsigned char *p, uint64_t length) {
  pthread_once(&tables_once, make_tables);
  for (; length >= 8; p += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    word ^= crc;
    crc = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^ tables[5][word >> 16 & 0xff] ^
          tables[4][word >> 24 & 0xff] ^ tables[3][word >> 32 & 0xff] ^ tables[2][word >> 40 & 0xff] ^
          tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
  }
  for (; length > 0; p++, length--) crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
  return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(
    uint32_t crc, const unsigned char *p, uint64_t length) {
  uint64_t wide = crc;
  for (; length >= 8; p += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = (uint32_t)wide;
  for (; length > 0; p++, length--) crc = _mm_crc32_u8(crc, *p);
  return crc;
}
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
__attribute__((target("+crc"))) static uint32_t crc_by_instruction(
    uint32_t crc, const unsigned char *p, uint64_t length) {
  for (; length >= 8; p += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    crc = __crc32cd(crc, word);
  }
  for (; length > 0; p++, length--) crc = __crc32cb(crc, *p);
  return crc;
}
static int has_instruction(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#else
static uint32_t crc_by_instruction(uint32_t crc, const unsigned char *p, uint64_t length) {
  return crc_by_tables(crc, p, length);
}
static int has_instruction(void) { return 0; }
#endif

uint32_t pbs_crc32c(uint32_t crc, const void *bytes, uint64_t length) {
  crc = ~crc;
  crc = has_instruction() ? crc_by_instruction(crc, bytes, length) : crc_by_tables(crc, bytes, length);
  return ~crc;
}

uint32_t pbs_crc32c_by_tables(uint32_t crc, const void *bytes, uint64_t length) {
  return ~crc_by_tables(~crc, bytes, length);
}
