#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "patchbay_ffi.h"

struct reader {
  const char *start, *at;
  pbf_error *error;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct reader *reader, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  reader->error->code = PBF_SIGNATURE;
  reader->error->offset = (uint32_t)(reader->at - reader->start);
  vsnprintf(reader->error->message, sizeof reader->error->message, format, arguments);
  va_end(arguments);
  return 0;
}

static void skip(struct reader *reader) {
  while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n') reader->at++;
}

static int take(struct reader *reader, char what) {
  skip(reader);
  if (*reader->at != what) return 0;
  reader->at++;
  return 1;
}

static int expect(struct reader *reader, char what) {
  if (take(reader, what)) return 1;
  return *reader->at ? refuse(reader, "expected '%c' instead of '%c'", what, *reader->at)
                     : refuse(reader, "it ends where '%c' is expected", what);
}

/* The word here, without taking it; its length. */
static size_t word(struct reader *reader) {
  size_t length = 0;
  skip(reader);
  if (!isalpha((unsigned char)*reader->at) && *reader->at != '_') return 0;
  while (isalnum((unsigned char)reader->at[length]) || reader->at[length] == '_') length++;
  return length;
}

static int is(const struct reader *reader, size_t length, const char *what) {
  return length == strlen(what) && memcmp(reader->at, what, length) == 0;
}

static int scalar(struct reader *reader, size_t length, pbf_type *type) {
  static const struct {
    const char *name;
    int32_t kind;
    uint32_t width;
  } scalars[] = {{"i8", PBF_INT, 1},   {"i16", PBF_INT, 2},  {"i32", PBF_INT, 4},   {"i64", PBF_INT, 8},
                 {"u8", PBF_UINT, 1},  {"u16", PBF_UINT, 2}, {"u32", PBF_UINT, 4},  {"u64", PBF_UINT, 8},
                 {"f32", PBF_FLOAT, 4}, {"f64", PBF_FLOAT, 8}};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
    if (!is(reader, length, scalars[i].name)) continue;
    type->kind = scalars[i].kind;
    type->width = scalars[i].width;
    reader->at += length;
    return 1;
  }
  return 0;
}

static const char *const accepted = "i8 to i64, u8 to u64, f32, f64, string, bytes or {...}";

static int name(struct reader *reader, pbf_type *type) {
  size_t length = word(reader);
  if (length >= PBF_NAME_MAX) return refuse(reader, "a name has at most %d characters", PBF_NAME_MAX - 1);
  memcpy(type->name, reader->at, length);
  reader->at += length;
  return 1;
}

static int structure(struct reader *reader, pbf_type *type) {
  type->kind = PBF_STRUCT;
  type->fields = calloc(PBF_FIELDS_MAX, sizeof *type->fields);
  if (!type->fields) return refuse(reader, "out of memory");
  do {
    size_t length = word(reader);
    if (type->field_count == PBF_FIELDS_MAX) return refuse(reader, "a struct has at most %d fields", PBF_FIELDS_MAX);
    pbf_type *field = type->fields + type->field_count;
    if (!scalar(reader, length, field)) return refuse(reader, "a field is i8 to i64, u8 to u64, f32 or f64");
    type->field_count++;
    if (!name(reader, field)) return 0;
  } while (take(reader, ','));
  return expect(reader, '}');
}

static int room(struct reader *reader, pbf_type *type) {
  char *end;
  if (!take(reader, '[')) return 1;
  unsigned long value = strtoul(reader->at, &end, 10);
  if (end == reader->at || !isdigit((unsigned char)*reader->at) || value == 0 || value > PBF_ROOM_MAX)
    return refuse(reader, "room is 1 to %u bytes", PBF_ROOM_MAX);
  reader->at = end;
  type->room = (uint32_t)value;
  return expect(reader, ']');
}

static int parameter(struct reader *reader, pbf_type *type) {
  size_t length = word(reader);
  if (is(reader, length, "out") || is(reader, length, "inout")) {
    type->direction = length == 3 ? PBF_OUT : PBF_INOUT;
    reader->at += length;
    length = word(reader);
  }
  const char *start = reader->at;
  if (take(reader, '{')) {
    if (!structure(reader, type)) return 0;
  } else if (is(reader, length, "string") || is(reader, length, "bytes")) {
    type->kind = length == 6 ? PBF_STRING : PBF_BYTES;
    reader->at += length;
    if (!room(reader, type)) return 0;
    if ((type->direction == PBF_OUT) != (type->room != 0)) {
      reader->at = start;
      return refuse(reader, type->room ? "only an out parameter says its room" : "say its room, as out bytes[64]");
    }
    if (type->direction == PBF_INOUT && type->kind == PBF_STRING) {
      reader->at = start;
      return refuse(reader, "a string cannot be inout: take bytes");
    }
  } else if (is(reader, length, "void")) {
    return refuse(reader, "only a result can be void; a function without parameters is written ()");
  } else if (!scalar(reader, length, type)) {
    if (!length) return refuse(reader, "expected a type: %s", accepted);
    return refuse(reader, "'%.*s' is no type: %s", (int)length, reader->at, accepted);
  }
  return name(reader, type);
}

static int parse(struct reader *reader, pbf_signature *signature) {
  size_t length = word(reader);
  if (is(reader, length, "void")) {
    reader->at += length;
  } else if (is(reader, length, "string")) {
    signature->result.kind = PBF_STRING;
    reader->at += length;
  } else if (!scalar(reader, length, &signature->result)) {
    return refuse(reader, "a result is void, i8 to i64, u8 to u64, f32, f64 or string");
  }
  if (!expect(reader, '(')) return 0;
  if (!take(reader, ')')) {
    do {
      if (signature->count == PBF_PARAMETERS_MAX)
        return refuse(reader, "a function has at most %d parameters here", PBF_PARAMETERS_MAX);
      if (!parameter(reader, signature->parameters + signature->count++)) return 0;
    } while (take(reader, ','));
    if (!expect(reader, ')')) return 0;
  }
  skip(reader);
  return *reader->at ? refuse(reader, "nothing comes after the parameters") : 1;
}

pbf_signature *pbf_parse(const char *text, pbf_error *error) {
  struct reader reader = {text, text, error};
  memset(error, 0, sizeof *error);
  pbf_signature *signature = calloc(1, sizeof *signature);
  if (signature && parse(&reader, signature)) return signature;
  if (!signature) error->code = PBF_MEMORY;
  pbf_signature_free(signature);
  return NULL;
}

void pbf_signature_free(pbf_signature *signature) {
  if (!signature) return;
  for (uint32_t i = 0; i < PBF_PARAMETERS_MAX; i++) free(signature->parameters[i].fields);
  free(signature);
}
