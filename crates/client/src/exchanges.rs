//! All exchanges of a client: finds the right one, and allocates tokens and places.
//! `exchange.rs` handles a single exchange.

mod ending;

use alloc::vec::Vec;

use iot_coap_time::{Duration, Instant};

use crate::code::Code;
use crate::credentials::Credentials;
use crate::displaced::Displaced;
use crate::encoded_request::EncodedRequest;
use crate::event::{Dropped, GiveUp};
use crate::exchange::{Exchange, Overdue, Owner, State};
use crate::format::Kind;
use crate::identifiers::Tokens;
use crate::out_of_memory::OutOfMemory;
use crate::random::Random;
use crate::round_trips::{RoundTrips, Sample};
use crate::symmetric::{SymmetricKey, UndecryptableError};
use crate::timing::{Timing, TransmissionParameters};

/// Names an exchange while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeId {
    index: usize,
    token: u32,
}

impl ExchangeId {
    /// The token of its request.
    pub(crate) const fn token(self) -> u32 {
        self.token
    }
}

/// A datagram to transmit now.
pub(crate) struct Transmission {
    pub(crate) exchange: ExchangeId,
    pub(crate) owner: Owner,
    /// Whether the request was transmitted before.
    pub(crate) is_repeated: bool,
}

/// All requests of a client.
pub(crate) struct Exchanges<A> {
    list: Vec<Exchange<A>>,
    tokens: Tokens,
    timing: Timing,
    round_trips: RoundTrips,
    /// How many belong to the application.
    outstanding: usize,
    /// How many messages may be in flight; 0 for no limit.
    max_in_flight: u16,
    displaced: Displaced<A>,
}

impl<A> Exchanges<A> {
    pub(crate) fn new(
        transmission: TransmissionParameters,
        tokens: Tokens,
        max_in_flight: u16,
    ) -> Self {
        Self {
            list: Vec::new(),
            tokens,
            timing: Timing::new(transmission),
            round_trips: RoundTrips::new(transmission.learns_round_trips),
            outstanding: 0,
            max_in_flight,
            displaced: Displaced::new(),
        }
    }

    pub(crate) const fn timing(&self) -> &Timing {
        &self.timing
    }

    pub(crate) const fn round_trips(&self) -> &RoundTrips {
        &self.round_trips
    }

    pub(crate) const fn round_trips_mut(&mut self) -> &mut RoundTrips {
        &mut self.round_trips
    }

    /// Learns a round trip to the peer that was measured elsewhere.
    pub(crate) fn learn_round_trip(&mut self, now: Instant, round_trip: Duration) {
        let sample = Some(Sample::of_one(round_trip));
        self.round_trips.handle_answered(now, &self.timing, sample);
    }

