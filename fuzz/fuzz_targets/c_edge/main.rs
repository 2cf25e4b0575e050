//! The C interface: calls in any order with odd arguments: NULLs, numbers
//! outside their enumerations, fields without their end, structures of other
//! sizes, answers of a hostile server. Every buffer is handed over from the
//! heap at exactly the size that the interface asks for, so that
//! AddressSanitizer sees a byte read or written too many.
//!
//! Nothing leaves this machine: every URL that would be taken names 127.0.0.1,
//! where a thread of this program answers, or nobody.

#![no_main]

mod arguments;
mod callbacks;
mod calls;
mod run;
mod server;

use std::ptr::null_mut;

use arbitrary::{Arbitrary, Unstructured};
use iot_coap::IOT_CoAP_SetLogHandler;
use libfuzzer_sys::fuzz_target;

use crate::callbacks::log_line;
use crate::calls::{Begin, Call, Handle};
use crate::run::Run;
use crate::server::{Reply, SignInReply, plan, ports};

const CALLS: usize = 40;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    begin: Begin,
    /// What later sign-ins are answered with.
    sign_in_reply: SignInReply<'a>,
    /// What the server answers posts with, in turn.
    replies: [Reply<'a>; 6],
}

fuzz_target!(|data: &[u8]| {
    let mut data = Unstructured::new(data);
    let Ok(case) = Case::arbitrary(&mut data) else { return };
    ports();
    plan(&SignInReply::Grant, case.begin, &case.replies);
    // SAFETY: a function that takes what it is handed.
    unsafe { IOT_CoAP_SetLogHandler(Some(log_line), null_mut()) };
    let mut run = Run::new();
    if let Some((configuration, options)) = case.begin.context() {
        run.init(0, &configuration, options.as_ref());
        run.sign_in(Handle::Slot(0));
    }
    plan(&case.sign_in_reply, case.begin, &case.replies);
    // Not a vector: `arbitrary` ends one after two calls on average.
    for _ in 0..CALLS {
        if data.is_empty() {
            break;
        }
        let Ok(call) = Call::arbitrary(&mut data) else { break };
        run.call(&call);
    }
    run.end();
});
