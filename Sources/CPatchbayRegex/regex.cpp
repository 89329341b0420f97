#include "patchbay_regex.h"

#include <memory>
#include <new>
#include <re2/re2.h>
#include <string>
#include <string.h>

struct pbr_regex {
  RE2 expression;
  pbr_regex(const re2::StringPiece &pattern, const RE2::Options &options) : expression(pattern, options) {}
};

namespace {

void describe(pbr_error *error, const std::string &message, uint32_t offset) {
  if (!error) return;
  size_t length = message.copy(error->message, sizeof error->message - 1);
  error->message[length] = 0;
  error->offset = offset;
}

}  // namespace

extern "C" {

pbr_regex *pbr_compile(const char *pattern, uint64_t length, uint64_t memory_max, pbr_error *error) try {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<int64_t>(memory_max));
  re2::StringPiece text(pattern, length);
  std::unique_ptr<pbr_regex> regex(new pbr_regex(text, options));
  if (regex->expression.ok()) return regex.release();
  // RE2 names the offending part rather than its place; the first place it occurs at is where it stopped.
  const std::string &part = regex->expression.error_arg();
  size_t offset = part.empty() ? re2::StringPiece::npos : text.find(part);
  describe(error, regex->expression.error(), offset == re2::StringPiece::npos ? UINT32_MAX : uint32_t(offset));
  return nullptr;
} catch (const std::exception &) {
  describe(error, "out of memory", UINT32_MAX);
  return nullptr;
}

void pbr_free(pbr_regex *regex) { delete regex; }

int32_t pbr_search(const pbr_regex *regex, const char *text, uint64_t length) try {
  return RE2::PartialMatch(re2::StringPiece(text, length), regex->expression) ? 1 : 0;
} catch (const std::exception &) {
  return 0;
}

int32_t pbr_contains(const char *text, uint64_t length, const char *part, uint64_t part_length) {
  return memmem(text, length, part, part_length) != nullptr ? 1 : 0;
}

}
