//! An `iotx_coap_context_t *` points to a context: one client, its link and its lock. Init
//! makes it and Deinit closes it; what happens in between is in [`crate::drive`].

use alloc::boxed::Box;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

use iot_coap_client::{Client, Config, Instant, TransmissionParameters};

use crate::buffers::Buffers;
use crate::call::Call;
use crate::callbacks::Callbacks;
use crate::clock::Clock;
use crate::configuration::{Configuration, Options};
use crate::entered::Entered;
use crate::fallible::{boxed, room};
use crate::link::{Connector, Link, SessionStore};
use crate::lock::{Guard, Lock, LockMutex};
use crate::log::{Once, Queue, log};
use crate::notices::Subscriber;
use crate::open_contexts::{count_closed, count_opened};
use crate::pace::Pace;
use crate::port;
use crate::process::Process;
use crate::token_store::TokenStore;
use crate::types::iotx_response_callback_t;

/// Marks a context, so that most invalid handles are recognised.
pub(crate) const MAGIC: u32 = 0x496f_5443;

/// Who gets the response to a message.
#[derive(Clone, Copy)]
pub(crate) struct Recipient {
    pub(crate) callback: iotx_response_callback_t,
    /// Passed to the callback, never read.
    pub(crate) user_data: *mut c_void,
}

// SAFETY: the pointer is only handed back to the program that gave it, which knows which of
// its threads call.
unsafe impl Send for Recipient {}

/// Why a context is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The program is done with it.
    Deinit,
    /// The device sleeps: the session is kept, and another context goes on with it.
    Pause,
}

/// One client and everything that belongs to it.
#[repr(C)]
pub(crate) struct Context {
    pub(crate) magic: u32,
    pub(crate) wait_ms: u32,
    pub(crate) sign_in_limit_ms: u32,
    pub(crate) connector: Connector,
    /// Datagrams are received into buffers on the heap; see [`crate::buffers`].
    pub(crate) uses_heap_buffers: bool,
    /// Its DTLS session is kept for another context.
    pub(crate) keeps_session: bool,
    /// The process that the context belongs to.
    pub(crate) process: Process,
    /// The calls that are in the context.
    pub(crate) entered: Entered,
    subscriber: Option<Subscriber>,
    token_store: Option<Box<TokenStore>>,
    /// An odd content type, and an odd message type, were logged.
    pub(crate) content_type_logged: Once,
    pub(crate) msg_type_logged: Once,
    pub(crate) state: Lock<State>,
}

/// The state that the lock guards.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not one state")]
pub(crate) struct State {
    pub(crate) client: Client<Recipient>,
    pub(crate) link: Link,
    pub(crate) clock: Clock,
    pub(crate) buffers: Buffers,
    /// Lines for the log, to be written once the lock is free.
    pub(crate) log: Queue,
    /// A call reads from the port, or opens a transport. Only one does at a time.
    pub(crate) is_io_claimed: bool,
    /// Another thread wanted to read while one was reading.
    pub(crate) shared: bool,
    pub(crate) pace: Pace,
    /// Deinit was called: threads that wait must leave.
    pub(crate) closing: bool,
    /// The callbacks that are running, on any thread.
    pub(crate) callbacks: Callbacks,
    /// The current access token was kept over a restart, and no sign-in was requested
    /// since.
    pub(crate) is_token_restored: bool,
    /// The access token in the store must be written or deleted.
    pub(crate) has_token_changed: bool,
    /// A thread writes to the store.
    pub(crate) is_storing: bool,
    /// A question mark in a path was logged.
    pub(crate) query_logged: bool,
}

impl State {
    /// The time. Read with the lock held, so that it never goes back.
    pub(crate) fn now(&mut self) -> Instant {
        self.clock.at(port::uptime_ms())
    }

    /// Gives back the receive buffer that a call has, if any.
    #[inline]
    pub(crate) fn release_buffer(&mut self, call: &Call) {
        if cfg!(feature = "dtls-psk")
            && let Some(number) = call.buffer.take()
        {
            self.buffers.give_back(number);
        }
    }
}

/// The resources of a context that may be exhausted, taken before anything is opened.
struct Place {
    memory: Box<MaybeUninit<Context>>,
    mutex: LockMutex,
    entered: Entered,
    process: Process,
}

