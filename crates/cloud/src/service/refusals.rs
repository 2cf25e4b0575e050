//! What is answered to requests that are no sign-ins and no topic messages, or too many.

use super::{Outcome, Service};
use crate::answer::{
    Answer, BAD_OPTION, NOT_FOUND, PROXYING_NOT_SUPPORTED, Refused, TOO_MANY_REQUESTS,
};
use crate::claim::Claim;
use crate::events::Event;
use crate::message::code_text;
use crate::rates::TooOften;
use crate::request::{self, BadOption, Request};
use crate::text::cut;

impl Service {
    /// Answers a request of a path that there is not.
    pub(super) fn not_found(&self, request: &Request<'_>) -> Answer {
        let remedy = "sign in by POST /auth, and publish by POST /topic/PRODUCT_KEY/DEVICE_NAME/…";
        self.refuse(request, Refused::new(NOT_FOUND, "404 Not found").by("path", remedy))
    }

    /// Answers a request with an option that is not served.
    pub(super) fn bad_option(&self, request: &Request<'_>, bad: &BadOption) -> Answer {
        let refused = match *bad {
            BadOption::Proxy => Refused::new(PROXYING_NOT_SUPPORTED, "this is no proxy")
                .by("options", "leave out the options Proxy-Uri (35) and Proxy-Scheme (39)"),
            BadOption::Critical(option) => {
                let reason = format!("critical option {option} is not understood");
                let remedy = request::remedy(option, self.token_option);
                Refused::new(BAD_OPTION, reason).by("options", remedy)
            }
        };
        self.refuse(request, refused)
    }

    fn refuse(&self, request: &Request<'_>, refused: Refused) -> Answer {
        let Claim { product_key, device_name } = Claim::of(request, &self.devices);
        let answer = Answer::text(refused.code, &refused.reason);
        self.events.record(Event::RequestRefused {
            transport: request.peer.transport,
            peer: request.peer.route.address,
            path: cut(request.path_text()),
            product_key,
            device_name,
            code: code_text(refused.code),
            reason: refused.reason,
            remedy: refused.remedy,
        });
        answer
    }

    /// Answers a request of an address from which too many have come, in a few bytes; it is told
    /// once until there are fewer.
    pub(super) fn too_often(&self, request: &Request<'_>, too_often: TooOften) -> Outcome {
        if too_often.is_news {
            self.events.record(Event::Limited {
                transport: request.peer.transport,
                peer: request.peer.route.address,
                what: "requests without an access token".into(),
            });
        }
        let mut answer = Answer::new(TOO_MANY_REQUESTS, None, Vec::new());
        answer.retry_after = Some(too_often.retry_after);
        Outcome::TooOften(answer)
    }
}
