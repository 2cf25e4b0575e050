//! What a monitoring system asks for: how much happened, in the text format of Prometheus. No
//! name, address or payload of a device is in it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::commands::{self, Command, Commands};
use crate::events::Event;
use crate::web::{Bound, Site, host};

/// The format that Prometheus and its kin read.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds; RFC 7252's retransmissions come after 2 to 3, then twice as many each.
const ROUND_TRIPS: [f64; 9] = [0.01, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 45.0];

/// Seconds; without faults and without a broker an answer takes less than a millisecond.
const ANSWERS: [f64; 11] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// Where the metrics are served.
#[derive(Clone, Copy, Debug)]
pub struct MetricsConfig {
    pub(crate) address: SocketAddr,
}

impl MetricsConfig {
    /// At this address, where port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// Other machines could reach it: there is no password.
    pub fn new(address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let text = format!(
                "other machines could reach the metrics at {address}, which have no password: \
                 listen on 127.0.0.1:{}, and let a proxy ask for one",
                address.port()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok(Self { address })
    }
}

type Labels<const N: usize> = [(&'static str, String); N];
type Counted<const N: usize> = Family<Labels<N>, Counter>;

/// What is counted.
pub(crate) struct Counts {
    registry: Registry,
    messages: Counted<2>,
    sign_ins: Counted<2>,
    requests_refused: Counted<1>,
    duplicates: Counted<1>,
    malformed: Counted<1>,
    wrong_port: Counted<1>,
    sent_again: Counter,
    unanswered: Counter,
    answers: Histogram,
    round_trips: Histogram,
    handshakes: Counted<1>,
    moves: Counter,
    broker: Gauge,
    sessions: Gauge,
    sealed: Gauge,
    under_way: Gauge,
}

impl fmt::Debug for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Counts").finish_non_exhaustive()
    }
}

impl Counts {
    /// Of a server that forwards messages, or does not.
    pub(crate) fn new(forwards: bool) -> Self {
        let mut registry = Registry::with_prefix("iot_coap_cloud");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", version);
        let mut this = Self {
            messages: Family::default(),
            sign_ins: Family::default(),
            requests_refused: Family::default(),
            duplicates: Family::default(),
            malformed: Family::default(),
            wrong_port: Family::default(),
            sent_again: Counter::default(),
            unanswered: Counter::default(),
            answers: Histogram::new(ANSWERS),
            round_trips: Histogram::new(ROUND_TRIPS),
            handshakes: Family::default(),
            moves: Counter::default(),
            broker: Gauge::default(),
            sessions: Gauge::default(),
            sealed: Gauge::default(),
            under_way: Gauge::default(),
            registry,
        };
        this.register();
        if forwards {
            let help = "1 if messages can be forwarded";
            this.registry.register("broker_connected", help, this.broker.clone());
        }
        this
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("messages", "Topic messages, by their answers", self.messages.clone());
        to.register("sign_ins", "Sign-ins, by their answers", self.sign_ins.clone());
        to.register(
            "requests_refused",
            "Requests outside /auth and /topic, or of no valid form",
            self.requests_refused.clone(),
        );
        to.register("duplicates", "Requests that came again", self.duplicates.clone());
        to.register(
            "malformed",
            "Datagrams that are no CoAP message, or no record of DTLS",
            self.malformed.clone(),
        );
        to.register(
            "wrong_port",
            "Peers with CoAP without DTLS at the port of coaps, or with DTLS at another",
            self.wrong_port.clone(),
        );
        to.register(
            "sent_again",
            "Confirmable messages of the server that were sent again",
            self.sent_again.clone(),
        );
        to.register(
            "unanswered",
            "Confirmable messages of the server that nobody ever answered",
            self.unanswered.clone(),
        );
        to.register(
            "answer_seconds",
            "From the arrival of a request until its answer is made, the broker included",
            self.answers.clone(),
        );
        to.register(
            "round_trip_seconds",
            "From a confirmable message of the server to the device's answer",
            self.round_trips.clone(),
        );
        to.register(
            "dtls_handshakes",
            "DTLS handshakes: full, resumed or failed",
            self.handshakes.clone(),
        );
        to.register("dtls_moves", "DTLS sessions that went on elsewhere", self.moves.clone());
        to.register("dtls_sessions", "DTLS sessions that are open", self.sessions.clone());
        to.register(
            "dtls_sessions_sealed",
            "DTLS sessions that are kept as sealed bytes, because their devices are silent",
            self.sealed.clone(),
        );
        to.register(
            "dtls_handshakes_under_way",
            "DTLS handshakes with clients that have shown where they are",
            self.under_way.clone(),
        );
    }

