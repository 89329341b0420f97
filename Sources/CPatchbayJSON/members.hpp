// CloudEvents' own members of an event's JSON object.
#pragma once
#include <cstdint>
#include <cstring>

namespace patchbay {

/// In the order of their fields in `pbj_event`; every other name is an extension's.
enum Member : uint32_t {
  member_id, member_source, member_type, member_subject, member_time, member_datacontenttype, member_dataschema,
  member_specversion, member_data, member_data_base64, member_count, member_extension = member_count
};

/// The member that a name stands for; lengths tell most of them apart.
inline Member member_named(const char *name, uint64_t length) {
  switch (length) {
    case 2: return memcmp(name, "id", 2) == 0 ? member_id : member_extension;
    case 4:
      if (memcmp(name, "type", 4) == 0) return member_type;
      if (memcmp(name, "data", 4) == 0) return member_data;
      return memcmp(name, "time", 4) == 0 ? member_time : member_extension;
    case 6: return memcmp(name, "source", 6) == 0 ? member_source : member_extension;
    case 7: return memcmp(name, "subject", 7) == 0 ? member_subject : member_extension;
    case 10: return memcmp(name, "dataschema", 10) == 0 ? member_dataschema : member_extension;
    case 11:
      if (memcmp(name, "specversion", 11) == 0) return member_specversion;
      return memcmp(name, "data_base64", 11) == 0 ? member_data_base64 : member_extension;
    case 15: return memcmp(name, "datacontenttype", 15) == 0 ? member_datacontenttype : member_extension;
    default: return member_extension;
  }
}

inline const char *name_of(Member member) {
  constexpr const char *names[] = {"id", "source", "type", "subject", "time", "datacontenttype", "dataschema",
                                   "specversion", "data", "data_base64"};
  return member < member_count ? names[member] : "";
}

}  // namespace patchbay
