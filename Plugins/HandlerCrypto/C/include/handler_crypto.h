/* handler_crypto.h - the one hash that modules need, from libcrypto. */
#ifndef HANDLER_CRYPTO_H
#define HANDLER_CRYPTO_H
#include <stdint.h>

/* Writes the SHA-256 of `length` bytes at `bytes` (which may be NULL when `length` is 0) to `digest`, which has room for
 * 32 bytes. Returns 1, or 0 when libcrypto refuses (out of memory, or a policy without SHA-256). Any thread. */
int32_t handler_sha256(const void *bytes, uint64_t length, uint8_t *digest);

#endif