impl Place {
    fn take() -> Option<Self> {
        Some(Self {
            memory: room()?,
            mutex: LockMutex::new()?,
            entered: Entered::new()?,
            process: Process::this()?,
        })
    }
}

#[cold]
fn no_memory<T>() -> Option<T> {
    log!(Error, "no memory for a context");
    None
}

impl Context {
    /// Makes a context and starts to open its link. Returns `None`, with the reason logged,
    /// if that cannot begin.
    pub(crate) fn new(configuration: Configuration, options: Options) -> Option<NonNull<Self>> {
        let Configuration { device, endpoint, wait_ms } = configuration;
        let Some(place) = Place::take() else { return no_memory() };
        let token_store = (cfg!(feature = "extension") && options.keep_access_token)
            .then(|| boxed(TokenStore::new(&device, &endpoint)))
            .flatten();
        #[cfg(all(feature = "dtls-psk", not(feature = "port-linux")))]
        if endpoint.security == iot_coap_client::Security::Dtls
            && matches!(port::Linked::find(), port::Linked::None)
        {
            port::hedge::start(&device, &endpoint);
        }
        let mut sessions = Self::session_store(&options, &device, &endpoint);
        let mut config = Config::new(device, &endpoint, port::seed())
            .sign_method(options.sign_method)
            .encoding(options.encoding)
            .timestamp_ms(options.timestamp_ms)
            .max_in_flight(options.max_in_flight);
        if let Some(number) = options.access_token_option {
            config = config.access_token_option(number);
        }
        if let Some(most) = options.max_outstanding {
            config = config.max_outstanding(most);
        }
        if let Some(timeout) = options.ack_timeout {
            config = config.transmission(TransmissionParameters {
                ack_timeout: timeout,
                ..TransmissionParameters::default()
            });
        }
        let (connect_limit, sign_in_limit) =
            (options.connect_limit(), options.sign_in_limit(wait_ms));
        let Some(connector) = Connector::new(endpoint, options.dtls, options.ack_timeout) else {
            return no_memory();
        };
        connector.check()?;
        let mut clock = Clock::new(port::uptime_ms());
        let now = clock.at(port::uptime_ms());
        let opened = connector.open(now, sessions.as_deref_mut())?;
        // A name server may have taken some time.
        let now = clock.at(port::uptime_ms());
        let mut client = Client::new(config);
        let is_token_restored = cfg!(feature = "extension")
            && token_store.as_ref().is_some_and(|store| store.restore(now, &mut client));
        let mut log = Queue::default();
        let link = Link::new(now, opened, sessions, connect_limit, &mut log);
        if let Some(kept) = link.kept_timeout() {
            client.restore_retransmission_timeout(now, kept);
        }
        let state = State {
            client,
            link,
            clock,
            buffers: Buffers::default(),
            log,
            is_io_claimed: false,
            shared: false,
            pace: Pace::new(options.keeps_own_pace),
            closing: false,
            callbacks: Callbacks::default(),
            is_token_restored,
            has_token_changed: false,
            is_storing: false,
            query_logged: false,
        };
        let context = Box::write(
            place.memory,
            Self {
                magic: MAGIC,
                wait_ms,
                sign_in_limit_ms: sign_in_limit.as_millis_u32(),
                uses_heap_buffers: connector.needs_long_buffer(),
                connector,
                keeps_session: options.keep_session,
                entered: place.entered,
                process: place.process,
                subscriber: options.subscriber,
                token_store,
                content_type_logged: Once::default(),
                msg_type_logged: Once::default(),
                state: Lock::new(place.mutex, state),
            },
        );
        count_opened();
        Some(NonNull::from(Box::leak(context)))
    }

    #[cfg(all(feature = "dtls-psk", feature = "extension"))]
    fn session_store(
        options: &Options,
        device: &iot_coap_client::Device,
        endpoint: &iot_coap_client::Endpoint,
    ) -> Option<Box<SessionStore>> {
        let keeps = options.keep_session && endpoint.security == iot_coap_client::Security::Dtls;
        keeps.then(|| SessionStore::new(device, endpoint).and_then(boxed)).flatten()
    }

