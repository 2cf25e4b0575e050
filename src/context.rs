//! What an `iotx_coap_context_t *` points to: one client, its link and its
//! lock. Made by Init, taken apart by Deinit; what happens in between is in
//! [`crate::drive`].

use alloc::boxed::Box;
use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use iot_coap_client::{Client, Config};

use crate::clock::Clock;
use crate::configuration::{Configuration, Options};
use crate::extension::Subscriber;
use crate::fallible::boxed;
use crate::lock::Lock;
use crate::log::log;
use crate::port;
use crate::thread::Thread;
use crate::token_store::TokenStore;
use crate::transport::{Address, Link, SessionStore};
use crate::types::iotx_response_callback_t;

/// Tells a context from other memory, as far as that can be told.
const MAGIC: u32 = 0x496f_5443;

/// How many contexts are open. Only for people to read: two threads that open
/// or close at the same moment may be counted as one, so that no more than
/// loads and stores are needed of the machine.
static OPEN: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn open_contexts() -> usize {
    OPEN.load(Ordering::Relaxed)
}

/// What an application ties to a message.
#[derive(Clone, Copy)]
pub(crate) struct Application {
    pub(crate) callback: iotx_response_callback_t,
    /// Handed through, never looked into.
    pub(crate) user_data: *mut c_void,
}

// SAFETY: the pointer is handed back to the program that gave it, which knows
// which of its threads call.
unsafe impl Send for Application {}

/// Why a context is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// For good.
    Deinit,
    /// To go on later: its session is kept.
    Sleep,
}

/// One client and all that belongs to it.
#[repr(C)]
pub(crate) struct Context {
    magic: u32,
    pub(crate) wait_ms: u32,
    pub(crate) address: Address,
    /// Whether one thread may write while another reads.
    pub(crate) full_duplex: bool,
    subscriber: Option<Subscriber>,
    store: Option<TokenStore>,
    pub(crate) state: Lock<State>,
}

/// What the lock guards.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not one state")]
pub(crate) struct State {
    pub(crate) client: Client<Application>,
    pub(crate) clock: Clock,
    /// None while a new one is being opened.
    pub(crate) link: Option<Link>,
    /// The link failed, or none could be opened: not before this time is
    /// another opened.
    pub(crate) reopen_at: Option<u64>,
    /// Since when a message sent over DTLS waits for any sign of the peer.
    pub(crate) silent_since: Option<u64>,
    /// Openings in a row that failed.
    pub(crate) failed_openings: u32,
    /// A thread waits in the port's read, or opens a link.
    pub(crate) reading: bool,
    /// Another thread came by while one was reading.
    pub(crate) shared: bool,
    /// The thread that last signed in or sent a message, as far as threads can
    /// be told apart.
    pub(crate) sender: Option<Thread>,
    /// Threads in a call that waits.
    pub(crate) waiting: u32,
    /// Deinit was called: whoever waits is to leave.
    pub(crate) closing: bool,
    /// Callbacks that run, on any thread.
    pub(crate) callbacks: u32,
    /// The access token in force was kept over a restart, and no sign-in was
    /// asked for since.
    pub(crate) restored: bool,
    /// The DTLS session was replaced; the application is yet to be told.
    pub(crate) session_renewed: bool,
    /// A question mark in a path was logged.
    pub(crate) query_logged: bool,
}

impl State {
    /// When another link is to be opened: UDP's never is.
    pub(crate) fn reopening(&self) -> Option<u64> {
        self.reopen_at.filter(|_| cfg!(feature = "coaps"))
    }

    /// The time. Read with the lock held, so that it never goes back.
    pub(crate) fn now(&mut self) -> u64 {
        self.clock.at(port::uptime_ms())
    }
}

