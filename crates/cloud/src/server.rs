//! The loop that ties sockets, faults, DTLS and the CoAP endpoint together, on
//! one thread. It decides nothing itself.

mod commands;
mod late;

use std::io;
use std::net::{SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::commands::Command;
use crate::datagram::describe;
use crate::dtls::{self, DtlsServer};
use crate::endpoint::{Endpoint, Transmit};
use crate::events::{Event, EventLog};
use crate::forward::{Broker, Report, Reports};
use crate::network_faults::{Datagram, Direction, NetworkFaults};
use crate::ports::Ports;
use crate::seen::{Arrival, Seen, Tag};
use crate::transport::{Peer, Route, Transport};

/// The largest datagram; UDP's own limit.
const LARGEST_DATAGRAM: usize = 65_535;

/// For bursts of many devices at once.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Datagrams that wait for the loop before the kernel has to hold them.
const INBOX: usize = 1_024;

/// A datagram that has come, and when.
type Came = (Route, Vec<u8>, Instant);

/// A socket with the transport it serves.
pub(crate) struct Listener {
    pub(crate) transport: Transport,
    pub(crate) socket: StdUdpSocket,
    pub(crate) address: SocketAddr,
}

impl Listener {
    pub(crate) fn bind(transport: Transport, address: SocketAddr) -> io::Result<Self> {
        let bind = || {
            let socket = StdUdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            // The system gives what it allows; less is no reason not to serve.
            let _ = set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) = bind().map_err(|error: io::Error| {
            let (scheme, option) = (transport.scheme(), transport.port_option());
            let remedy = match error.kind() {
                io::ErrorKind::AddrNotAvailable => {
                    "--bind takes an address of this machine, or 0.0.0.0 for all".to_owned()
                }
                _ => format!("{option} chooses another port; 0 takes a free one"),
            };
            let text = format!("cannot listen on {address} for {scheme}://: {error} ({remedy})");
            io::Error::new(error.kind(), text)
        })?;
        Ok(Self { transport, socket, address })
    }
}

/// The server behind its sockets.
pub(crate) struct Server {
    endpoint: Endpoint,
    dtls: Option<Box<dyn DtlsServer>>,
    network_faults: NetworkFaults,
    ports: Ports,
    outbox: Vec<Datagram>,
    /// Who is told of each datagram.
    told: Option<Arc<EventLog>>,
    /// Who counts how long answers take.
    seen: Option<Arc<Seen>>,
    /// How many datagrams have come.
    datagrams: u64,
    stopping: bool,
    /// What went wrong at the end.
    failure: Option<io::Error>,
}

impl Server {
    pub(crate) fn new(
        endpoint: Endpoint,
        dtls: Option<Box<dyn DtlsServer>>,
        network_faults: NetworkFaults,
        ports: Ports,
        told: Option<Arc<EventLog>>,
        seen: Option<Arc<Seen>>,
    ) -> Self {
        Self {
            endpoint,
            dtls,
            network_faults,
            ports,
            outbox: Vec::new(),
            told,
            seen,
            datagrams: 0,
            stopping: false,
            failure: None,
        }
    }

    /// Tells of a datagram as it is on the network.
    fn tell(&self, direction: &str, route: Route, bytes: &[u8]) {
        if let Some(events) = &self.told
            && let Some(transport) = self.ports.transport(route.socket)
        {
            // Devices put no ids into their records to us but those that we hand out, and we
            // put none into ours but those that they hand out: none, as a rule.
            let id_len = if direction == "in" { dtls::CONNECTION_ID_LEN } else { 0 };
            events.record(Event::Datagram {
                transport,
                peer: route.address,
                direction: direction.to_owned(),
                bytes: bytes.len(),
                what: describe(transport, bytes, id_len),
            });
        }
    }

    /// Saves DTLS sessions, or says goodbye to their clients, and ends the loop.
    fn stop(&mut self, now: Instant) {
        if let Some(dtls) = &mut self.dtls {
            self.failure = dtls.stop(now).err();
        }
        self.stopping = true;
    }

    fn reported(&mut self, now: Instant, report: Report) {
        self.endpoint.reported(now, report);
        self.collect(now, Arrival::now(now));
    }

    fn arrived(&mut self, now: Instant, route: Route, bytes: Vec<u8>, at: Instant) {
        self.datagrams += 1;
        self.tell("in", route, &bytes);
        let datagram = Datagram::inward(route, bytes, at);
        for datagram in self.network_faults.pass(now, datagram) {
            self.deliver(now, datagram);
        }
    }

    fn deliver(&mut self, now: Instant, mut datagram: Datagram) {
        let Some(transport) = self.ports.transport(datagram.route.socket) else {
            return;
        };
        if !self.ports.admit(transport, datagram.route, &datagram.bytes) {
            return;
        }
        if transport == Transport::Dtls {
            if let Some(dtls) = &mut self.dtls {
                dtls.receive(now, datagram.route, &mut datagram.bytes);
            }
        } else {
            let peer = Peer { route: datagram.route, transport, session: 0 };
            self.endpoint.receive(now, peer, &datagram.bytes, datagram.came);
        }
        self.collect(now, datagram.came);
    }

    fn tick(&mut self, now: Instant) {
        for datagram in self.network_faults.due(now) {
            match datagram.direction {
                Direction::In => self.deliver(now, datagram),
                Direction::Out => self.outbox.push(datagram),
            }
        }
        if let Some(dtls) = &mut self.dtls {
            dtls.tick(now);
        }
        self.endpoint.tick(now);
        self.collect(now, Arrival::now(now));
    }

    /// Moves messages between DTLS and the endpoint, and what both have to say
    /// to the outbox, faults permitting. What DTLS has received came with the datagram that
    /// `came` tells of.
    fn collect(&mut self, now: Instant, came: Arrival) {
        while let Some((peer, message)) = self.dtls.as_mut().and_then(|dtls| dtls.poll_received()) {
            self.endpoint.receive(now, peer, &message, came);
            if let Some(dtls) = &mut self.dtls
                && let Some(proof) = self.endpoint.service.proof()
            {
                dtls.prove(peer.session, proof.device);
            }
            self.flush_endpoint(now);
            if let Some(ending) = self.network_faults.ending()
                && let Some(dtls) = &mut self.dtls
            {
                dtls.end_one(now, ending.pick, ending.silently);
            }
        }
        self.flush_endpoint(now);
        self.flush_dtls(now, None);
    }

    fn flush_endpoint(&mut self, now: Instant) {
        while let Some(Transmit { peer, bytes, tag }) = self.endpoint.poll_transmit() {
            if peer.transport != Transport::Dtls {
                self.send(now, peer.route, bytes, tag);
                continue;
            }
            // What was to be sent before goes before, so that the rest is this message.
            self.flush_dtls(now, None);
            if let Some(dtls) = &mut self.dtls {
                dtls.send(now, peer, &bytes);
            }
            self.flush_dtls(now, tag.as_ref());
        }
    }

    fn flush_dtls(&mut self, now: Instant, tag: Option<&Tag>) {
        while let Some((route, bytes)) = self.dtls.as_mut().and_then(|dtls| dtls.poll_transmit()) {
            self.send(now, route, bytes, tag.cloned());
        }
    }

    fn send(&mut self, now: Instant, route: Route, bytes: Vec<u8>, tag: Option<Tag>) {
        let datagram = Datagram::outward(now, route, bytes, tag);
        self.outbox.extend(self.network_faults.pass(now, datagram));
    }

    fn deadline(&self) -> Option<Instant> {
        let dtls = self.dtls.as_ref().and_then(|dtls| dtls.deadline());
        [self.network_faults.deadline(), self.endpoint.deadline(Instant::now()), dtls]
            .into_iter()
            .flatten()
            .min()
    }
}

fn is_there(dtls: Option<&dyn DtlsServer>, peer: Peer) -> bool {
    peer.transport != Transport::Dtls || dtls.is_some_and(|dtls| dtls.is_open(peer.session))
}

/// Serves until a command stops it, or all of its handles are gone.
pub(crate) async fn run(
    mut server: Server,
    listeners: Vec<Listener>,
    broker: Option<Broker>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) -> io::Result<()> {
    let (inbox, mut datagrams) = mpsc::channel(INBOX);
    let mut sockets = Vec::new();
    for (index, listener) in listeners.into_iter().enumerate() {
        let socket = Arc::new(UdpSocket::from_std(listener.socket)?);
        sockets.push(Arc::clone(&socket));
        tokio::spawn(read(index, socket, inbox.clone()));
    }
    drop(inbox);
    let mut reports = broker.map(|broker| {
        tokio::spawn(broker.link);
        broker.reports
    });
    while !server.stopping {
        let deadline = server.deadline();
        let sleep = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = commands.recv() => {
                let command = command.unwrap_or(Command::Stop);
                if matches!(command, Command::Stop | Command::CountDatagrams(_)) {
                    for (route, bytes, at) in late::take(&mut datagrams, &sockets) {
                        server.arrived(Instant::now(), route, bytes, at);
                    }
                }
                server.obey(command);
            }
            datagram = datagrams.recv() => match datagram {
                Some((route, bytes, at)) => server.arrived(Instant::now(), route, bytes, at),
                None => server.stop(Instant::now()),
            },
            report = next_report(&mut reports) => server.reported(Instant::now(), report),
            () = sleep => {}
        }
        server.tick(Instant::now());
        for datagram in std::mem::take(&mut server.outbox) {
            server.tell("out", datagram.route, &datagram.bytes);
            if let (Some(seen), Some(tag)) = (&server.seen, &datagram.tag) {
                seen.left(Instant::now(), tag);
            }
            let Route { socket, address } = datagram.route;
            // A datagram that cannot be sent is a datagram lost.
            let _ = sockets[socket].send_to(&datagram.bytes, address).await;
        }
    }
    server.failure.map_or(Ok(()), Err)
}

/// What the connection to the broker says next; nothing ever without one.
async fn next_report(reports: &mut Option<Reports>) -> Report {
    match reports {
        Some(reports) => match reports.recv().await {
            Some(report) => report,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

async fn read(index: usize, socket: Arc<UdpSocket>, inbox: mpsc::Sender<Came>) {
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, address)) => {
                let route = Route { socket: index, address };
                if inbox.send((route, buffer[..length].to_vec(), Instant::now())).await.is_err() {
                    return;
                }
            }
            // An error here is about some datagram sent before, not this socket;
            // the pause keeps one that persists from taking the processor.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
