// The paths that expressions read, as a trie over object keys.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "members.hpp"
#include "patchbay_json.h"

namespace patchbay {

constexpr uint32_t no_slot = UINT32_MAX;

struct PlanNode {
  std::string key;
  uint32_t slot = no_slot;
  uint32_t serial = 0;  // position among the plan's nodes
  std::vector<std::unique_ptr<PlanNode>> children;

  /// The child for a key, or nullptr. Few keys are compared in turn; many go through `table`.
  const PlanNode *find(const char *bytes, uint32_t length) const {
    if (table.empty()) {
      for (const auto &child : children)
        if (child->key.size() == length && memcmp(child->key.data(), bytes, length) == 0) return child.get();
      return nullptr;
    }
    return find_hashed(bytes, length);
  }
  PlanNode *child(const char *bytes, uint64_t length, uint32_t &serials);

 private:
  std::vector<const PlanNode *> table;  // open addressing, a power of two; empty while few
  const PlanNode *find_hashed(const char *bytes, uint32_t length) const;
  void rehash();
};

/// FNV-1a; keys are short.
inline uint64_t hash_name(const char *bytes, uint64_t length) {
  uint64_t hash = 14695981039346656037ull;
  for (uint64_t k = 0; k < length; ++k) hash = (hash ^ static_cast<uint8_t>(bytes[k])) * 1099511628211ull;
  return hash ^ hash >> 29;
}

}  // namespace patchbay

struct pbj_plan {
  patchbay::PlanNode root;
  uint32_t slots = 0;
  uint32_t nodes = 1;
  /// The slot of each member, and the node below which `data` is read; extensions are found below `root`.
  uint32_t member_slot[patchbay::member_count];
  const patchbay::PlanNode *data = nullptr;
  bool reads_extensions = false;

  pbj_plan() {
    for (uint32_t &slot : member_slot) slot = patchbay::no_slot;
  }
};
