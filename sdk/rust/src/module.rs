/// The manifest in an ELF note, which a host reads before it loads the module.
#[repr(C, align(4))]
pub struct Note<const N: usize> {
    name_size: u32,
    size: u32,
    kind: u32,
    name: [u8; 4],
    text: [u8; N],
}

impl<const N: usize> Note<N> {
    /// `N` is `Note::<0>::room(json)`.
    pub const fn new(json: &str) -> Self {
        let bytes = json.as_bytes();
        let mut text = [0; N];
        let mut index = 0;
        while index < bytes.len() {
            text[index] = bytes[index];
            index += 1;
        }
        Note { name_size: 4, size: bytes.len() as u32 + 1, kind: 1, name: *b"PBY\0", text }
    }

    /// With a zero at the end, a multiple of four.
    pub const fn room(json: &str) -> usize {
        (json.len() + 4) & !3
    }
}

/// What `module!` writes.
pub mod glue {
    pub use crate::abi;
    use crate::abi::{CallId, RawEvent, RawHandler, RawHost, RawInstance, RawStatus, Str};
    use crate::batch::Batch;
    use crate::call::Call;
    use crate::event::Event;
    use crate::guard::caught;
    use crate::handler::{BatchHandler, Handler, Host};
    use crate::outcome::Outcome;
    use crate::services::Services;
    use alloc::boxed::Box;
    use alloc::string::ToString;
    use alloc::sync::Arc;

    struct Instance<H> {
        handler: H,
        services: Arc<Services>,
    }

    /// The table of a handler type under an id.
    pub const fn table<H: Handler>(id: &'static str) -> RawHandler {
        RawHandler {
            size: core::mem::size_of::<RawHandler>() as u32,
            flags: 0,
            id: Str::of(id),
            create: create::<H>,
            handle: handle::<H>,
            handle_batch: None,
            cancel: Some(cancel::<H>),
            reconfigure: Some(reconfigure::<H>),
            drain: Some(drain::<H>),
            destroy: destroy::<H>,
        }
    }

    /// The same for one that takes batches.
    pub const fn batch_table<H: BatchHandler>(id: &'static str) -> RawHandler {
        RawHandler { handle_batch: Some(handle_batch::<H>), ..table::<H>(id) }
    }

    unsafe fn refuse(host: *const RawHost, status: RawStatus, problem: &str) -> RawStatus {
        ((*host).set_error)(host, Str::of(problem));
        status
    }

    unsafe extern "C" fn create<H: Handler>(
        host: *const RawHost,
        config: Str,
        out: *mut *mut RawInstance,
    ) -> RawStatus {
        let services = Arc::new(Services::new(host));
        let made = caught(|| H::create(config.text(), &Host { services: services.clone() }));
        let problem = match made {
            Ok(Ok(handler)) => {
                *out = Box::into_raw(Box::new(Instance { handler, services })).cast();
                return abi::OK;
            }
            Ok(Err(problem)) => problem,
            Err(panic) => "panic: ".to_string() + &panic,
        };
        refuse(host, abi::E_ARG, &problem)
    }

    unsafe extern "C" fn handle<H: Handler>(
        instance: *mut RawInstance,
        id: CallId,
        event: *const RawEvent,
    ) -> RawStatus {
        let instance = &*instance.cast::<Instance<H>>();
        let call = Call { id, services: instance.services.clone() };
        let outcome = match caught(|| instance.handler.handle(&Event::new(&*event), &call)) {
            Ok(outcome) => outcome,
            Err(panic) => Outcome::retry("panic: ".to_string() + &panic),
        };
        if outcome.is_deferred() {
            return abi::PENDING;
        }
        // A call that the host has given up, or that was deferred and completed, needs no completion.
        let _ = call.complete(&outcome);
        abi::OK
    }

