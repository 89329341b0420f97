/* patchbay/mail.h - patchbay.mail/1: mail through an SMTP server. */
#ifndef PATCHBAY_SERVICE_MAIL_H
#define PATCHBAY_SERVICE_MAIL_H
#include "http.h"
#ifdef __cplusplus
extern "C" {
#endif

#define PATCHBAY_MAIL "patchbay.mail/1"

/* `flags` of a mail: TLS is used where the server offers it, and not insisted on. Without it a server that does not
 * offer STARTTLS gets nothing, as it should be for all but a test or a server on this machine. */
#define PATCHBAY_MAIL_TLS_OPTIONAL 1u

/* A message and its way. The host copies it before `send` returns. */
typedef struct patchbay_mail_message {
  uint32_t size;
  uint32_t flags;

  patchbay_str server; /* smtp://host:port (STARTTLS), or smtps://host:port (TLS from the start) */
  patchbay_str user;   /* empty: no authentication                                              */
  patchbay_str password;

  patchbay_str from;             /* an address, as a@example.com */
  const patchbay_str *recipients; /* addresses, at least one     */
  uint64_t recipient_count;

  /* Headers, an empty line and the body, as RFC 5322 has them; every line ends with CRLF. */
  const uint8_t *content;
  uint64_t content_len;

  uint64_t timeout_ns; /* as of a request */
} patchbay_mail_message;

typedef struct patchbay_mail {
  uint32_t size;
  uint32_t reserved;

  /* Sends `message`: as patchbay_http.send, with the same refusals and grants. The answer's status is the server's code;
   * one that refuses sender, user, message or one of the recipients is PATCHBAY_FAULT_REFUSED, permanent from 500 on. */
  patchbay_status (*send)(const patchbay_host *host, patchbay_call call, const patchbay_mail_message *message,
                          patchbay_answered answered, void *context);
} patchbay_mail;

#ifdef __cplusplus
}
#endif
#endif
