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

/* A part of a text, in bytes; `begin` is PBR_NONE for a group that took no part in the match. */
typedef struct pbr_range {
  uint64_t begin;
  uint64_t end;
} pbr_range;

#define PBR_NONE UINT64_MAX

/* Compiles `pattern` (UTF-8, RE2 syntax). `memory_max` bounds program and caches together, in bytes; `program_max`
 * bounds the program alone, in instructions. NULL: refused, and `error` says why. The result is freed by pbr_free. */
pbr_regex *pbr_compile(const char *pattern, uint64_t length, uint64_t memory_max, uint32_t program_max,
                       pbr_error *error);
void pbr_free(pbr_regex *);

/* Instructions of the compiled program: a search takes at most about this many steps for each byte of the text. */
uint32_t pbr_program_size(const pbr_regex *);

/* Capturing groups, the whole match not among them. */
uint32_t pbr_group_count(const pbr_regex *);

/* 1 when some part of the text matches, 0 when none does. Never reads outside of the text. */
int32_t pbr_search(const pbr_regex *, const char *text, uint64_t length);

/* Finds the first match that begins at `from` or later, and fills `groups`: the whole match, then the groups.
 * 1: found. 0: there is none. */
int32_t pbr_find(const pbr_regex *, const char *text, uint64_t length, uint64_t from, pbr_range *groups,
                 uint32_t count);

/* 1 when `part` occurs in the text as it is, 0 when not. */
int32_t pbr_contains(const char *text, uint64_t length, const char *part, uint64_t part_length);

#ifdef __cplusplus
}
#endif
#endif