    /// Counts an answer by how long it took.
    pub(crate) fn answered(&self, took: Duration) {
        self.answers.observe(took.as_secs_f64());
    }

    /// Counts an event.
    pub(crate) fn take(&self, event: &Event) {
        let by = |scheme: &str, code: &str| {
            [("transport", scheme.to_owned()), ("code", code.to_owned())]
        };
        match event {
            Event::Message(message) => {
                let labels = by(message.transport.scheme(), &message.code);
                self.messages.get_or_create(&labels).inc();
            }
            Event::SignedIn { transport, .. } => {
                self.sign_ins.get_or_create(&by(transport.scheme(), "2.05")).inc();
            }
            Event::SignInRefused { transport, code, .. } => {
                self.sign_ins.get_or_create(&by(transport.scheme(), code)).inc();
            }
            Event::RequestRefused { code, .. } => {
                self.requests_refused.get_or_create(&[("code", code.clone())]).inc();
            }
            Event::Duplicate { transport, .. } => {
                let labels = [("transport", transport.scheme().to_owned())];
                self.duplicates.get_or_create(&labels).inc();
            }
            Event::Malformed { transport, .. } => {
                let labels = [("transport", transport.scheme().to_owned())];
                self.malformed.get_or_create(&labels).inc();
            }
            Event::WrongPort { transport, .. } => {
                let labels = [("transport", transport.scheme().to_owned())];
                self.wrong_port.get_or_create(&labels).inc();
            }
            Event::Answered { after_ms, .. } => {
                let seconds = Duration::from_millis(*after_ms).as_secs_f64();
                self.round_trips.observe(seconds);
            }
            Event::SentAgain { .. } => drop(self.sent_again.inc()),
            Event::Unanswered { .. } => drop(self.unanswered.inc()),
            Event::DtlsOpened { resumed, .. } => {
                self.handshake(if *resumed { "resumed" } else { "full" });
            }
            Event::DtlsFailed { .. } => self.handshake("failed"),
            Event::DtlsMoved { .. } => drop(self.moves.inc()),
            Event::BrokerConnected { .. } => drop(self.broker.set(1)),
            Event::BrokerLost { .. } => drop(self.broker.set(0)),
            _ => {}
        }
    }

    fn handshake(&self, outcome: &str) {
        self.handshakes.get_or_create(&[("outcome", outcome.to_owned())]).inc();
    }
}

struct Shared {
    counts: Arc<Counts>,
    commands: Commands,
}

/// Serves them at `/metrics`.
pub(crate) fn serve(bound: Bound, counts: Arc<Counts>, commands: Commands) -> io::Result<Site> {
    let shared = Arc::new(Shared { counts, commands: commands.clone() });
    let router = Router::new().route("/metrics", get(metrics)).with_state(shared);
    Site::start("iot-coap-metrics", bound, router, async move { commands.closed().await })
}

async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    // They have no password: a name of another site's could have been made to lead here.
    if !host(&headers).is_some_and(|(_, is_here)| is_here) {
        let text = "The metrics are for this machine: ask for them by its address, as in \
                    http://127.0.0.1:9684/metrics; a proxy sends that as Host.\n";
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    let Some(status) = commands::ask(&shared.commands, Command::Tell).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "The cloud has ended.\n").into_response();
    };
    let counts = &shared.counts;
    let gauge = |gauge: &Gauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge(&counts.sessions, status.dtls_sessions);
    gauge(&counts.sealed, status.sealed_dtls_sessions);
    gauge(&counts.under_way, status.dtls_handshakes);
    let mut text = String::new();
    if encode(&mut text, &counts.registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(CONTENT_TYPE, FORMAT)], text).into_response()
}
