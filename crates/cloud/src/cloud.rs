//! The handle of a running server: starting it, asking it, changing it,
//! stopping it. The server itself runs on a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::certificates::ServerCertificate;
use crate::config::{Certificates, Config, Reply, TokenOption};
use crate::console::{self, Console};
use crate::devices::{self, Device};
use crate::dtls;
use crate::endpoint::Endpoint;
use crate::events::{Event, EventLog, Message};
use crate::expiry::ExpiryFile;
use crate::faults::Faults;
use crate::forward;
use crate::server::{self, Control, Listener, Server};
use crate::server_keys::ServerKeys;
use crate::state::StateDir;
use crate::transport::Transport;
use crate::weather::Weather;

/// A running server; dropping it stops it.
///
/// ```
/// use iot_coap_cloud::{Cloud, Config, Transport};
/// let cloud = Cloud::start(Config::default()).unwrap();
/// assert!(cloud.url(Transport::Udp).starts_with("coap://127.0.0.1:"));
/// ```
pub struct Cloud {
    controls: mpsc::UnboundedSender<Control>,
    thread: Option<JoinHandle<io::Result<()>>>,
    console: Option<Console>,
    addresses: Vec<(Transport, SocketAddr)>,
    events: Arc<EventLog>,
    certificate: ServerCertificate,
    /// Its temporary folder goes when the server does.
    _state: StateDir,
}

