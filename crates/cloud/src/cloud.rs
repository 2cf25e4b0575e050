//! The handle of a running server: starting it, asking it, changing it,
//! stopping it. The server itself runs on a thread of its own.

mod broker;
mod reading;
mod silence;
mod sites;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::access_token::TokenOption;
use crate::answer::Reply;
use crate::certificates::{Certificates, ServerCertificate};
use crate::commands::{Command, Commands, Done, Status};
use crate::config::Config;
use crate::devices::{self, Device};
use crate::dtls;
use crate::endpoint::Endpoint;
use crate::events::{Event, EventLog, Message};
use crate::expiry::ExpiryFile;
use crate::faults::Faults;
#[cfg(feature = "forward")]
use crate::forward;
use crate::network_faults::NetworkFaults;
use crate::ports::Ports;
use crate::server::{self, Listener, Server};
use crate::server_keys::ServerKeys;
use crate::state::StateDir;
use crate::transport::Transport;
use sites::{Bounds, Sites};

/// A running server; dropping it stops it.
///
/// ```
/// use iot_coap_cloud::{Cloud, Config, Transport};
/// let cloud = Cloud::start(Config::default()).unwrap();
/// assert!(cloud.url(Transport::Udp).starts_with("coap://127.0.0.1:"));
/// ```
pub struct Cloud {
    commands: Commands,
    thread: Option<JoinHandle<io::Result<()>>>,
    sites: Option<Sites>,
    addresses: Vec<(Transport, SocketAddr)>,
    events: Arc<EventLog>,
    certificate: ServerCertificate,
    certificates: Certificates,
    missing_broker: Option<String>,
    /// Its temporary folder goes when the server does.
    state: StateDir,
}

