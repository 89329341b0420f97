/* patchbay/network.hpp - requests and mail over the host's connections. Include patchbay.hpp instead. */
#ifndef PATCHBAY_NETWORK_HPP
#define PATCHBAY_NETWORK_HPP
#include <condition_variable>
#include <memory>
#include <mutex>

#include "host.hpp"
#include "outcome.hpp"

#pragma GCC visibility push(hidden)
namespace patchbay {

using Headers = std::vector<std::pair<std::string, std::string>>;

/* A request to a service that the configuration lets this module reach. The trace of the call is added by the host. */
struct Request {
  std::string method; /* empty: GET without a body, POST with one */
  std::string url;    /* absolute */
  Headers headers;
  std::string body;
  std::chrono::nanoseconds timeout{}; /* for the whole exchange; 0: 30 seconds */
  uint64_t response_bytes_max = 0;    /* 0: 1 MiB */
};

/* What a service answered. */
struct Response {
  int32_t status = 0;
  Headers headers; /* names in lowercase, in their order */
  std::string body;
  std::optional<std::chrono::nanoseconds> retry_after;

  /* The first header of this name, which is in lowercase. */
  std::optional<std::string_view> header(std::string_view name) const {
    for (const auto &header : headers)
      if (header.first == name) return header.second;
    return std::nullopt;
  }

  /* What the status means for an event, when nothing else is known of the service: 2xx is done; 408, 425, 429 and 5xx
   * are tried again, after `Retry-After` where there is one; the rest, redirects included, fails for good, and spares
   * the breaker where the request is to blame. Sources: RFC 9110, clause 15; RFC 6585, clause 4; RFC 8470, clause 5.2.
   * */
  Outcome outcome() const {
    const std::string reason = "http_" + std::to_string(status) + ": " + body.substr(0, 200);
    if (status >= 200 && status <= 299) return Outcome::done();
    if (status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599)) {
      Outcome retry = retry_after ? Outcome::retry_after(*retry_after, reason) : Outcome::retry(reason);
      return std::move(retry).with_code(status);
    }
    for (int32_t bad : {400, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422})
      if (status == bad) return Outcome::reject(reason).with_code(status);
    return Outcome::fail(reason).with_code(status);
  }
};

/* Why a request or a mail has no answer. Thrown out of a handler it is tried again if it is transient, and else fails
 * for good. */
class Fault : public std::runtime_error {
public:
  explicit Fault(const patchbay_answer &answer)
      : std::runtime_error(std::string(name(answer.fault)) + ": " + std::string(view(answer.message))),
        code(answer.fault), status(answer.status), is_unsent(answer.flags & PATCHBAY_ANSWER_UNSENT) {}
  int32_t code;   /* PATCHBAY_FAULT_* */
  int32_t status; /* of a mail server, such as 550; 0: none */
  bool is_unsent; /* nothing has left the host: it is safe to send it again */

  /* Whether another attempt may do: all but what is malformed or denied, and a mail server's refusal from 500 on. */
  bool is_transient() const {
    return code != PATCHBAY_FAULT_DENIED && code != PATCHBAY_FAULT_REQUEST &&
           (code != PATCHBAY_FAULT_REFUSED || status < 500);
  }
  /* What it means for an event when it leaves a handler. */
  Outcome outcome() const {
    if (code == PATCHBAY_FAULT_CANCELLED) return Outcome::cancelled();
    return (is_transient() ? Outcome::retry(what()) : Outcome::fail(what())).with_code(status);
  }

private:
  static const char *name(int32_t code) {
    static const char *const names[] = {"ok",        "resolve",       "connect",   "tls",     "timeout", "broken",
                                        "too_large", "no_connection", "cancelled", "refused", "memory",  "denied",
                                        "request"};
    return code >= 0 && code <= PATCHBAY_FAULT_REQUEST ? names[code] : "fault";
  }
};

