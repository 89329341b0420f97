/* patchbay_crypto.h - the one hash that the host needs, from libcrypto, behind a C header of ours.
 *
 * Swift sees no OpenSSL type, so the library can be exchanged here alone.
 */
#ifndef PATCHBAY_CRYPTO_H
#define PATCHBAY_CRYPTO_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define PBX_SHA256_BYTES 32

/* Writes the SHA-256 of `length` bytes at `bytes` (which may be NULL when `length` is 0) to `digest`, which has
 * room for PBX_SHA256_BYTES. Returns 1, or 0 when libcrypto refuses (out of memory, or a policy without SHA-256).
 * Any thread. */
int32_t pbx_sha256(const void *bytes, uint64_t length, uint8_t *digest);

#ifdef __cplusplus
}
#endif
#endif
