//! Handles the datagrams that were read: each message goes through the link to the client,
//! and an answer goes on to the program.

use iot_coap_client::{Instant, Received, Response};

use super::progress::{Incoming, Wait};
use super::sent::Token;
use super::transmit;
use crate::call::Call;
use crate::context::{Context, State};
use crate::log::log_later;

impl Context {
    /// Handles the next message of the received datagram; returns whether there is an
    /// answer to deliver.
    pub(super) fn handle_incoming(
        state: &mut State,
        now: Instant,
        call: &Call,
        wait: &mut Wait,
    ) -> bool {
        let Some(Incoming { side, start, end }) = wait.incoming else { return false };
        if start >= end {
            wait.incoming = None;
            state.release_buffer(call);
            return false;
        }
        // SAFETY: the read's buffer is this call's alone. `end` bytes of it were read, and
        // the byte behind them, which is written here, belongs to it.
        let buffer = unsafe {
            wait.read.buffer.add(end).write(0);
            core::slice::from_raw_parts_mut(wait.read.buffer, end + 1)
        };
        let found = buffer.get_mut(start..end).and_then(|datagram| {
            let State { link, log, .. } = &mut *state;
            link.handle_datagram(now, side, datagram, log)
        });
        let Some((message, rest)) = found else {
            wait.incoming = None;
            state.release_buffer(call);
            return false;
        };
        wait.incoming = Some(Incoming { side, start: start + rest, end });
        let message = start + message.start..start + message.end;
        Self::handle_message(state, now, wait, &mut buffer[message.start..=message.end])
    }

    /// Hands a message to the client. The last byte of `buffer` is spare, for a NUL.
    // In a frame of its own, like other parts of a step that need much stack.
    #[inline(never)]
    fn handle_message(state: &mut State, now: Instant, wait: &mut Wait, buffer: &mut [u8]) -> bool {
        let len = buffer.len() - 1;
        let had_token = state.client.is_signed_in();
        let received = state.client.handle_datagram(now, &mut buffer[..len]);
        state.has_token_changed |= had_token && !state.client.is_signed_in();
        // Send the acknowledgement before the callback runs.
        transmit(state, now, None);
        match received {
            Received::Handled => false,
            Received::Dropped(reason) => {
                log_later!(state.log, Debug, "dropped a datagram of {len} bytes: {reason}");
                false
            }
            Received::Response(Response { application, code, options, payload, token }) => {
                log_later!(
                    state.log,
                    Debug,
                    "message {}: {code}, {} bytes",
                    Token(token),
                    payload.len()
                );
                wait.has_called = true;
                // The byte behind the payload is padding, part of the record's tag, or the
                // spare byte.
                buffer[payload.end] = 0;
                // An empty payload begins where it ends, and never before the options do.
                let (before, rest) = buffer.split_at_mut(payload.start);
                let payload = &mut rest[..payload.len()];
                wait.outcall.answer(
                    application,
                    code,
                    token,
                    before.get(options).unwrap_or_default(),
                    payload,
                )
            }
        }
    }
}