impl Cloud {
    /// Starts a server; it answers when this returns.
    ///
    /// # Errors
    ///
    /// A port is taken, or a file cannot be read or written; the message says
    /// which.
    pub fn start(mut config: Config) -> io::Result<Self> {
        if let Some(device) = devices::repeated(&config.devices) {
            let text = format!(
                "the device {} of product {} is given twice",
                device.device_name, device.product_key
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if [config.udp_port, config.dtls_port, config.symmetric_port] == [None; 3] {
            let text = "no transport is left to serve; leave out one of --no-udp, --no-dtls and \
                        --no-symmetric";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let console = config.console.clone().map(console::Bound::new).transpose()?;
        let state = StateDir::open(config.state_dir.as_deref())?;
        let certificate = ServerCertificate::prepare(&config.dtls.certificates, &state)?;
        let events = EventLog::new(&config.log, config.verbose, config.remembered_events)?;
        let events = Arc::new(events.with_limits_here(config.limits.here));
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
        let transports = addresses.iter().map(|(transport, _)| *transport).collect();
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
        let weather = Weather::new(&config.faults, Arc::clone(&events));
        let names = match &config.dtls.certificates {
            Certificates::Generated { names, .. } if dtls.is_some() => names.clone(),
            _ => Vec::new(),
        };
        let root = dtls.is_some().then(|| certificate.root_path.clone());
        let (controls, received) = mpsc::unbounded_channel();
        let console_url = console.as_ref().map(console::Bound::url);
        let console = console
            .map(|bound| {
                let reach =
                    console::Reach { controls: controls.clone(), events: Arc::clone(&events) };
                let urls = addresses.iter().map(url).collect();
                Console::start(bound, reach, &config.devices, urls, root.as_deref())
            })
            .transpose()?;
        let (forwarder, broker) = match config.forward.as_ref().map(forward::open).transpose()? {
            Some((forwarder, link, reports)) => (Some(forwarder), Some((link, reports))),
            None => (None, None),
        };
        let mut endpoint = Endpoint::new(config, keys, forwarder, Arc::clone(&events));
        if !state.is_temporary() {
            endpoint.service.keep_expiry(ExpiryFile::of(&state))?;
        }
        let server = Server::new(endpoint, dtls, weather, transports, told);

        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let thread = std::thread::Builder::new()
            .name("iot-coap-cloud".into())
            .spawn(move || runtime.block_on(server::run(server, listeners, broker, received)))?;
        let cloud = Self {
            controls,
            thread: Some(thread),
            console,
            addresses,
            events,
            certificate,
            _state: state,
        };
        // Answered by the loop: from here on it serves.
        cloud.control(|_| ());
        cloud.events.record(Event::Ready { urls: cloud.urls(), root, names, console: console_url });
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

    /// The address of the console, if there is one.
    pub fn console_address(&self) -> Option<SocketAddr> {
        self.console.as_ref().map(Console::address)
    }

    /// The root certificate that DTLS clients shall trust.
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
        self.control(move |server| server.set_faults(&faults));
    }

    /// Refuses every access token issued so far (4.01), also after a restart with the same
    /// [`Config::state_dir`].
    pub fn expire_tokens(&self) {
        self.control(|server| server.endpoint.service.expire_tokens());
    }

    /// Reads the keys of [`Config::keys`] from a file again; an
    /// [`Event::KeysRead`] tells whether that went well. If it did not, the
    /// keys in use are kept.
    pub fn reload_keys(&self, path: &Path) {
        let error = match ServerKeys::load(path) {
            Ok(keys) => {
                self.control(|server| {
                    if let Some(dtls) = &mut server.dtls {
                        dtls.set_keys(&keys);
                    }
                    server.endpoint.service.tokens.set_keys(keys);
                });
                String::new()
            }
            Err(error) => error.to_string(),
        };
        self.events.record(Event::KeysRead { error });
    }

    /// Changes after how many topic messages a token is refused, and counts anew.
    pub fn set_token_uses(&self, uses: Option<u32>) {
        self.control(move |server| server.endpoint.service.tokens.set_uses(uses));
    }

    /// Changes the option that carries the access token.
    pub fn set_token_option(&self, option: TokenOption) {
        self.control(move |server| server.endpoint.service.token_option = option);
    }

    /// Changes what topic messages are answered with.
    pub fn set_reply(&self, reply: Reply) {
        self.control(move |server| server.endpoint.service.reply = reply);
    }

    /// Registers a device, or changes one.
    pub fn set_device(&self, device: Device) {
        if let Some(console) = &self.console {
            console.add_secrets([&device]);
        }
        self.control(move |server| server.endpoint.service.devices.set(device));
    }

    /// How many DTLS sessions are open.
    pub fn dtls_sessions(&self) -> usize {
        self.control(|server| server.dtls_sessions())
    }

    /// How many DTLS sessions are kept as sealed bytes, because their clients are silent.
    pub fn sealed_dtls_sessions(&self) -> usize {
        self.control(|server| server.dtls.as_ref().map_or(0, |dtls| dtls.sealed()))
    }

    /// How many DTLS handshakes are under way, with clients that have shown that they are where
    /// they say.
    pub fn dtls_handshakes(&self) -> usize {
        self.control(|server| server.dtls.as_ref().map_or(0, |dtls| dtls.handshakes()))
    }

    /// Closes every DTLS session with `close_notify`; says how many.
    pub fn close_dtls_sessions(&self) -> usize {
        self.control(Server::close_dtls_sessions)
    }

    /// Loses every DTLS session without a word, as a server that crashed and
    /// came back, or a NAT that forgot a client; says how many.
    pub fn forget_dtls_sessions(&self) -> usize {
        self.control(|server| server.dtls.as_mut().map_or(0, |dtls| dtls.forget_all()))
    }

    /// Pings (an empty confirmable message) every peer heard from in the last
    /// four minutes; says how many. Their answers are [`Event::Answered`].
    pub fn ping_devices(&self) -> usize {
        self.control(Server::ping_peers)
    }

    /// Sends a confirmable POST to every peer heard from in the last four
    /// minutes; says how many. Their answers are [`Event::Answered`].
    pub fn send_to_devices(&self, path: &str, payload: &[u8]) -> usize {
        let (path, payload) = (path.to_owned(), payload.to_vec());
        self.control(move |server| server.send_to_peers(&path, &payload))
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
        let _ = self.controls.send(Box::new(Server::stop));
        self.console.take();
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the server panicked")),
        }
    }

    fn url_of(&self, transport: Transport, wanted: fn(&SocketAddr) -> bool) -> Option<String> {
        self.addresses.iter().find(|(each, address)| *each == transport && wanted(address)).map(url)
    }

    /// Has the server do something between two datagrams, and waits for it.
    fn control<R: Send + 'static>(&self, act: impl FnOnce(&mut Server) -> R + Send + 'static) -> R {
        let (done, result) = std::sync::mpsc::sync_channel(1);
        let control: Control = Box::new(move |server| {
            let _ = done.send(act(server));
        });
        let _ = self.controls.send(control);
        result.recv().expect("the server's thread serves until it is told to stop")
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
