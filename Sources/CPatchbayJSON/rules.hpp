// What CloudEvents 1.0 asks of the forms of attributes (specification sections 2 and 3.1).
#pragma once
#include <cstdint>

namespace patchbay {

/// RFC 3339 date-time, calendar included; a leap second may stand at any minute's end. May read 8 bytes past `length`.
bool is_timestamp(const char *text, uint32_t length);
/// RFC 2046 media type, with or without parameters (which are not looked at).
bool is_media_type(const char *text, uint32_t length);
/// Its media type is `*/json` or `*/*+json`.
bool is_json_media_type(const char *text, uint32_t length);
/// Only characters that RFC 3986 lets stand in a URI-reference, and not empty.
bool is_uri_reference(const char *text, uint32_t length);
/// A URI-reference that begins with a scheme.
bool is_uri(const char *text, uint32_t length);
/// a-z and 0-9, and not empty.
bool is_attribute_name(const char *text, uint32_t length);

}  // namespace patchbay