    /// How many messages of the application have not ended, or not been reported to it.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding + self.displaced.len()
    }

    /// Whether `most` messages of the application wait, not counting displaced ones.
    pub(crate) const fn are_full(&self, most: usize) -> bool {
        self.outstanding >= most
    }

    /// The token of the next request.
    pub(crate) const fn next_token(&self) -> u32 {
        self.tokens.peek()
    }

    /// Whether [`transmit`](Self::transmit) has a request.
    pub(crate) fn any_due(&self) -> bool {
        // Usually nothing is due, or there is no limit.
        self.position(|exchange| exchange.state() == State::Due).is_some()
            && (!self.is_flight_full()
                || self.position(|exchange| exchange.may_be_transmitted(true)).is_some())
    }

    /// Whether as many messages of the application are in flight as allowed (section 4.7).
    #[inline]
    fn is_flight_full(&self) -> bool {
        if cfg!(not(feature = "in-flight")) || self.max_in_flight == 0 {
            return false;
        }
        let in_flight = self
            .list
            .iter()
            .filter(|exchange| exchange.owner() == Owner::Application && exchange.is_in_flight());
        in_flight.count() >= self.max_in_flight.into()
    }

    /// Whether [`take_ended`](Self::take_ended) has a request.
    pub(crate) fn any_ended(&self) -> bool {
        self.displaced.any_ready() || self.position(|exchange| exchange.end().is_some()).is_some()
    }

    pub(crate) fn any_awaits_ack(&self) -> bool {
        self.position(|exchange| exchange.state() == State::AwaitingAck).is_some()
    }

    /// How many wait for the peer.
    pub(crate) fn awaited(&self) -> usize {
        let waits =
            |exchange: &&Exchange<A>| exchange.awaits_peer() && exchange.state() != State::Due;
        self.list.iter().filter(waits).count()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn next_timeout(&self) -> Instant {
        let displaced = self.displaced.next_timeout();
        self.list.iter().map(Exchange::next_timeout).fold(displaced, Instant::min)
    }

    pub(crate) fn get(&self, index: usize) -> &Exchange<A> {
        &self.list[index]
    }

    /// The request to which the peer refers by message id `id`.
    pub(crate) fn by_id(&self, id: u16) -> Option<usize> {
        self.position(|exchange| exchange.request().id() == id && exchange.awaits_peer())
    }

    /// The request to which the peer refers by `token`.
    pub(crate) fn by_token(&self, token: u32) -> Option<usize> {
        self.position(|exchange| exchange.request().token() == token && exchange.awaits_peer())
    }

    /// The oldest request that waits for an access token.
    pub(crate) fn oldest_parked(&self) -> Option<usize> {
        self.oldest(|exchange| exchange.state() == State::Parked)
    }

    /// The request that a newer one displaces: the oldest Non-confirmable one, since
    /// Non-confirmable messages promise nothing.
    pub(crate) fn displaceable(&self) -> Option<usize> {
        self.oldest(|exchange| {
            exchange.request().kind() == Kind::NonConfirmable
                && !matches!(exchange.state(), State::Free | State::Ended)
        })
    }

    /// Displaces the request at `index`. `most`: how many may be outstanding. Returns
    /// whether a displaced message was forgotten.
    pub(crate) fn displace(&mut self, now: Instant, index: usize, most: usize) -> bool {
        let token = self.list[index].request().token();
        let application = self.release(index);
        application.is_some_and(|application| self.displaced.push(now, application, token, most))
    }

    /// How many displaced messages were forgotten since the last call.
    pub(crate) fn take_forgotten(&mut self) -> u32 {
        self.displaced.take_forgotten()
    }

    /// A free place to encode a request in. It becomes an exchange with
    /// [`start`](Self::start).
    pub(crate) fn free_place(&mut self) -> Result<usize, OutOfMemory> {
        if let Some(index) = self.position(|exchange| exchange.state() == State::Free) {
            return Ok(index);
        }
        self.list.try_reserve_exact(1)?;
        self.list.push(Exchange::new());
        Ok(self.list.len() - 1)
    }

    /// The request at a free place.
    pub(crate) fn request_mut(&mut self, index: usize) -> &mut EncodedRequest {
        self.list[index].request_mut()
    }

    /// Starts the exchange of the request that was encoded at `index` with
    /// [`next_token`](Self::next_token). A sign-in has no `application`.
    #[inline]
    pub(crate) fn start(
        &mut self,
        now: Instant,
        index: usize,
        application: Option<A>,
        random: &mut Random,
    ) -> ExchangeId {
        let token = self.tokens.allocate();
        self.outstanding += usize::from(application.is_some());
        self.list[index].tie(application);
        self.make(now, index, random);
        ExchangeId { index, token }
    }

    /// Parks the request at `index`.
    pub(crate) fn park(&mut self, index: usize) {
        self.list[index].park();
    }

    /// Replaces the request at `index` by `request`.
    pub(crate) fn replace(
        &mut self,
        now: Instant,
        index: usize,
        request: EncodedRequest,
        random: &mut Random,
    ) {
        *self.list[index].request_mut() = request;
        self.make(now, index, random);
    }

    fn make(&mut self, now: Instant, index: usize, random: &mut Random) {
        let exchange = &mut self.list[index];
        let is_patient = exchange.owner() == Owner::Application;
        let timeout = self.round_trips.timeout(now, &self.timing, is_patient, random.next());
        exchange.make(now, &self.timing, timeout);
    }

    /// The next request to transmit. It counts as transmitted from now on.
    pub(crate) fn transmit(&mut self, now: Instant) -> Option<Transmission> {
        let is_full = self.is_flight_full();
        let index = self.oldest(|exchange| exchange.may_be_transmitted(is_full))?;
        let exchange = &mut self.list[index];
        let is_repeated = exchange.transmit(now, &self.timing);
        let (owner, token) = (exchange.owner(), exchange.request().token());
        Some(Transmission { exchange: ExchangeId { index, token }, owner, is_repeated })
    }

    /// The datagram of an exchange.
    pub(crate) fn datagram(&self, exchange: ExchangeId) -> &[u8] {
        self.list[exchange.index].request().datagram()
    }

    /// Notes that the peer acknowledged message `id` without an answer.
    pub(crate) fn acknowledge(&mut self, now: Instant, id: u16) -> Result<(), Dropped> {
        let index = self.by_id(id).ok_or(Dropped::Unmatched)?;
        let sample = self.list[index].sample(now);
        self.list[index].acknowledge(&self.timing)?;
        self.round_trips.handle_answered(now, &self.timing, sample);
        Ok(())
    }

    /// Notes that the request at `index` was answered, in the acknowledgement if
    /// `is_piggybacked`.
    pub(crate) fn answer(&mut self, now: Instant, index: usize, is_piggybacked: bool) {
        let sample = if is_piggybacked { self.list[index].sample(now) } else { None };
        self.round_trips.handle_answered(now, &self.timing, sample);
    }

    /// Notes that the request at `index` carries the Echo option that the cloud asked for.
    pub(crate) fn set_echoing(&mut self, index: usize) {
        self.list[index].set_echoing();
    }

    /// Parks the request at `index`, whose access token the cloud refused.
    pub(crate) fn refuse(
        &mut self,
        now: Instant,
        index: usize,
        code: Code,
        key: Result<Option<&SymmetricKey>, UndecryptableError>,
    ) {
        self.list[index].refuse(now, code, key, &self.timing);
    }

    /// Parks every message that will be sent or sent again, since another process has the
    /// access token and key from now on. Returns whether any message is parked.
    pub(crate) fn abandon_credentials(&mut self, now: Instant, credentials: &Credentials) -> bool {
        for exchange in &mut self.list {
            let key = credentials.key_of(exchange.request().token_number());
            exchange.abandon_credentials(now, key, &self.timing);
        }
        self.oldest_parked().is_some()
    }

    /// Starts every unanswered Confirmable request over, for a new session below, unless it
    /// is older than an exchange lifetime.
    pub(crate) fn handle_session_renewed(&mut self, now: Instant, random: &mut Random) {
        self.round_trips.handle_session_renewed();
        for exchange in &mut self.list {
            if exchange.is_unanswered(now, &self.timing) {
                let timeout = self.round_trips.timeout(now, &self.timing, true, random.next());
                exchange.start_over(&self.timing, timeout);
            }
        }
    }

    /// Sends every unacknowledged request again, since datagrams take another way.
    pub(crate) fn handle_path_changed(&mut self) {
        let Self { list, timing, .. } = self;
        for exchange in list {
            exchange.repeat_if_unacknowledged(timing);
        }
    }

    /// Does what is due at `now`. Returns whether a sign-in's request was given up.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> bool {
        self.displaced.handle_timeout(now);
        let mut is_sign_in_given_up = false;
        let is_full = self.is_flight_full();
        for index in 0..self.list.len() {
            let exchange = &mut self.list[index];
            match exchange.overdue(now, is_full) {
                None => {}
                Some(Overdue::Resend) => exchange.resend(),
                Some(Overdue::GiveUp(reason)) => {
                    if reason == GiveUp::NotAcknowledged {
                        self.round_trips.handle_unacknowledged();
                    }
                    is_sign_in_given_up |= self.give_up(index, reason) == Owner::SignIn;
                }
            }
        }
        is_sign_in_given_up
    }

    /// The oldest request that matches.
    fn oldest(&self, matches: impl Fn(&Exchange<A>) -> bool) -> Option<usize> {
        let candidates = self.list.iter().enumerate();
        candidates
            .filter(|(_, exchange)| matches(exchange))
            .max_by_key(|(_, exchange)| self.tokens.age(exchange.request().token()))
            .map(|(index, _)| index)
    }

    fn position(&self, matches: impl FnMut(&Exchange<A>) -> bool) -> Option<usize> {
        self.list.iter().position(matches)
    }
}
