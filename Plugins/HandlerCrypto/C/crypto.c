#include "handler_crypto.h"

#include <openssl/evp.h>
#include <stddef.h>

int32_t handler_sha256(const void *bytes, uint64_t length, uint8_t *digest) {
  unsigned int written = 0;
  const int done = EVP_Digest(length == 0 ? "" : bytes, (size_t)length, digest, &written, EVP_sha256(), NULL);
  return done == 1 && written == 32;
}
