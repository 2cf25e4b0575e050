//! The connection to the broker, on a task of its own: publishes what it is
//! given, reports what became of it, and connects again when it has to. It keeps
//! nothing that is not in flight; what a lost connection leaves goes back.

use std::io;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::{ConnAck, Packet, PubAckReason, PublishProperties};
use rumqttc::{
    AsyncClient, Broker as Address, ClientError, Event, EventLoop, MqttOptions, NetworkOptions,
    PublishNotice, PublishNoticeError, PublishOptions, PublishResult, TlsConfiguration, Transport,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::turns::Entry;
use super::{Broker, Forward, Forwarder, Publication, Report, Unforwarded};
use crate::random;
use crate::sign::hex;
use crate::state::about;

/// The first pause before connecting again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The longest while the start of the server waits for the broker.
const AWAITED_PAUSE: Duration = Duration::from_millis(500);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE_SECONDS: u16 = 15;

/// A broker that has acknowledged nothing for so many deadlines, with messages in
/// flight, is connected to anew.
const STALLED: u32 = 8;

/// Makes both sides of a connection to a broker; nothing is connected yet.
///
/// # Errors
///
/// The file of the roots cannot be read.
pub(crate) fn open(forward: &Forward) -> io::Result<(Forwarder, Broker)> {
    let window = forward.window.max(1);
    let (submit, submitted) = mpsc::channel(window);
    let (report, reports) = mpsc::unbounded_channel();
    let link = Link::new(forward, submitted, report)?;
    let broker = Broker { link: Box::pin(link.run()), reports };
    Ok((Forwarder::new(forward, window, submit), broker))
}

/// A connection to come, and what is to go through it.
struct Link {
    options: MqttOptions,
    window: usize,
    stalled: Duration,
    /// For so long the server's start waits for the broker.
    patience: Duration,
    submitted: mpsc::Receiver<Entry<Publication>>,
    reports: mpsc::UnboundedSender<Report>,
}

/// Why a connection came to an end.
enum End {
    /// The server stops.
    Stopped,
    Lost(String),
}

impl Link {
    fn new(
        forward: &Forward,
        submitted: mpsc::Receiver<Entry<Publication>>,
        reports: mpsc::UnboundedSender<Report>,
    ) -> io::Result<Self> {
        let options = options(forward)?;
        let window = forward.window.max(1);
        let stalled = forward.deadline * STALLED;
        let patience = forward.patience;
        Ok(Self { options, window, stalled, patience, submitted, reports })
    }

    /// Connects, and again whenever the connection is lost, until the server stops.
    async fn run(mut self) {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let mut connected = None;
            let reason = match self.connection(&mut connected).await {
                End::Stopped => return,
                End::Lost(reason) => reason,
            };
            if self.reports.send(Report::Disconnected(reason)).is_err() {
                return;
            }
            // A broker that takes a connection and ends it at once is not back.
            if connected.is_some_and(|since: Instant| since.elapsed() > MAX_PAUSE) {
                pause = FIRST_PAUSE;
            }
            // Many servers do not come back to a broker at the same moment.
            let spread = f64::from(u16::from_be_bytes(random::unpredictable())) / 65_536.0;
            tokio::time::sleep(pause.mul_f64(0.5 + spread)).await;
            let most = if start.elapsed() < self.patience { AWAITED_PAUSE } else { MAX_PAUSE };
            pause = (pause * 2).min(most);
        }
    }

    /// One connection, from its first attempt to its end; and since when it stood.
    async fn connection(&mut self, connected: &mut Option<Instant>) -> End {
        let builder = AsyncClient::builder(self.options.clone()).capacity(self.window);
        let (client, events) = match builder.try_build() {
            Ok(pair) => pair,
            Err(error) => return End::Lost(error.to_string()),
        };
        let mut driver = Driver::start(events, self.window);
        let limits = match driver.news().await {
            Ok(limits) => limits,
            Err(reason) => return End::Lost(reason),
        };
        if !limits.at_least_once {
            return End::Lost(
                "it takes no message at least once (Maximum QoS 0 in CONNACK)".into(),
            );
        }
        *connected = Some(Instant::now());
        self.report(Report::Connected(limits.in_flight));

        let mut in_flight = FuturesUnordered::new();
        let mut progress = Instant::now();
        let end = loop {
            tokio::select! {
                Some((entry, fate)) = in_flight.next() => {
                    progress = Instant::now();
                    if !self.settle(entry, fate) {
                        break driver.reason().await;
                    }
                }
                entry = self.submitted.recv(), if in_flight.len() < limits.in_flight => {
                    let Some(entry) = entry else { break End::Stopped };
                    if in_flight.is_empty() {
                        progress = Instant::now();
                    }
                    match publish(&client, &entry, &limits) {
                        Ok(notice) => in_flight.push(acknowledgement(entry, notice)),
                        Err(Some(why)) => self.report(Report::Unpublished(entry.ticket, why)),
                        Err(None) => {
                            self.report(Report::Returned(Box::new(entry)));
                            break driver.reason().await;
                        }
                    }
                }
                end = driver.end() => break end,
                () = tokio::time::sleep_until((progress + self.stalled).into()),
                    if !in_flight.is_empty() =>
                {
                    break End::Lost("it acknowledges nothing".into());
                }
            }
        };
        // With both halves gone, each notice comes to its end: an acknowledgement
        // that has come counts; all else is published again, if there is time.
        drop(client);
        driver.stop().await;
        while let Some((entry, fate)) = in_flight.next().await {
            self.settle(entry, fate);
        }
        while let Ok(entry) = self.submitted.try_recv() {
            self.report(Report::Returned(Box::new(entry)));
        }
        end
    }

    /// Reports what became of a publication. Without an answer it goes back, and the
    /// connection is at its end: false.
    fn settle(&self, entry: Entry<Publication>, fate: Option<Result<(), Unforwarded>>) -> bool {
        let settled = fate.is_some();
        self.report(match fate {
            Some(result) => Report::Settled(entry.ticket, result),
            None => Report::Returned(Box::new(entry)),
        });
        settled
    }

    fn report(&self, report: Report) {
        // A loop that has ended needs no report; `submitted` says so too.
        let _ = self.reports.send(report);
    }
}

