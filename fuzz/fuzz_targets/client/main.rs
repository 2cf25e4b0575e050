//! The client as a whole: calls, datagrams from valid through mutated to
//! random, and the passing of time. What must hold: every message accepted ends
//! once, and is told of as what was counted; no more are outstanding than
//! allowed; whatever is sent parses; a message is sent again only in time and
//! not too often; no timer is left behind, and everything ends when the cloud
//! falls silent.

#![no_main]

mod inputs;
mod model;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;

use crate::inputs::{Answer, AnyCode, Case, Form, Input, Payload};
use crate::model::Model;
use iot_coap_fuzz::Short;

fuzz_target!(|data: &[u8]| {
    let mut data = Unstructured::new(data);
    let Ok(case) = Case::arbitrary(&mut data) else { return };
    let mut model = Model::new(&case);
    if case.signed_in {
        model.apply(&Input::SignIn { limit_ms: 10_000 });
        model.apply(&Input::Answer(Answer {
            which: 0,
            form: Form::Piggybacked,
            code: AnyCode::Content,
            option: None,
            payload: Payload::Token(Short(b"the-first-access-token")),
            flip: None,
        }));
        assert!(model.client.is_signed_in());
    }
    // Not a vector: `arbitrary` ends one after two inputs on average.
    while !data.is_empty()
        && let Ok(input) = Input::arbitrary(&mut data)
    {
        model.apply(&input);
    }
    model.fall_silent();
});
