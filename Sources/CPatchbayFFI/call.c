#include <dlfcn.h>
#include <errno.h>
#include <ffi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "patchbay_ffi.h"

struct pbf_function {
  const pbf_signature *signature;
  void (*code)(void);
  ffi_cif cif;
  ffi_type *types[PBF_PARAMETERS_MAX];
};

static ffi_type *scalar_type(const pbf_type *type) {
  switch (type->kind) {
  case PBF_INT:
    return type->width == 1   ? &ffi_type_sint8
           : type->width == 2 ? &ffi_type_sint16
           : type->width == 4 ? &ffi_type_sint32
                              : &ffi_type_sint64;
  case PBF_UINT:
    return type->width == 1   ? &ffi_type_uint8
           : type->width == 2 ? &ffi_type_uint16
           : type->width == 4 ? &ffi_type_uint32
                              : &ffi_type_uint64;
  case PBF_FLOAT: return type->width == 4 ? &ffi_type_float : &ffi_type_double;
  case PBF_VOID: return &ffi_type_void;
  default: return &ffi_type_pointer;
  }
}

static int is_number(const pbf_type *type) {
  return type->kind == PBF_INT || type->kind == PBF_UINT || type->kind == PBF_FLOAT;
}

__attribute__((format(printf, 3, 4))) static void *refuse(pbf_error *error, int32_t code, const char *format, ...) {
  __builtin_va_list arguments;
  __builtin_va_start(arguments, format);
  error->code = code;
  error->offset = 0;
  vsnprintf(error->message, sizeof error->message, format, arguments);
  __builtin_va_end(arguments);
  return NULL;
}

pbf_function *pbf_bind(const pbf_signature *signature, const char *library, const char *symbol, pbf_error *error) {
  memset(error, 0, sizeof *error);
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) return refuse(error, PBF_LIBRARY, "%s", dlerror());
  void *code = dlsym(handle, symbol);
  if (!code) return refuse(error, PBF_SYMBOL, "%s has no function '%s'", library, symbol);
  pbf_function *function = calloc(1, sizeof *function);
  if (!function) return refuse(error, PBF_MEMORY, "out of memory");
  function->signature = signature;
  memcpy(&function->code, &code, sizeof code);
  for (uint32_t i = 0; i < signature->count; i++) {
    const pbf_type *type = signature->parameters + i;
    function->types[i] = type->direction == PBF_IN && is_number(type) ? scalar_type(type) : &ffi_type_pointer;
  }
  if (ffi_prep_cif(&function->cif, FFI_DEFAULT_ABI, signature->count, scalar_type(&signature->result),
                   function->types) == FFI_OK)
    return function;
  free(function);
  return refuse(error, PBF_SIGNATURE, "this machine cannot call a function of this kind");
}

void pbf_function_free(pbf_function *function) { free(function); }

/* ---- One call: everything that it needs is its own -------------------------------------------------------------- */

union number {
  int64_t i;
  uint64_t u;
  double d;
};

/* What a parameter points at, or holds. */
struct slot {
  union {
    uint8_t bytes[8 * PBF_FIELDS_MAX];
    uint64_t aligned;
  } storage;
  void *pointer; /* what is passed, for what is passed by pointer */
  uint8_t *owned;
  uint64_t length;
};

struct input {
  const uint8_t *at;
  uint64_t left;
};

static int next(struct input *input, uint64_t *value) {
  if (input->left < 8) return 0;
  memcpy(value, input->at, 8);
  input->at += 8;
  input->left -= 8;
  return 1;
}

/* Writes a number as the machine has it. */
static void store(const pbf_type *type, uint64_t bits, void *to) {
  union number number = {.u = bits};
  if (type->kind == PBF_FLOAT && type->width == 4) {
    float narrow = (float)number.d;
    memcpy(to, &narrow, sizeof narrow);
  } else {
    memcpy(to, &number, type->width); /* little-endian: the low bytes come first */
  }
}

static uint64_t load(const pbf_type *type, const void *from) {
  union number number = {.u = 0};
  if (type->kind == PBF_FLOAT && type->width == 4) {
    float narrow;
    memcpy(&narrow, from, sizeof narrow);
    number.d = narrow;
    return number.u;
  }
  memcpy(&number, from, type->width);
  if (type->kind == PBF_INT && type->width < 8) {
    unsigned shift = 64 - 8 * type->width;
    number.i = (int64_t)(number.u << shift) >> shift;
  }
  return number.u;
}

/* Where a field lies, by the rules of C for structs of scalars. */
static uint64_t field_offset(const pbf_type *type, uint32_t field) {
  uint64_t offset = 0;
  for (uint32_t i = 0; i <= field; i++) {
    uint64_t width = type->fields[i].width;
    offset = (offset + width - 1) / width * width;
    if (i < field) offset += width;
  }
  return offset;
}

