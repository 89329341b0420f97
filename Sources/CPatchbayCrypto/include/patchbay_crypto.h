/* patchbay_crypto.h - the hash and the signatures that the host needs, from libcrypto, behind a C header of ours.
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
#define PBX_ED25519_KEY_BYTES 32
#define PBX_ED25519_SIGNATURE_BYTES 64

/* Writes the SHA-256 of `length` bytes at `bytes` (which may be NULL when `length` is 0) to `digest`, which has
 * room for PBX_SHA256_BYTES. Returns 1, or 0 when libcrypto refuses (out of memory, or a policy without SHA-256).
 * Any thread. */
int32_t pbx_sha256(const void *bytes, uint64_t length, uint8_t *digest);

/* Ed25519 (RFC 8032) with raw keys of PBX_ED25519_KEY_BYTES: a private key is its seed. Each returns 1, or 0 when
 * libcrypto refuses (out of memory, no randomness, or a policy without Ed25519). Any thread. */

/* Makes a private key. */
int32_t pbx_ed25519_generate(uint8_t *seed);

/* Writes the public key of a private one to `key`. */
int32_t pbx_ed25519_public(const uint8_t *seed, uint8_t *key);

/* Writes the signature of `length` bytes to `signature`, which has room for PBX_ED25519_SIGNATURE_BYTES. */
int32_t pbx_ed25519_sign(const uint8_t *seed, const void *bytes, uint64_t length, uint8_t *signature);

/* Whether `signature` is that of `length` bytes under the public key `key`; 0 also for what libcrypto refuses. */
int32_t pbx_ed25519_verify(const uint8_t *key, const void *bytes, uint64_t length, const uint8_t *signature);

#ifdef __cplusplus
}
#endif
#endif
