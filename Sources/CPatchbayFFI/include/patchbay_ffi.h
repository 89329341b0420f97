/* patchbay_ffi.h - plain C functions of any library, called by a signature that is text.
 *
 * Nothing but C types goes in and out, arguments and results as bytes, so that a call can be made in another process.
 *
 *   signature  = result "(" [ parameter { "," parameter } ] ")"
 *   result     = "void" | scalar | "string"
 *   parameter  = ["out" | "inout"] type [name]
 *   type       = scalar | struct | "string" | "bytes" | "string[" size "]" | "bytes[" size "]"
 *   scalar     = i8 i16 i32 i64 u8 u16 u32 u64 f32 f64
 *   struct     = "{" scalar [name] { "," scalar [name] } "}"
 *
 * A scalar is passed by value; `out` and `inout` scalars, strings, bytes and structs by pointer. `string[n]` and
 * `bytes[n]` are the room of an `out` parameter. What a function gives as a string is copied, and not freed.
 *
 * Bytes of a value, all numbers in 8 bytes in the machine's order: an integer as itself, sign-extended; f32 and f64
 * as a double; text and bytes as a length and, padded with zeros to a multiple of 8, their bytes; a struct as 1 and
 * its fields. A length of UINT64_MAX, or 0 in place of a struct's 1, stands for NULL. */
#ifndef PATCHBAY_FFI_H
#define PATCHBAY_FFI_H
#include <stdint.h>

enum { PBF_VOID, PBF_INT, PBF_UINT, PBF_FLOAT, PBF_STRING, PBF_BYTES, PBF_STRUCT }; /* pbf_type.kind */
enum { PBF_IN, PBF_OUT, PBF_INOUT };                                               /* pbf_type.direction */
enum { PBF_OK, PBF_SIGNATURE, PBF_LIBRARY, PBF_SYMBOL, PBF_MEMORY };               /* pbf_error.code */

#define PBF_NULL 0xffffffffffffffffull
#define PBF_NAME_MAX 32
#define PBF_PARAMETERS_MAX 16
#define PBF_FIELDS_MAX 16
/* Bytes of one `out` parameter, and of a string that is given back. */
#define PBF_ROOM_MAX (1u << 20)

typedef struct pbf_type {
  int32_t kind;
  int32_t direction;
  uint32_t width; /* of a number, in bytes */
  uint32_t room;  /* of an `out` string or bytes; 0: not said */
  char name[PBF_NAME_MAX];
  uint32_t field_count;
  struct pbf_type *fields; /* of a struct */
} pbf_type;

typedef struct pbf_signature {
  pbf_type result;
  uint32_t count;
  pbf_type parameters[PBF_PARAMETERS_MAX];
} pbf_signature;

typedef struct pbf_error {
  int32_t code;
  uint32_t offset; /* in the signature, in bytes */
  char message[256];
} pbf_error;

/* A signature, or NULL and why not. [any thread] */
pbf_signature *pbf_parse(const char *text, pbf_error *error);
void pbf_signature_free(pbf_signature *signature);

/* A function of a library, which is loaded, runs its constructors and is never unloaded; or NULL and why not. The
 * signature has to outlive it. [any thread] */
typedef struct pbf_function pbf_function;
pbf_function *pbf_bind(const pbf_signature *signature, const char *library, const char *symbol, pbf_error *error);
void pbf_function_free(pbf_function *function);

/* Calls it with the bytes of its `in` and `inout` parameters, in their order. Gives the bytes of the result (none for
 * void), of errno as an integer, and of the `out` and `inout` parameters; to be freed with free. NULL when the
 * arguments' bytes do not fit the signature: then nothing was called; or for lack of memory.
 * [any thread, several at once as far as the function itself bears it] */
uint8_t *pbf_call(const pbf_function *function, const uint8_t *arguments, uint64_t length, uint64_t *result_length);

#endif
