#include "patchbay_crypto.h"

#include <openssl/evp.h>
#include <stddef.h>

int32_t pbx_ed25519_generate(uint8_t *seed) {
  EVP_PKEY *made = NULL;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
  size_t length = PBX_ED25519_KEY_BYTES;
  const int done = context && EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_keygen(context, &made) == 1 &&
                   EVP_PKEY_get_raw_private_key(made, seed, &length) == 1 && length == PBX_ED25519_KEY_BYTES;
  EVP_PKEY_free(made);
  EVP_PKEY_CTX_free(context);
  return done;
}

int32_t pbx_ed25519_public(const uint8_t *seed, uint8_t *key) {
  EVP_PKEY *private = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, PBX_ED25519_KEY_BYTES);
  size_t length = PBX_ED25519_KEY_BYTES;
  const int done =
    private && EVP_PKEY_get_raw_public_key(private, key, &length) == 1 && length == PBX_ED25519_KEY_BYTES;
  EVP_PKEY_free(private);
  return done;
}

int32_t pbx_ed25519_sign(const uint8_t *seed, const void *bytes, uint64_t length, uint8_t *signature) {
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, PBX_ED25519_KEY_BYTES);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  size_t written = PBX_ED25519_SIGNATURE_BYTES;
  const int done = key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                   EVP_DigestSign(context, signature, &written, bytes, (size_t)length) == 1 &&
                   written == PBX_ED25519_SIGNATURE_BYTES;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return done;
}

int32_t pbx_ed25519_verify(const uint8_t *key, const void *bytes, uint64_t length, const uint8_t *signature) {
  EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, PBX_ED25519_KEY_BYTES);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  const int done = public && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1 &&
                   EVP_DigestVerify(context, signature, PBX_ED25519_SIGNATURE_BYTES, bytes, (size_t)length) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(public);
  return done;
}
