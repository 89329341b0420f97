/* patchbay_headers.h - the headers of the C and C++ SDKs as text, for projects that `patchbay new` makes. */
#ifndef PATCHBAY_HEADERS_H
#define PATCHBAY_HEADERS_H
#include <stdint.h>

/* `path` is zero-terminated and relative to an include folder; `text` has `length` bytes and no final zero. Static. */
typedef struct patchbay_header {
  const char *path;
  const char *text;
  uint64_t length;
} patchbay_header;

/* All of them, in the order of their paths. Any thread. */
const patchbay_header *patchbay_headers(uint64_t *count);
/* What a project in C++ has beside them; paths are relative to the project. */
const patchbay_header *patchbay_cpp_files(uint64_t *count);

#endif