static int prepare(const pbf_type *type, struct input *input, struct slot *slot) {
  uint64_t value = 0;
  slot->pointer = slot->storage.bytes;
  if (type->direction == PBF_OUT) {
    if (!type->room) return 1;
    slot->pointer = slot->owned = calloc(1, (size_t)type->room + 1);
    slot->length = type->room;
    return slot->owned != NULL;
  }
  if (!next(input, &value)) return 0;
  if (is_number(type)) {
    store(type, value, slot->storage.bytes);
    return 1;
  }
  if (type->kind == PBF_STRUCT) {
    if (value == 0) slot->pointer = NULL;
    for (uint32_t i = 0; value && i < type->field_count; i++) {
      uint64_t bits;
      if (!next(input, &bits)) return 0;
      store(type->fields + i, bits, slot->storage.bytes + field_offset(type, i));
    }
    return 1;
  }
  if (value == PBF_NULL) {
    slot->pointer = NULL;
    return 1;
  }
  uint64_t padded = (value + 7) / 8 * 8;
  if (padded < value || padded > input->left) return 0;
  /* A copy with a zero behind it: the function may end a string there, and write to it. */
  slot->pointer = slot->owned = malloc(value + 1);
  if (!slot->owned) return 0;
  memcpy(slot->owned, input->at, value);
  slot->owned[value] = 0;
  slot->length = value;
  input->at += padded;
  input->left -= padded;
  return 1;
}

struct output {
  uint8_t *bytes;
  uint64_t length, capacity;
  int failed;
};

static void append(struct output *output, const void *bytes, uint64_t length) {
  uint64_t padded = (length + 7) / 8 * 8;
  if (output->failed) return;
  if (output->length + padded > output->capacity) {
    uint64_t capacity = (output->length + padded) * 2 + 256;
    uint8_t *grown = realloc(output->bytes, capacity);
    if (!grown) {
      output->failed = 1;
      return;
    }
    output->bytes = grown;
    output->capacity = capacity;
  }
  memset(output->bytes + output->length, 0, padded);
  if (length) memcpy(output->bytes + output->length, bytes, length);
  output->length += padded;
}

static void append_number(struct output *output, uint64_t bits) { append(output, &bits, 8); }

static void append_text(struct output *output, const void *bytes, uint64_t length) {
  append_number(output, bytes ? length : PBF_NULL);
  if (bytes) append(output, bytes, length);
}

static void append_result(struct output *output, const pbf_type *type, const void *value) {
  if (type->kind == PBF_VOID) return;
  if (type->kind == PBF_STRING) {
    const char *text;
    memcpy(&text, value, sizeof text);
    append_text(output, text, text ? strnlen(text, PBF_ROOM_MAX) : 0);
  } else {
    append_number(output, load(type, value));
  }
}

static void append_out(struct output *output, const pbf_type *type, const struct slot *slot) {
  if (is_number(type)) {
    append_number(output, load(type, slot->storage.bytes));
  } else if (type->kind == PBF_STRUCT) {
    append_number(output, slot->pointer != NULL);
    for (uint32_t i = 0; slot->pointer && i < type->field_count; i++)
      append_number(output, load(type->fields + i, slot->storage.bytes + field_offset(type, i)));
  } else {
    uint64_t length = type->kind == PBF_STRING ? strnlen((const char *)slot->owned, slot->length) : slot->length;
    append_text(output, slot->pointer, length);
  }
}

uint8_t *pbf_call(const pbf_function *function, const uint8_t *arguments, uint64_t length, uint64_t *result_length) {
  const pbf_signature *signature = function->signature;
  struct slot *slots = calloc(signature->count + 1, sizeof *slots);
  void *values[PBF_PARAMETERS_MAX];
  struct input input = {arguments, length};
  struct output output = {0};
  int fits = slots != NULL;
  for (uint32_t i = 0; fits && i < signature->count; i++) {
    const pbf_type *type = signature->parameters + i;
    fits = prepare(type, &input, slots + i);
    int by_value = type->direction == PBF_IN && is_number(type);
    values[i] = by_value ? (void *)slots[i].storage.bytes : (void *)&slots[i].pointer;
  }
  if (fits && input.left == 0) {
    union {
      ffi_arg wide; /* where libffi puts every integer that is narrower */
      double d;
      uint64_t u;
      void *pointer;
    } result = {.u = 0};
    errno = 0;
    ffi_call((ffi_cif *)&function->cif, function->code, &result, values);
    uint64_t error = (uint64_t)errno;
    append_result(&output, &signature->result, &result);
    append_number(&output, error);
    for (uint32_t i = 0; i < signature->count; i++)
      if (signature->parameters[i].direction != PBF_IN) append_out(&output, signature->parameters + i, slots + i);
  }
  for (uint32_t i = 0; slots && i < signature->count; i++) free(slots[i].owned);
  free(slots);
  if (output.failed) {
    free(output.bytes);
    return NULL;
  }
  *result_length = output.length;
  return output.bytes;
}