/* A response, or why there is none. */
class Answer {
public:
  explicit Answer(const patchbay_answer &raw) {
    if (raw.fault) fault.emplace(raw);
    response_.status = raw.status;
    for (uint64_t i = 0; i < raw.header_count; i++)
      response_.headers.emplace_back(view(raw.headers[i].key), view(raw.headers[i].value));
    if (raw.body_len) response_.body.assign(reinterpret_cast<const char *>(raw.body), raw.body_len);
    if (raw.retry_after_ns) response_.retry_after = std::chrono::nanoseconds(raw.retry_after_ns);
  }
  /* Throws the fault. */
  const Response &response() const & {
    if (fault) throw *fault;
    return response_;
  }
  Response response() && {
    if (fault) throw *fault;
    return std::move(response_);
  }
  Outcome outcome() const { return fault ? fault->outcome() : response_.outcome(); }

  std::optional<Fault> fault;

private:
  Response response_;
};

/* A mail and its way. */
struct Mail {
  std::string server; /* smtp://host:port (STARTTLS), or smtps://host:port (TLS from the start) */
  std::string from;
  std::vector<std::string> recipients; /* at least one */
  std::string content;                 /* headers, an empty line, the body; every line ends with CRLF */
  std::string user, password;          /* empty: no authentication */
  bool is_tls_optional = false;        /* for a test, or a server on this machine */
  std::chrono::nanoseconds timeout{};  /* 0: 30 seconds */
};

namespace glue {

/* Passes one answer on. What `receive` throws ends here: what it owned is destroyed, so a Deferred asks for another
 * attempt. */
template <class Receive> struct Receiver {
  Receive receive;

  static void answered(void *context, const patchbay_answer *raw) noexcept {
    const std::unique_ptr<Receiver> self(static_cast<Receiver *>(context));
    (void)caught([&] { self->receive(Answer(*raw)); });
  }
};

/* Waits for one answer on this thread. */
class Waiting {
public:
  static void answered(void *context, const patchbay_answer *raw) noexcept {
    auto *self = static_cast<Waiting *>(context);
    std::optional<Answer> copy;
    (void)caught([&] { copy.emplace(*raw); });
    const std::lock_guard<std::mutex> lock(self->mutex_);
    self->answer_ = std::move(copy);
    self->is_there_ = true;
    self->changed_.notify_one(); /* under the lock: the waiter may be gone behind it */
  }
  Answer wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return is_there_; });
    if (!answer_) throw std::bad_alloc();
    return std::move(*answer_);
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Answer> answer_;
  bool is_there_ = false;
};

inline void send(const Host &host, patchbay_call call, const Request &request, patchbay_answered answered,
                 void *context) {
  need("http.send", host.http);
  const auto headers = lend_pairs(request.headers);
  patchbay_http_request raw{};
  raw.size = sizeof raw;
  raw.method = lend(request.method);
  raw.url = lend(request.url);
  raw.headers = headers.data();
  raw.header_count = headers.size();
  raw.body = reinterpret_cast<const uint8_t *>(request.body.data());
  raw.body_len = request.body.size();
  raw.timeout_ns = static_cast<uint64_t>(request.timeout.count());
  raw.response_max = request.response_bytes_max;
  check("http.send", host.http->send(host.raw, call, &raw, answered, context));
}

inline void send(const Host &host, patchbay_call call, const Mail &mail, patchbay_answered answered, void *context) {
  need("mail.send", host.mail);
  std::vector<patchbay_str> recipients;
  for (const std::string &recipient : mail.recipients) recipients.push_back(lend(recipient));
  patchbay_mail_message raw{};
  raw.size = sizeof raw;
  raw.flags = mail.is_tls_optional ? PATCHBAY_MAIL_TLS_OPTIONAL : 0;
  raw.server = lend(mail.server);
  raw.user = lend(mail.user);
  raw.password = lend(mail.password);
  raw.from = lend(mail.from);
  raw.recipients = recipients.data();
  raw.recipient_count = recipients.size();
  raw.content = reinterpret_cast<const uint8_t *>(mail.content.data());
  raw.content_len = mail.content.size();
  raw.timeout_ns = static_cast<uint64_t>(mail.timeout.count());
  check("mail.send", host.mail->send(host.raw, call, &raw, answered, context));
}

} // namespace glue

} // namespace patchbay
#pragma GCC visibility pop

#endif
