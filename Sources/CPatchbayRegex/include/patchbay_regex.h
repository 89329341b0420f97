/* patchbay_regex.h - regular expressions in linear time (RE2), behind C.
 *
 * A compiled expression is immutable; any number of threads may search with it at once. Nothing here logs or
 * touches a file. Memory is bounded: what does not fit is refused when compiling, and a search that outgrows it
 * becomes slower, never larger.
 */
#ifndef PATCHBAY_REGEX_H
#define PATCHBAY_REGEX_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct pbr_regex pbr_regex;

/* Why a pattern was refused. `message` is NUL-terminated. */
typedef struct pbr_error {
  char message[160];
  uint32_t offset;      /* bytes from the start of the pattern; UINT32_MAX when not known */
} pbr_error;

/* Compiles `pattern` (UTF-8, RE2 syntax). `memory_max` bounds program and caches together, in bytes.
 * NULL: refused, and `error` says why. The result is freed by pbr_free. */
pbr_regex *pbr_compile(const char *pattern, uint64_t length, uint64_t memory_max, pbr_error *error);
void pbr_free(pbr_regex *);

/* 1 when some part of the text matches, 0 when none does. Never reads outside of the text. */
int32_t pbr_search(const pbr_regex *, const char *text, uint64_t length);

/* 1 when `part` occurs in the text as it is, 0 when not. */
int32_t pbr_contains(const char *text, uint64_t length, const char *part, uint64_t part_length);

#ifdef __cplusplus
}
#endif
#endif