impl Cloud {
    /// Starts a server; it answers when this returns, and has its broker if that came in time.
    ///
    /// # Errors
    ///
    /// A port is taken, or a file cannot be read or written; the message says
    /// which.
    pub fn start(mut config: Config) -> io::Result<Self> {
        devices::check_each_is_given_once(&config.devices)?;
        if [config.udp_port, config.dtls_port, config.symmetric_port] == [None; 3] {
            let text = "no transport is left to serve; leave out one of --no-udp, --no-dtls and \
                        --no-symmetric";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let bounds = Bounds::new(&config)?;
        let state = StateDir::open(config.state_dir.as_deref())?;
        let certificate = ServerCertificate::prepare(&config.dtls.certificates, &state)?;
        let events = EventLog::new(&config.log, config.verbose, config.remembered_events)?;
        let events = events.with_limits_here(config.limits.here);
        let events = Arc::new(bounds.watch(events));
        let mut listeners = Vec::new();
        let offered = [
            (Transport::Udp, config.udp_port),
            (Transport::Dtls, config.dtls_port),
            (Transport::Symmetric, config.symmetric_port),
        ];
        for (transport, port) in offered {
            let Some(port) = port else { continue };
            for ip in &config.bind {
                listeners.push(Listener::bind(transport, SocketAddr::new(*ip, port))?);
            }
        }
        let addresses: Vec<_> =
            listeners.iter().map(|listener| (listener.transport, listener.address)).collect();
        let ports = Ports::new(addresses.clone(), Arc::clone(&events));
        let keys = config.keys.take().unwrap_or_else(ServerKeys::random);
        let saved = (config.dtls.save_sessions && !state.is_temporary())
            .then(|| state.file(&format!("dtls-sessions-{}", config.dtls.server_number)));
        let mut dtls = config
            .dtls_port
            .map(|_| {
                let config = (&config.dtls, &config.limits);
                dtls::open(config, &certificate, &keys, saved, Arc::clone(&events))
            })
            .transpose()?;
        let restored = dtls.as_mut().and_then(|dtls| dtls.take_restored());
        let told = config.datagrams.then(|| Arc::clone(&events));
        let seen = bounds.seen();
        let network_faults = NetworkFaults::new(&config.faults, Arc::clone(&events), seen.clone());
        let names = match &config.dtls.certificates {
            Certificates::Generated { names, .. } if dtls.is_some() => names.clone(),
            _ => Vec::new(),
        };
        let certificates = config.dtls.certificates.clone();
        let root = dtls.is_some().then(|| certificate.root_path.clone());
        let (commands, received) = mpsc::unbounded_channel();
        let answer_times = bounds.answer_times();
        let urls = addresses.iter().map(url).collect();
        let root_path = root.as_deref();
        let sites = bounds.serve(&commands, &events, &config.devices, &addresses, root_path)?;
        #[cfg(not(feature = "forward"))]
        let (forwarder, broker, patience) = (None, None, Duration::ZERO);
        #[cfg(feature = "forward")]
        let patience = config.forward.as_ref().map_or(Duration::ZERO, |forward| forward.patience);
        #[cfg(feature = "forward")]
        let (forwarder, broker) = config.forward.as_ref().map(forward::open).transpose()?.unzip();
        let mut endpoint =
            Endpoint::new(config, keys, forwarder, Arc::clone(&events), seen.clone(), answer_times);
        if !state.is_temporary() {
            endpoint.service.keep_expiry(ExpiryFile::of(&state))?;
        }
        let server = Server::new(endpoint, dtls, network_faults, ports, told, seen);

        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let thread = std::thread::Builder::new()
            .name("iot-coap-cloud".into())
            .spawn(move || runtime.block_on(server::run(server, listeners, broker, received)))?;
        let mut cloud = Self {
            commands,
            thread: Some(thread),
            sites: Some(sites),
            addresses,
            events,
            certificate,
            certificates,
            missing_broker: None,
            state,
        };
        // Answered by the loop: from here on it serves.
        cloud.status();
        cloud.missing_broker = cloud.wait_for_broker(patience);
        let (console, metrics) = (cloud.console_url(), cloud.metrics_url());
        cloud.events.record(Event::Ready { urls, root, names, console, metrics });
        if let Some(event) = restored {
            cloud.events.record(event);
        }
        Ok(cloud)
    }

    /// The URL of a transport at the first address bound, IPv4 before IPv6.
    ///
    /// # Panics
    ///
    /// If the server was started without that transport.
    pub fn url(&self, transport: Transport) -> String {
        self.find_url(transport)
            .unwrap_or_else(|| panic!("this cloud was started without {}://", transport.scheme()))
    }

    /// Like [`Cloud::url`]; `None` if the server was started without it.
    pub fn find_url(&self, transport: Transport) -> Option<String> {
        self.url_of(transport, SocketAddr::is_ipv4).or_else(|| self.url_v6(transport))
    }

    /// The URL of a transport at the first IPv6 address bound.
    pub fn url_v6(&self, transport: Transport) -> Option<String> {
        self.url_of(transport, SocketAddr::is_ipv6)
    }

    /// All URLs.
    pub fn urls(&self) -> Vec<String> {
        self.addresses.iter().map(url).collect()
    }

    /// The socket address of a transport, as in [`Cloud::url`].
    ///
    /// # Panics
    ///
    /// If the server was started without that transport.
    pub fn address(&self, transport: Transport) -> SocketAddr {
        let of = |wanted: fn(&SocketAddr) -> bool| {
            self.addresses
                .iter()
                .find(|(each, address)| *each == transport && wanted(address))
                .map(|(_, address)| *address)
        };
        of(SocketAddr::is_ipv4)
            .or_else(|| of(SocketAddr::is_ipv6))
            .unwrap_or_else(|| panic!("this cloud was started without {}://", transport.scheme()))
    }

    /// The root certificate that DTLS clients shall trust, as it was at the start.
    pub fn root_pem(&self) -> &str {
        &self.certificate.root_pem
    }

    /// The file of the root certificate.
    pub fn root_path(&self) -> &Path {
        &self.certificate.root_path
    }

    /// Everything that happened so far (the latest [`Config::remembered_events`]).
    pub fn events(&self) -> Vec<Event> {
        self.events.all()
    }

    /// How many events there were; a mark for [`Cloud::wait_for_since`].
    pub fn event_count(&self) -> usize {
        self.events.count()
    }

    /// The first event that fits, among those past and those to come within
    /// `timeout`.
    pub fn wait_for(&self, timeout: Duration, fits: impl Fn(&Event) -> bool) -> Option<Event> {
        self.events.wait_from(0, timeout, fits)
    }

    /// Like [`Cloud::wait_for`], skipping the first `mark` events.
    pub fn wait_for_since(
        &self,
        mark: usize,
        timeout: Duration,
        fits: impl Fn(&Event) -> bool,
    ) -> Option<Event> {
        self.events.wait_from(mark, timeout, fits)
    }

    /// The topic messages taken (2.05) so far, in order.
    pub fn messages(&self) -> Vec<Message> {
        self.events
            .all()
            .into_iter()
            .filter_map(|event| match event {
                Event::Message(message) if message.number > 0 => Some(message),
                _ => None,
            })
            .collect()
    }

    /// Waits until so many topic messages have been taken, and returns all of
    /// them; fewer if the time ran out.
    pub fn wait_for_messages(&self, count: u64, timeout: Duration) -> Vec<Message> {
        self.wait_for(timeout, |event| {
            event.message().is_some_and(|message| message.number >= count)
        });
        self.messages()
    }

    /// Changes what goes wrong, and starts the seed's decisions afresh.
    pub fn set_faults(&self, faults: Faults) {
        self.change(Command::SetFaults(faults));
    }

    /// Refuses every access token issued so far (4.01), also after a restart with the same
    /// [`Config::state_dir`].
    pub fn expire_tokens(&self) {
        self.change(Command::ExpireTokens);
    }

    /// Changes after how many topic messages a token is refused, and counts anew.
    pub fn set_token_uses(&self, uses: Option<u32>) {
        self.change(Command::SetTokenUses(uses));
    }

    /// Changes the option that carries the access token.
    pub fn set_token_option(&self, option: TokenOption) {
        self.change(Command::SetTokenOption(option));
    }

    /// Changes what topic messages are answered with.
    pub fn set_reply(&self, reply: Reply) {
        self.change(Command::SetReply(reply));
    }

    /// Registers a device, or changes one.
    pub fn set_device(&self, device: Device) {
        self.keep_secret(std::slice::from_ref(&device));
        self.change(Command::SetDevice(device));
    }

    /// How many DTLS sessions are open.
    pub fn dtls_sessions(&self) -> usize {
        self.status().dtls_sessions
    }

    /// How many DTLS sessions are kept as sealed bytes, because their clients are silent.
    pub fn sealed_dtls_sessions(&self) -> usize {
        self.status().sealed_dtls_sessions
    }

    /// How many DTLS handshakes are under way, with clients that have shown that they are where
    /// they say.
    pub fn dtls_handshakes(&self) -> usize {
        self.status().dtls_handshakes
    }

    /// Closes every DTLS session with `close_notify`; says how many.
    pub fn close_dtls_sessions(&self) -> usize {
        self.ask(Command::CloseDtlsSessions)
    }

    /// Loses every DTLS session without a word, as a server that crashed and
    /// came back, or a NAT that forgot a client; says how many.
    pub fn forget_dtls_sessions(&self) -> usize {
        self.ask(Command::ForgetDtlsSessions)
    }

    /// Pings (an empty confirmable message) every peer heard from in the last
    /// four minutes; says how many. Their answers are [`Event::Answered`].
    pub fn ping_devices(&self) -> usize {
        self.ask(Command::PingDevices)
    }

    /// Sends a confirmable POST to every peer heard from in the last four
    /// minutes; says how many. Their answers are [`Event::Answered`].
    pub fn send_to_devices(&self, path: &str, payload: &[u8]) -> usize {
        let (path, payload) = (path.to_owned(), payload.to_vec());
        self.ask(|done| Command::SendToDevices { path, payload, done })
    }

    /// Stops the server: its sockets are closed when this returns.
    ///
    /// # Errors
    ///
    /// What ended the server before.
    pub fn stop(mut self) -> io::Result<()> {
        self.halt()
    }

    fn halt(&mut self) -> io::Result<()> {
        // The server may have ended on its own; then there is nobody to tell.
        let _ = self.commands.send(Command::Stop);
        self.sites.take();
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the server panicked")),
        }
    }