/// What the broker takes.
struct Limits {
    in_flight: usize,
    packet: usize,
    /// With QoS 1, that is: it acknowledges.
    at_least_once: bool,
}

impl Limits {
    fn of(acknowledgement: &ConnAck, window: usize) -> Self {
        let properties = acknowledgement.properties.as_ref();
        let in_flight = properties.and_then(|properties| properties.receive_max);
        let packet = properties.and_then(|properties| properties.max_packet_size);
        let qos = properties.and_then(|properties| properties.max_qos);
        Self {
            in_flight: in_flight.map_or(usize::from(u16::MAX), usize::from).clamp(1, window),
            packet: packet.map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX)),
            at_least_once: qos != Some(0),
        }
    }
}

/// Drives the crate's event loop on a task, which goes with it.
struct Driver {
    news: mpsc::Receiver<Result<Limits, String>>,
    task: JoinHandle<()>,
}

impl Driver {
    fn start(mut events: EventLoop, window: usize) -> Self {
        let (tell, news) = mpsc::channel(2);
        let task = tokio::spawn(async move {
            loop {
                let news = match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(acknowledgement))) => {
                        Ok(Limits::of(&acknowledgement, window))
                    }
                    Ok(_) => continue,
                    Err(error) => Err(error.to_string()),
                };
                let over = news.is_err();
                // Left to itself the crate would connect again and repeat what
                // nobody waits for any more.
                if tell.send(news).await.is_err() || over {
                    return;
                }
            }
        });
        Self { news, task }
    }

    /// The connection was made, with these limits; or it is over, and why.
    async fn news(&mut self) -> Result<Limits, String> {
        self.news.recv().await.unwrap_or_else(|| Err("the connection ended".into()))
    }

    /// Waits for the end of the connection.
    async fn end(&mut self) -> End {
        loop {
            if let Err(reason) = self.news().await {
                return End::Lost(reason);
            }
        }
    }

    /// Why a connection came to an end that is known to have come.
    async fn reason(&mut self) -> End {
        let end = tokio::time::timeout(Duration::from_secs(1), self.end()).await;
        end.unwrap_or_else(|_| End::Lost("the connection ended".into()))
    }

    async fn stop(mut self) {
        self.task.abort();
        // An error says that it was aborted.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hands a publication to the crate; an error without a reason is the end of the
/// connection.
fn publish(
    client: &AsyncClient,
    entry: &Entry<Publication>,
    limits: &Limits,
) -> Result<PublishNotice, Option<Unforwarded>> {
    if entry.due <= Instant::now() {
        // It came between two connections.
        return Err(Some(Unforwarded::Behind));
    }
    let publication = &entry.item;
    if publication.size() > limits.packet {
        return Err(Some(Unforwarded::TooLarge));
    }
    let options = PublishOptions::new(QoS::AtLeastOnce).properties(properties(publication));
    let topic = publication.topic.clone();
    client.try_publish_tracked(topic, publication.payload.clone(), options).map_err(|error| {
        match error {
            ClientError::InvalidRequest(_) => Some(Unforwarded::BadTopic),
            _ => None,
        }
    })
}

fn properties(publication: &Publication) -> PublishProperties {
    PublishProperties {
        content_type: publication.content_type.map(str::to_owned),
        user_properties: publication.user_properties.clone(),
        ..PublishProperties::default()
    }
}

/// Waits for what the broker says of a publication; `None` if it says nothing.
async fn acknowledgement(
    entry: Entry<Publication>,
    notice: PublishNotice,
) -> (Entry<Publication>, Option<Result<(), Unforwarded>>) {
    let fate = match notice.wait_async().await {
        Ok(PublishResult::Qos1(acknowledgement)) => Some(fate(acknowledgement.reason)),
        Err(PublishNoticeError::Recv | PublishNoticeError::SessionReset) => None,
        Ok(other) => Some(Err(Unforwarded::Refused(format!("{other:?}")))),
        Err(error) => Some(Err(Unforwarded::Refused(error.to_string()))),
    };
    (entry, fate)
}

fn fate(reason: PubAckReason) -> Result<(), Unforwarded> {
    match reason {
        PubAckReason::Success => Ok(()),
        // A success to MQTT, but the message is kept for nobody.
        PubAckReason::NoMatchingSubscribers => Err(Unforwarded::NoSubscriber),
        PubAckReason::NotAuthorized | PubAckReason::TopicNameInvalid => Err(Unforwarded::BadTopic),
        other => Err(Unforwarded::Refused(format!("{other:?}"))),
    }
}

fn options(forward: &Forward) -> io::Result<MqttOptions> {
    let address = &forward.broker;
    let own_id = format!("iot-coap-cloud-{}", hex(&random::unpredictable::<8>()));
    let mut host = address.host.clone();
    if host.contains(':') {
        if address.secure {
            // The crate would look for the brackets in the certificate.
            let text = format!("{address}: TLS takes a broker's name, or its IPv4 address");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        host = format!("[{host}]");
    }
    let mut options = MqttOptions::new(own_id, Address::tcp(host, address.port));
    // No session: what it would repeat, this file repeats while it is of use.
    options.set_clean_start(true);
    options.set_keep_alive(KEEP_ALIVE_SECONDS);
    options.set_connect_timeout(CONNECT_TIMEOUT);
    // Each device waits for its acknowledgement.
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    match (&address.user, &forward.password) {
        (Some(user), Some(password)) => {
            options.set_credentials(user.clone(), password.as_bytes().to_vec());
        }
        (Some(user), None) => {
            options.set_username(user.clone());
        }
        (None, _) => {}
    }
    if address.secure {
        let tls = match &forward.root {
            Some(path) => {
                let root = std::fs::read(path)
                    .map_err(|error| about("cannot read the broker's root", path, &error))?;
                TlsConfiguration::simple_native(root, None)
            }
            None => TlsConfiguration::default_native(),
        };
        options.set_transport(Transport::tls_with_config(tls));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use rumqttc::mqttbytes::v5::Publish;

    use super::super::publication::tests::message;
    use super::*;

    #[test]
    fn a_packet_is_no_larger_than_it_is_said_to_be() {
        let mut message = message();
        message.payload = vec![0; 1_000];
        let publication = Publication::new("0".repeat(32), SystemTime::now(), &message);
        let mut packet = Publish::new(
            publication.topic.as_str(),
            QoS::AtLeastOnce,
            publication.payload.clone(),
            Some(properties(&publication)),
        );
        packet.pkid = 1;
        let size = packet.size();
        assert!(size <= publication.size() && publication.size() < size + 100, "{size}");
    }
}