impl Context {
    /// Opens a link and makes a context for it; `None`, with the reason
    /// logged, if either fails.
    pub(crate) fn open(configuration: Configuration, options: Options) -> Option<NonNull<Self>> {
        let Configuration { device, endpoint, wait_ms } = configuration;
        let store = (cfg!(feature = "extension") && options.keep_access_token)
            .then(|| TokenStore::new(&device, &endpoint));
        let sessions = (cfg!(feature = "extension") && options.keep_session)
            .then(|| SessionStore::new(&device, &endpoint).and_then(boxed))
            .flatten();
        let mut config = Config::new(device, &endpoint, port::seed());
        config.sign_in.method = options.sign_method;
        config.sign_in.encoding = options.encoding;
        config.sign_in.timestamp = options.timestamp_ms;
        if let Some(number) = options.access_token_option {
            config.access_token_option = number;
        }
        if let Some(most) = options.max_outstanding {
            config.max_outstanding = most;
        }
        if let Some(ms) = options.ack_timeout_ms {
            config.transmission.ack_timeout_ms = ms;
        }
        let address = Address::new(endpoint, options.trust_root, sessions)?;
        let full_duplex = address.is_full_duplex();
        let link = address.resume()?;
        let clock = Clock::new(port::uptime_ms());
        let mut client = Client::new(config);
        let restored = cfg!(feature = "extension")
            && store.as_ref().is_some_and(|store| store.restore(clock.told(), &mut client));
        let state = State {
            client,
            clock,
            link: Some(link),
            reopen_at: None,
            silent_since: None,
            failed_openings: 0,
            reading: false,
            shared: false,
            sender: None,
            waiting: 0,
            closing: false,
            callbacks: 0,
            restored,
            session_renewed: false,
            query_logged: false,
        };
        let context = Lock::new(state).ok().and_then(|state| {
            let subscriber = options.subscriber;
            let context =
                Self { magic: MAGIC, wait_ms, address, full_duplex, subscriber, store, state };
            boxed(context).map(|context| NonNull::from(Box::leak(context)))
        });
        if context.is_none() {
            link.close();
            log!(Error, "IOT_CoAP_Init: no memory for a context");
        } else {
            OPEN.store(open_contexts().wrapping_add(1), Ordering::Relaxed);
        }
        context
    }

    /// Who is told what happens. (Said so that a build without the extension
    /// has nothing of it.)
    pub(crate) fn subscriber(&self) -> Option<Subscriber> {
        self.subscriber.filter(|_| cfg!(feature = "extension"))
    }

    /// Where the access token is kept.
    pub(crate) fn store(&self) -> Option<&TokenStore> {
        self.store.as_ref().filter(|_| cfg!(feature = "extension"))
    }

    /// The context behind `handle`, or `None`, with a line in the log, if it is
    /// NULL or can be told to be none.
    ///
    /// # Safety
    ///
    /// `handle` is NULL, or came from Init and was not given to Deinit.
    pub(crate) unsafe fn from_handle<'a>(handle: *mut c_void, name: &str) -> Option<&'a Self> {
        let found = NonNull::new(handle.cast::<Self>())
            .filter(|context| context.is_aligned())
            // SAFETY: the caller's promise; the magic word is looked at before
            // the rest is relied on.
            .filter(|context| unsafe { (&raw const (*context.as_ptr()).magic).read() } == MAGIC);
        let Some(context) = found else {
            log!(Error, "{name}: the context is NULL or not one of IOT_CoAP_Init's");
            return None;
        };
        // SAFETY: the caller's promise, and its magic word is in place.
        Some(unsafe { context.as_ref() })
    }

    /// Closes the link and frees the context, once no thread waits in it; for
    /// `Ending::Sleep`, keeps its session before. Refuses, with a line in the log
    /// that begins with `name`, while a callback of it runs on this thread.
    ///
    /// # Safety
    ///
    /// `self` came from Init; no other call of it starts from now on.
    pub(crate) unsafe fn close(&self, name: &str, ending: Ending) -> bool {
        let mut state = self.state.lock();
        if self.is_in_callback(&state) {
            log!(
                Error,
                "{name}: refused, since a callback of this context is running; return \
                 from it first"
            );
            return false;
        }
        state.closing = true;
        while state.waiting != 0 {
            drop(state);
            port::sleep_ms(1);
            state = self.state.lock();
        }
        let link = state.link.take();
        drop(state);
        if let Some(link) = link {
            if cfg!(feature = "extension") && ending == Ending::Sleep {
                self.address.keep_for_sleep(link);
            }
            link.close();
        }
        OPEN.store(open_contexts().saturating_sub(1), Ordering::Relaxed);
        let context = core::ptr::from_ref(self).cast_mut();
        // SAFETY: by the caller's promise, no one else uses the context now.
        // Its magic word is changed so that a late use can be told, for as
        // long as the memory is not used again.
        unsafe {
            (&raw mut (*context).magic).write_volatile(0);
            drop(Box::from_raw(context));
        }
        true
    }
}