    fn url_of(&self, transport: Transport, wanted: fn(&SocketAddr) -> bool) -> Option<String> {
        self.addresses.iter().find(|(each, address)| *each == transport && wanted(address)).map(url)
    }

    /// Keeps the secrets of devices that were registered later out of the console.
    fn keep_secret(&self, devices: &[Device]) {
        if let Some(sites) = &self.sites {
            sites.keep_secret(devices);
        }
    }

    fn status(&self) -> Status {
        self.ask(Command::Tell)
    }

    /// Has the server do something between two datagrams, and waits until it has.
    fn change(&self, command: Command) {
        let _ = self.commands.send(command);
        self.status();
    }

    /// Asks the server something between two datagrams, and waits for what it
    /// says.
    fn ask<T: Send + 'static>(&self, command: impl FnOnce(Done<T>) -> Command) -> T {
        self.try_ask(command).expect("the server's thread serves until it is told to stop")
    }

    /// Likewise; `None` if the server has ended.
    fn try_ask<T: Send + 'static>(&self, command: impl FnOnce(Done<T>) -> Command) -> Option<T> {
        let (tell, outcome) = std::sync::mpsc::sync_channel(1);
        let done = Done::new(move |outcome| {
            let _ = tell.send(outcome);
        });
        let _ = self.commands.send(command(done));
        outcome.recv().ok()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // Whoever wants to know calls `stop`.
        let _ = self.halt();
    }
}

fn url((transport, address): &(Transport, SocketAddr)) -> String {
    format!("{}://{address}", transport.scheme())
}
