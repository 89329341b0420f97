/* patchbay_json.h - CloudEvents from JSON text, and the few fields of them that routes read.
 *
 * One decoder belongs to one thread. Nothing here locks or touches a file, and nothing allocates per event:
 * what a call writes goes into arrays of the caller's, text is pointed at where it lies, and only strings with
 * escapes (and base64) are copied, into the batch's arena.
 */
#ifndef PATCHBAY_JSON_H
#define PATCHBAY_JSON_H
#include <stddef.h>
#include <stdint.h>
#include "patchbay.h"
#ifdef __cplusplus
extern "C" {
#endif

/* A piece of text: `offset` from the batch's text, or from its arena when PBJ_ARENA is set. Absent: length 0. */
#define PBJ_ARENA 0x80000000u
typedef struct pbj_span { uint32_t offset, length; } pbj_span;

/* What an expression reads of an event: one slot per path of the plan. Pointers stay valid as long as the text
 * and the arena do. */
enum pbj_kind {
  PBJ_ABSENT = 0,
  PBJ_NULL = 1,
  PBJ_BOOL = 2,   /* i: 0 or 1                                                     */
  PBJ_INT = 3,    /* i: an integer literal that fits                               */
  PBJ_UINT = 4,   /* u: an integer literal above INT64_MAX                         */
  PBJ_DOUBLE = 5, /* d: any other number, rounded as IEEE 754 says                 */
  PBJ_STRING = 6, /* ptr, length: UTF-8 without escapes                            */
  PBJ_JSON = 7    /* ptr, length: the valid JSON text of an array or an object     */
};
typedef struct pbj_field {
  uint32_t kind, length;
  union { int64_t i; uint64_t u; double d; const char *ptr; };
} pbj_field;

/* Why a line was refused; 0 is not refused. */
enum pbj_error {
  PBJ_OK = 0,
  PBJ_E_SYNTAX = 1,       /* not JSON; `error_offset` says where                   */
  PBJ_E_UTF8 = 2,         /* not valid UTF-8                                       */
  PBJ_E_TOO_LARGE = 3,    /* longer than limits.event_bytes                        */
  PBJ_E_TOO_DEEP = 4,     /* nested deeper than limits.nesting                     */
  PBJ_E_NOT_OBJECT = 5,   /* JSON, but not an object                               */
  PBJ_E_SPECVERSION = 6,  /* missing or not "1.0"                                  */
  PBJ_E_MISSING = 7,      /* a required attribute is missing or empty; see `error_name`  */
  PBJ_E_ATTRIBUTE = 8,    /* an attribute has a wrong type or form; see `error_name`     */
  PBJ_E_NAME = 9,         /* an attribute's name is not a-z0-9; see `error_name`         */
  PBJ_E_DUPLICATE = 10,   /* an attribute or data given twice; see `error_name`          */
  PBJ_E_BASE64 = 11,      /* data_base64 is not base64                             */
  PBJ_E_ARENA = 12        /* the arena could not grow (out of memory)              */
};

enum { PBJ_HAS_DATA = 1u << 0,      /* data or data_base64 is present                                   */
       PBJ_DATA_IS_JSON = 1u << 1,  /* `data` is JSON text; otherwise raw bytes                         */
       PBJ_DATA_BINARY = 1u << 2 }; /* came as data_base64                                              */

/* One decoded line. `ext_first` and `ext_count` say which of the batch's patchbay_kv are its extension
 * attributes (values in the canonical string form of CloudEvents 1.0, section 3.1). */
typedef struct pbj_event {
  pbj_span line;              /* the original bytes, without the line end                               */
  pbj_span id, source, type, subject, time, datacontenttype, dataschema;
  pbj_span data;              /* payload as handlers get it                                             */
  uint32_t ext_first, ext_count;
  uint32_t flags;
  uint32_t error;             /* enum pbj_error                                                         */
  uint32_t error_offset;      /* bytes from the start of the line                                       */
  uint32_t line_index;        /* 0-based, counted from the first line of this call, empty ones included */
  pbj_span error_name;        /* which attribute                                                        */
} pbj_event;

/* The longest line, and how many arrays and objects may be open at once, the event's own object included. */
typedef struct pbj_limits { uint32_t event_bytes, nesting; } pbj_limits;

/* ---- Plan: the paths that are read, as a trie. Immutable once decoders use it. ------------------------------ */
typedef struct pbj_plan pbj_plan;
pbj_plan *pbj_plan_new(void);
void pbj_plan_free(pbj_plan *);
/* The slot of a path such as {"type"}, {"partitionkey"} or {"data","amount"}; the same path gives the same slot.
 * The first component is an attribute's name or "data"; further components are keys of nested objects.
 * Attributes of CloudEvents itself are PBJ_STRING; an extension keeps its JSON type (PBJ_STRING, PBJ_BOOL, PBJ_INT).
 * Slots below "data" are read from `data` when it is JSON, and from `data_base64` when datacontenttype says JSON and
 * the decoded bytes are JSON. Of a key given twice the last counts. */
uint32_t pbj_plan_add(pbj_plan *, const patchbay_str *components, uint32_t count);
uint32_t pbj_plan_count(const pbj_plan *);

/* ---- Arena: bytes that the text does not hold as they are. Never moves what it gave out. -------------------- */
typedef struct pbj_arena pbj_arena;
pbj_arena *pbj_arena_new(void);
void pbj_arena_free(pbj_arena *);
void pbj_arena_reset(pbj_arena *);
const char *pbj_arena_base(const pbj_arena *);   /* what PBJ_ARENA offsets count from; NULL until something is in it, then fixed for the arena's life */
uint64_t pbj_arena_used(const pbj_arena *);
/* Copies bytes in; returns a span with PBJ_ARENA set, or one of length UINT32_MAX when memory is out. */
pbj_span pbj_arena_copy(pbj_arena *, const char *bytes, uint64_t length);

/* ---- Decoder ---------------------------------------------------------------------------------------------- */
typedef struct pbj_decoder pbj_decoder;
pbj_decoder *pbj_decoder_new(pbj_limits limits, const pbj_plan *plan);
void pbj_decoder_free(pbj_decoder *);

/* When lines are plain JSON and not CloudEvents: every line becomes the data of an event with this envelope and
 * the id `id_prefix` followed by the decimal `id_first + line_index`. NULL: lines are CloudEvents. */
typedef struct pbj_envelope { patchbay_str type, source, id_prefix; uint64_t id_first; } pbj_envelope;

typedef struct pbj_batch {
  const char *text;           /* in: at least 64 readable bytes must follow text + end                  */
  uint32_t start, end;        /* in: decode whole lines of text[start, end); the last may lack its \n   */
  const pbj_envelope *envelope;
  pbj_event *events;          /* in: room for `capacity` events                                         */
  patchbay_kv *ext;           /* in: room for `ext_capacity` extension attributes                       */
  pbj_field *fields;          /* in: room for `capacity` x plan count; fields of event k start at k x plan count */
  uint32_t capacity, ext_capacity;
  pbj_arena *arena;
  uint32_t count;             /* out: events written, refused ones included; blank lines write none     */
  uint32_t ext_count;         /* out                                                                    */
  uint32_t consumed;          /* out: where the next call starts                                        */
  uint32_t lines;             /* out: lines consumed, blank ones included                               */
} pbj_batch;
/* Decodes until the text, the events or the extension room ends. An event with more extensions than
 * `ext_capacity` holds in an empty batch is refused as PBJ_E_TOO_LARGE. Always consumes at least one line. */
void pbj_decode(pbj_decoder *, pbj_batch *);

/* ---- Any JSON text ---------------------------------------------------------------------------------------- */
/* Visits valid or invalid JSON in document order. A callback may be NULL; none may use the decoder. Returns enum
 * pbj_error and where. limits.nesting counts, limits.event_bytes does not; no padding is needed. Text without escapes
 * is pointed at in `text`; text that had escapes, and the fields themselves, last only until the callback returns. */
typedef struct pbj_visitor {
  void *context;
  void (*scalar)(void *, const pbj_field *);                       /* null, bool, numbers, strings      */
  void (*key)(void *, const char *ptr, uint32_t length);
  void (*begin)(void *, int32_t is_object);
  void (*end)(void *, int32_t is_object);
} pbj_visitor;
uint32_t pbj_visit(pbj_decoder *, const char *text, uint64_t length, const pbj_visitor *, uint32_t *error_offset);

const char *pbj_kernel(void);     /* the simdjson kernel in use, for `patchbay version` */

#ifdef __cplusplus
}
#endif
#endif
