// Stage 1 of simdjson: where in a text its tokens begin, with strings closed, control characters refused and UTF-8
// checked on the way.
#pragma once
#include <cstdint>
#include <memory>

#include "patchbay_json.h"

namespace patchbay {

/// Why and where a text was refused.
struct Refusal {
  uint32_t error = PBJ_OK;
  uint32_t offset = 0;
};

class Tokens {
 public:
  Tokens();
  ~Tokens();
  Tokens(const Tokens &) = delete;
  Tokens &operator=(const Tokens &) = delete;

  /// Offsets of braces, brackets, colons, commas, opening quotes and first bytes of other scalars; after the last one
  /// stands `length`, twice. False: refused. Reads no byte past `length`. Holds until the next call.
  bool split(const uint8_t *text, uint32_t length, Refusal &refusal);
  const uint32_t *begin() const { return begin_; }
  uint32_t count() const { return count_; }
  const uint32_t *end() const { return begin_ + count_; }

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  const uint32_t *begin_ = nullptr;
  uint32_t count_ = 0;
  uint32_t capacity_ = 0;

  bool grow(uint32_t length);
};

}  // namespace patchbay
