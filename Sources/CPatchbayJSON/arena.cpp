#include "arena.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace {

constexpr uint64_t reserve_max = 1ull << 30;  // below PBJ_ARENA, so that every offset fits
constexpr uint64_t reserve_min = 1ull << 24;
constexpr uint64_t step = 1ull << 18;
constexpr uint64_t kept = 1ull << 20;  // bytes whose pages stay after a reset

}  // namespace

bool pbj_arena::reserve() {
  for (uint64_t size = reserve_max; size >= reserve_min; size /= 2) {
    void *range = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) continue;
    base = static_cast<char *>(range);
    reserved = size;
    return true;
  }
  return false;
}

bool pbj_arena::grow(uint64_t length) {
  // Many a batch needs none of it, and a process may have some 65,000 mappings.
  if (base == nullptr && !reserve()) return false;
  // The range is only reserved (PROT_NONE), so a strict overcommit policy counts what is committed and no more.
  uint64_t needed = used + length + slack;
  if (length > reserved || needed > reserved) return false;
  uint64_t target = std::min(reserved, std::max((needed + step - 1) / step * step, committed * 2));
  if (mprotect(base + committed, target - committed, PROT_READ | PROT_WRITE) != 0) return false;
  committed = target;
  return true;
}

extern "C" pbj_arena *pbj_arena_new(void) { return new (std::nothrow) pbj_arena; }

extern "C" void pbj_arena_free(pbj_arena *arena) {
  if (arena == nullptr) return;
  if (arena->base != nullptr) munmap(arena->base, arena->reserved);
  delete arena;
}

extern "C" void pbj_arena_reset(pbj_arena *arena) {
  if (arena->used > kept) madvise(arena->base + kept, arena->committed - kept, MADV_DONTNEED);
  arena->used = 0;
}

extern "C" const char *pbj_arena_base(const pbj_arena *arena) { return arena->base; }

extern "C" uint64_t pbj_arena_used(const pbj_arena *arena) { return arena->used; }

extern "C" pbj_span pbj_arena_copy(pbj_arena *arena, const char *bytes, uint64_t length) {
  char *to = arena->room(length);
  if (to == nullptr) return {PBJ_ARENA, UINT32_MAX};
  if (length != 0) memcpy(to, bytes, length);
  return arena->commit(length);
}
