// The batch's arena: one reserved range of addresses whose pages are committed as they are needed, so that nothing
// it gave out ever moves.
#pragma once
#include <cstddef>
#include <cstdint>

#include "patchbay_json.h"

struct pbj_arena {
  char *base = nullptr;    // nullptr until there is need of it
  uint64_t reserved = 0;   // bytes of address space
  uint64_t committed = 0;  // bytes that may be touched
  uint64_t used = 0;

  /// Room for `length` bytes and 64 of slack after them; nullptr when memory is out. `commit` makes them used.
  char *room(uint64_t length) {
    if (used + length + slack <= committed) return base + used;
    return grow(length) ? base + used : nullptr;
  }
  /// Takes the first `length` bytes of the last `room`.
  pbj_span commit(uint64_t length) {
    pbj_span span = {static_cast<uint32_t>(used) | PBJ_ARENA, static_cast<uint32_t>(length)};
    used += length;
    return span;
  }

  static constexpr uint64_t slack = 64;

 private:
  bool reserve();
  bool grow(uint64_t length);
};