    #[cfg(not(all(feature = "dtls-psk", feature = "extension")))]
    const fn session_store(
        _options: &Options,
        _device: &iot_coap_client::Device,
        _endpoint: &iot_coap_client::Endpoint,
    ) -> Option<Box<SessionStore>> {
        None
    }

    /// Who gets notices. (Written in a way that lets the compiler leave notices out of a
    /// build without the extension.)
    pub(crate) fn subscriber(&self) -> Option<Subscriber> {
        self.subscriber.filter(|_| cfg!(feature = "extension"))
    }

    /// The store of the access token.
    pub(crate) fn token_store(&self) -> Option<TokenStore> {
        self.token_store.as_deref().copied().filter(|_| cfg!(feature = "extension"))
    }

    /// The handle by which C knows this context.
    pub(crate) const fn handle(&self) -> *const c_void {
        core::ptr::from_ref(self).cast()
    }

    /// Whether a callback of this context runs on the calling thread, or may.
    pub(crate) fn is_in_callback(&self, state: &State) -> bool {
        state.callbacks.is_in_one(self.handle())
    }

    /// Releases what an abandoned call holds. Its sign-in goes on, and another thread takes
    /// over reading.
    pub(crate) fn abandon(&self, call: &Call) {
        let mut state = self.state.lock();
        if call.reads.replace(false) {
            state.is_io_claimed = false;
        }
        state.release_buffer(call);
        if call.waits.replace(false) {
            state.pace.handle_wait_end();
        }
        if call.calls_back.get() {
            state.callbacks.end(call);
        }
    }

    /// Unlocks the context, and writes the log lines that waited.
    pub(crate) fn unlock(mut state: Guard<'_, State>) {
        if state.log.is_empty() {
            return;
        }
        let lines = core::mem::take(&mut state.log);
        drop(state);
        lines.write();
    }

    /// Closes the link and frees the context, once every call has left it. For
    /// `Ending::Pause`, keeps its session first. Refuses, with a line in the log that
    /// begins with `name`, while a callback of the context runs on this thread.
    ///
    /// The program's `handle` is NULL before another thread is woken: a loop of
    /// `IOT_CoAP_Yield` that looks there does not enter the context again.
    ///
    /// # Safety
    ///
    /// `context` came from Init; no other call of it starts from now on. (It is a pointer,
    /// since a reference must not outlive the context.)
    pub(crate) unsafe fn close(
        context: NonNull<Self>,
        name: &str,
        ending: Ending,
        handle: Option<&mut *mut c_void>,
    ) -> bool {
        // SAFETY: the context came from Init, and is freed below at the earliest.
        let this = unsafe { context.as_ref() };
        let mut state = this.state.lock();
        if this.is_in_callback(&state) {
            drop(state);
            log!(
                Error,
                "{name}: refused, since a callback of this context is running; return \
                 from it first"
            );
            return false;
        }
        if let Some(handle) = handle {
            // SAFETY: a reference may be written to. (Other threads of the program may
            // read the handle, so the write must not move below the wait.)
            unsafe { core::ptr::from_mut(handle).write_volatile(null_mut()) };
        }
        state.closing = true;
        state.link.stop_reading();
        drop(state);
        while !this.entered.is_empty() {
            port::sleep_ms(1);
        }
        let mut guard = this.state.lock();
        let now = guard.now();
        let State { client, link, log, .. } = &mut *guard;
        #[cfg(all(feature = "dtls-psk", feature = "extension"))]
        let left = (ending == Ending::Pause)
            .then(|| link.take_for_pause(client.learned_timeout(now), log))
            .flatten();
        let _ = (ending, client, link, log, now);
        Self::unlock(guard);
        #[cfg(all(feature = "dtls-psk", feature = "extension"))]
        if let Some(left) = left {
            left.keep();
        }
        let was_last = count_closed();
        #[cfg(all(feature = "dtls-psk", not(feature = "port-linux")))]
        if was_last {
            port::hedge::forget();
        }
        let _ = was_last;
        let context = context.as_ptr();
        // SAFETY: no call is in the context and, by the contract, none starts. The magic
        // word is cleared so that a late use is recognised until the memory is reused.
        unsafe {
            (&raw mut (*context).magic).write_volatile(0);
            drop(Box::from_raw(context));
        }
        true
    }
}
