#include "tokens.hpp"

#include <simdjson.h>

#include <algorithm>
#include <new>
#include <string>

#include "scan.hpp"

namespace patchbay {

struct Tokens::Parser {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;
};

namespace {

constexpr uint32_t capacity_min = 1u << 16;

}  // namespace

Tokens::Tokens() : parser_(new (std::nothrow) Parser) {}
Tokens::~Tokens() = default;

bool Tokens::grow(uint32_t length) {
  uint32_t wanted = std::max(capacity_min, length > (1u << 31) ? length : std::max(length, capacity_ * 2));
  if (parser_ == nullptr) return false;
  auto *implementation = static_cast<const simdjson::implementation *>(simdjson::get_active_implementation());
  // The depth is of stage 2, which does not run here.
  if (implementation->create_dom_parser_implementation(wanted, 1, parser_->stage) != simdjson::SUCCESS) {
    capacity_ = 0;
    return false;
  }
  capacity_ = wanted;
  return true;
}

bool Tokens::split(const uint8_t *text, uint32_t length, Refusal &refusal) {
  count_ = 0;
  if (length == 0) {
    refusal = {PBJ_E_SYNTAX, 0};
    return false;
  }
  if (length > capacity_ && !grow(length)) {
    refusal = {PBJ_E_ARENA, 0};
    return false;
  }
  auto error = parser_->stage->stage1(text, length, simdjson::stage1_mode::regular);
  begin_ = parser_->stage->structural_indexes.get();
  count_ = parser_->stage->n_structural_indexes;
  if (error == simdjson::SUCCESS) return true;
  // Stage 1 says that something is wrong, not where.
  if (error == simdjson::UTF8_ERROR) refusal = {PBJ_E_UTF8, static_cast<uint32_t>(bad_utf8(text, length))};
  else refusal = {PBJ_E_SYNTAX, static_cast<uint32_t>(bad_string(text, length))};
  return false;
}

}  // namespace patchbay

extern "C" const char *pbj_kernel(void) {
  static const std::string name =
      static_cast<const simdjson::implementation *>(simdjson::get_active_implementation())->name();
  return name.c_str();
}
