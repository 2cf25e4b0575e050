//! Answers and notices for the program. This module decides what to tell;
//! [`wait`](mod@super::wait) calls the program, with no lock held.

use core::ffi::c_void;

use iot_coap_client::{Code, Event, SignInError};

use super::sent::Token;
use crate::context::{Context, Recipient, State};
use crate::layout;
use crate::link::PORT_QUESTION;
use crate::log::log_later;
use crate::message::ResponseHandle;
use crate::notices::iotx_coap_notice_kind_t::{
    IOTX_COAP_NOTICE_GAVE_UP, IOTX_COAP_NOTICE_SESSION_RENEWED, IOTX_COAP_NOTICE_SIGN_IN_FAILED,
    IOTX_COAP_NOTICE_SIGNED_IN,
};
use crate::notices::{Subscriber, iotx_coap_notice_t};
use crate::types::Callback;

/// A call of the program: a callback or a notice. Plain data, since the thread may end
/// in it.
pub(super) struct Outcall {
    target: Target,
    pub(super) response: ResponseHandle,
    notice: iotx_coap_notice_t,
}

#[derive(Clone, Copy)]
enum Target {
    Nobody,
    Callback { callback: Callback, user_data: *mut c_void },
    Notice { subscriber: Subscriber, context: *mut c_void },
}

impl Outcall {
    pub(super) const fn none() -> Self {
        Self {
            target: Target::Nobody,
            response: ResponseHandle::none(),
            notice: iotx_coap_notice_t::new(IOTX_COAP_NOTICE_SIGNED_IN),
        }
    }

    /// Prepares to deliver an answer; returns whether there is a callback for it.
    pub(super) fn answer(
        &mut self,
        recipient: Recipient,
        code: Code,
        token: u32,
        options: &[u8],
        payload: &mut [u8],
    ) -> bool {
        let Some(callback) = recipient.callback else { return false };
        self.target = Target::Callback { callback, user_data: recipient.user_data };
        self.response = ResponseHandle::new(code, token, options, payload);
        true
    }

    /// Prepares a notice; returns whether there is a handler for it.
    fn notice(&mut self, context: &Context, notice: iotx_coap_notice_t) -> bool {
        let Some(subscriber) = context.subscriber() else { return false };
        self.target = Target::Notice { subscriber, context: context.handle().cast_mut() };
        self.notice = notice;
        true
    }

    /// Prepares the notice about a new session.
    pub(super) fn session_renewed(&mut self, context: &Context) -> bool {
        self.notice(context, iotx_coap_notice_t::new(IOTX_COAP_NOTICE_SESSION_RENEWED))
    }

    /// Prepares the call that tells the program of an event; returns whether there is one.
    pub(super) fn event(
        &mut self,
        context: &Context,
        state: &mut State,
        event: &Event<Recipient>,
    ) -> bool {
        match *event {
            Event::SignedIn => {
                log_later!(state.log, Info, "signed in");
                state.has_token_changed = true;
                self.notice(context, iotx_coap_notice_t::new(IOTX_COAP_NOTICE_SIGNED_IN))
            }
            Event::SignInFailed(error) => {
                log_later!(state.log, Error, "signing in failed: {error}");
                if let SignInError::Refused(Code::BAD_REQUEST | Code::UNAUTHORIZED) = error {
                    log_later!(
                        state.log,
                        Error,
                        "do product_key, device_name and device_secret belong to one device that \
                         the cloud knows?"
                    );
                    log_later!(state.log, Error, "{}", layout::QUESTION);
                }
                match error {
                    SignInError::NotAnswered if !state.link.has_heard() => {
                        context.explain_silence(state);
                    }
                    SignInError::BadReply => log_later!(state.log, Error, "{PORT_QUESTION}"),
                    _ => (),
                }
                let mut notice = iotx_coap_notice_t::new(IOTX_COAP_NOTICE_SIGN_IN_FAILED);
                if let SignInError::Refused(code) = error {
                    notice.code = code.0.into();
                }
                self.notice(context, notice)
            }
            Event::GaveUp { application, reason, token } => {
                log_later!(state.log, Error, "message {} given up: {reason}", Token(token));
                let mut notice = iotx_coap_notice_t::new(IOTX_COAP_NOTICE_GAVE_UP);
                notice.reason = reason.into();
                notice.token = token;
                notice.user_data = application.user_data;
                self.notice(context, notice)
            }
            Event::Refused { application, code, token } => {
                log_later!(state.log, Warning, "message {}: {code}", Token(token));
                self.answer(application, code, token, &[], &mut [])
            }
        }
    }

    /// Calls the program.
    ///
    /// # Safety
    ///
    /// No lock is held.
    pub(super) unsafe fn call(&mut self) {
        match self.target {
            Target::Callback { callback, user_data } => {
                let message = (&raw mut self.response).cast::<c_void>();
                // SAFETY: by its type, a `resp_callback` takes the message's `user_data`
                // and a response.
                unsafe { callback(user_data, message) }
            }
            // (Without the extension there is no subscriber.)
            Target::Notice { subscriber: Subscriber { handler, data }, context }
                if cfg!(feature = "extension") =>
            {
                // SAFETY: by its type, an `on_notice` takes its `notice_data`, the context
                // and a notice.
                unsafe { handler(data, context, &raw const self.notice) }
            }
            Target::Nobody | Target::Notice { .. } => {}
        }
    }
}
