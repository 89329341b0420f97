//! The example of all SDKs: greets whom an event is about.

use patchbay::{Call, Event, Handler, Host, Level, Outcome};

struct Hello;

impl Handler for Hello {
    fn create(_config: &str, _host: &Host) -> Result<Self, String> {
        Ok(Hello)
    }

    fn handle(&self, event: &Event, call: &Call) -> Outcome {
        if event.subject().is_empty() {
            return Outcome::reject("invalid: nobody to greet");
        }
        call.log(Level::Info, "hello", &[("detail", event.subject())]);
        Outcome::done()
    }
}

patchbay::module! {
    manifest: r#""name": "greeter", "version": "1.0.0",
        "handlers": [{"id": "hello", "accepts": ["com.example.greeting.*"], "blocking": false}]"#,
    handlers: { "hello" => Hello },
}