    unsafe extern "C" fn handle_batch<H: BatchHandler>(
        instance: *mut RawInstance,
        count: u64,
        calls: *const CallId,
        events: *const *const RawEvent,
    ) -> RawStatus {
        let instance = &*instance.cast::<Instance<H>>();
        let calls = core::slice::from_raw_parts(calls, count as usize);
        let events = core::slice::from_raw_parts(events, count as usize);
        let batch = Batch::new(calls, events, &instance.services);
        let problem =
            caught(|| instance.handler.handle_batch(&batch)).err().map(|panic| "panic: ".to_string() + &panic);
        if batch.settles_rest(&problem.as_ref().map_or_else(Outcome::done, |problem| Outcome::retry(problem.as_str())))
        {
            return abi::PENDING;
        }
        problem.map_or(abi::OK, |problem| refuse(instance.services.host, abi::E_INTERNAL, &problem))
    }

    unsafe extern "C" fn reconfigure<H: Handler>(instance: *mut RawInstance, config: Str) -> RawStatus {
        let instance = &*instance.cast::<Instance<H>>();
        let problem = match caught(|| instance.handler.reconfigure(config.text())) {
            Ok(Ok(())) => return abi::OK,
            Ok(Err(problem)) => problem,
            Err(panic) => "panic: ".to_string() + &panic,
        };
        refuse(instance.services.host, abi::E_ARG, &problem)
    }

    unsafe extern "C" fn drain<H: Handler>(instance: *mut RawInstance, deadline_ns: u64) -> RawStatus {
        let instance = &*instance.cast::<Instance<H>>();
        match caught(|| instance.handler.drain((deadline_ns > 0).then_some(deadline_ns))) {
            Ok(()) => abi::OK,
            Err(panic) => refuse(instance.services.host, abi::E_INTERNAL, &("panic: ".to_string() + &panic)),
        }
    }

    unsafe extern "C" fn cancel<H: Handler>(instance: *mut RawInstance, _call: CallId, _why: i32) {
        let instance = &*instance.cast::<Instance<H>>();
        // A hint: nobody is to be told that it failed.
        let _ = caught(|| instance.handler.cancel());
    }

    unsafe extern "C" fn destroy<H: Handler>(instance: *mut RawInstance) {
        let instance = Box::from_raw(instance.cast::<Instance<H>>());
        // What a destructor has to say comes too late.
        let _ = caught(move || drop(instance));
    }
}

/// Makes the crate a module: its manifest, without `abi`, `runtime` and `linkage`, which are added, and the type of each
/// handler. `batch_handlers` may follow, types that are a `BatchHandler`, then `shutdown` and `component`, C functions as
/// the ABI has them. Once, in a `cdylib`.
#[macro_export]
macro_rules! module {
    (@optional) => { None };
    (@optional $function:expr) => { Some($function) };
    (manifest: $manifest:literal, handlers: { $($id:literal => $type:ty),* $(,)? }
        $(, batch_handlers: { $($batch_id:literal => $batch_type:ty),+ $(,)? })?
        $(, shutdown: $shutdown:expr)? $(, component: $component:expr)? $(,)?) => {
        const _: () = {
            const JSON: &str = concat!(
                r#"{"abi": {"major": 1, "minor": 0}, "runtime": "rust", "runtimeVersion": "", "linkage": "static", "#,
                $manifest, "}");

            #[used]
            #[link_section = ".note.patchbay"]
            static NOTE: $crate::Note<{ $crate::Note::<0>::room(JSON) }> = $crate::Note::new(JSON);

            static HANDLERS: &[&$crate::abi::RawHandler] =
                &[$({
                    static TABLE: $crate::abi::RawHandler = $crate::glue::table::<$type>($id);
                    &TABLE
                },)* $($({
                    static TABLE: $crate::abi::RawHandler = $crate::glue::batch_table::<$batch_type>($batch_id);
                    &TABLE
                },)+)?];

            static MODULE: $crate::abi::RawModule = $crate::abi::RawModule {
                size: core::mem::size_of::<$crate::abi::RawModule>() as u32,
                abi_minor: 0,
                unload: 0,
                reserved: 0,
                handlers: HANDLERS.as_ptr().cast(),
                handler_count: HANDLERS.len() as u64,
                shutdown: $crate::module!(@optional $($shutdown)?),
                component: $crate::module!(@optional $($component)?),
            };

            #[no_mangle]
            unsafe extern "C" fn patchbay_module_v1(
                _host: *const $crate::abi::RawHost,
                out: *mut *const $crate::abi::RawModule,
            ) -> i32 {
                *out = &MODULE;
                $crate::abi::OK
            }
        };
    };
}
