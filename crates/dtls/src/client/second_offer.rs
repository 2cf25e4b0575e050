//! When a server that refuses is offered more: at its second alert, or when the first one
//! counts.

use iot_coap_time::Instant;
use rand_core::TryCryptoRng;

use super::Client;
use crate::alert::Alert;
use crate::error::Error;
use crate::handshake::Refusal;

impl<R: TryCryptoRng> Client<R> {
    /// Answers an alert that came without protection, if it says that the server accepts
    /// nothing of what was offered.
    pub(super) fn answer_refusal(&mut self, now: Instant, alert: Alert) -> Result<(), Error> {
        let Some(handshake) = self.handshake.as_mut().filter(|_| is_refusal(alert)) else {
            return Ok(());
        };
        match handshake.note_refusal() {
            Refusal::Final => {}
            Refusal::First => {
                self.retransmission.repeat(now);
                self.flight.rewind();
            }
            Refusal::Repeated => self.make_second_offer(now, true)?,
        }
        Ok(())
    }

    /// Whether the handshake goes on with a second offer after this error.
    pub(super) fn is_to_offer_more(&self, error: Error) -> bool {
        matches!(error, Error::PeerAlert(alert) if is_refusal(alert))
            && self.handshake.as_ref().is_some_and(|handshake| handshake.can_offer_more())
    }

    /// Makes a ClientHello due that offers everything. The server has as much time to answer
    /// it as it had for the first.
    pub(super) fn make_second_offer(
        &mut self,
        now: Instant,
        may_answer_first: bool,
    ) -> Result<(), Error> {
        let Some(handshake) = &mut self.handshake else { return Ok(()) };
        if let Err(error) = handshake.offer_everything(may_answer_first, &mut self.flight) {
            return Err(self.end(error));
        }
        self.made_second_offer = true;
        self.retransmission.server_answered();
        self.retransmission.start(now);
        Ok(())
    }
}

fn is_refusal(alert: Alert) -> bool {
    matches!(alert, Alert::HANDSHAKE_FAILURE | Alert::INSUFFICIENT_SECURITY)
}
