#include "plan.hpp"

#include <new>

namespace patchbay {

namespace {

constexpr size_t linear_max = 6;

}  // namespace

PlanNode *PlanNode::child(const char *bytes, uint64_t length, uint32_t &serials) {
  for (auto &child : children)
    if (child->key.size() == length && memcmp(child->key.data(), bytes, length) == 0) return child.get();
  auto made = std::make_unique<PlanNode>();
  made->key.assign(bytes, length);
  made->serial = serials++;
  children.push_back(std::move(made));
  if (children.size() > linear_max) rehash();
  return children.back().get();
}

void PlanNode::rehash() {
  size_t size = 16;
  while (size < children.size() * 3) size *= 2;
  table.assign(size, nullptr);
  for (const auto &child : children) {
    size_t at = hash_name(child->key.data(), child->key.size()) & (size - 1);
    while (table[at] != nullptr) at = (at + 1) & (size - 1);
    table[at] = child.get();
  }
}

const PlanNode *PlanNode::find_hashed(const char *bytes, uint32_t length) const {
  size_t mask = table.size() - 1;
  for (size_t at = hash_name(bytes, length) & mask; table[at] != nullptr; at = (at + 1) & mask)
    if (table[at]->key.size() == length && memcmp(table[at]->key.data(), bytes, length) == 0) return table[at];
  return nullptr;
}

}  // namespace patchbay

using namespace patchbay;

extern "C" pbj_plan *pbj_plan_new(void) { return new (std::nothrow) pbj_plan; }

extern "C" void pbj_plan_free(pbj_plan *plan) { delete plan; }

extern "C" uint32_t pbj_plan_count(const pbj_plan *plan) { return plan->slots; }

extern "C" uint32_t pbj_plan_add(pbj_plan *plan, const patchbay_str *components, uint32_t count) {
  PlanNode *node = &plan->root;
  for (uint32_t k = 0; k < count; ++k) node = node->child(components[k].ptr, components[k].len, plan->nodes);
  if (node->slot == no_slot) node->slot = plan->slots++;
  if (count == 0) return node->slot;  // names nothing that an event has: its slot stays absent

  Member member = member_named(components[0].ptr, components[0].len);
  if (member == member_data) plan->data = plan->root.find(components[0].ptr, static_cast<uint32_t>(components[0].len));
  else if (member == member_extension) plan->reads_extensions = true;
  else if (count == 1) plan->member_slot[member] = node->slot;
  return node->slot;
}
