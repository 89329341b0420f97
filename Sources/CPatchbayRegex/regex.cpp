#include "patchbay_regex.h"

#include <memory>
#include <new>
#include <re2/re2.h>
#include <string>
#include <string.h>
#include <vector>

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

pbr_regex *pbr_compile(const char *pattern, uint64_t length, uint64_t memory_max, uint32_t program_max,
                       pbr_error *error) try {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<int64_t>(memory_max));
  re2::StringPiece text(pattern, length);
  std::unique_ptr<pbr_regex> regex(new pbr_regex(text, options));
  if (regex->expression.ok()) {
    int size = regex->expression.ProgramSize();
    if (size >= 0 && uint32_t(size) <= program_max) return regex.release();
    describe(error, "it compiles to " + std::to_string(size) + " instructions, more than " +
                        std::to_string(program_max), 0);
    return nullptr;
  }
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

uint32_t pbr_program_size(const pbr_regex *regex) { return uint32_t(regex->expression.ProgramSize()); }

uint32_t pbr_group_count(const pbr_regex *regex) { return uint32_t(regex->expression.NumberOfCapturingGroups()); }

int32_t pbr_find(const pbr_regex *regex, const char *text, uint64_t length, uint64_t from, pbr_range *groups,
                 uint32_t count) try {
  std::vector<re2::StringPiece> found(count);
  re2::StringPiece whole(text, length);
  if (!regex->expression.Match(whole, from, length, RE2::UNANCHORED, found.data(), int(count))) return 0;
  for (uint32_t index = 0; index < count; index++) {
    const re2::StringPiece &part = found[index];
    if (part.data() == nullptr) {
      groups[index] = {PBR_NONE, PBR_NONE};
      continue;
    }
    uint64_t begin = uint64_t(part.data() - text);
    groups[index] = {begin, begin + part.size()};
  }
  return 1;
} catch (const std::exception &) {
  return 0;
}

int32_t pbr_contains(const char *text, uint64_t length, const char *part, uint64_t part_length) {
  return memmem(text, length, part, part_length) != nullptr ? 1 : 0;
}

}
