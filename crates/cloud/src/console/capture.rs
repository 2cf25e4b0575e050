//! Messages as a capture file that Wireshark and its kin read: pcapng, with the addresses of
//! devices, and the port of plain CoAP at the server, so that they are taken for what they are.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use etherparse::PacketBuilder;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, PcapError};

use super::exchange::masked;
use super::mask::Mask;
use crate::network_faults::Direction;
use crate::seen::Message;
use crate::transport::Transport;

/// The port of `coap://`.
const COAP: u16 = 5683;

/// As in packets on the way.
const TIME_TO_LIVE: u8 = 64;

/// Timestamps are written in units of 10^-9 s, which is how the library counts them.
const NANOSECONDS: u8 = 9;

/// A capture file being written.
pub(super) struct Capture {
    writer: PcapNgWriter<Vec<u8>>,
    /// Those of the server's sockets.
    addresses: Vec<SocketAddr>,
}

impl Capture {
    pub(super) fn new(addresses: Vec<SocketAddr>) -> Result<Self, PcapError> {
        let mut writer = PcapNgWriter::new(Vec::new())?;
        let mut interface = InterfaceDescriptionBlock::new(DataLink::RAW, 0);
        interface.options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed("iot-coap-cloud")),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ];
        writer.write_pcapng_block(interface)?;
        Ok(Self { writer, addresses })
    }

    /// Adds a message, without what nobody shall read.
    pub(super) fn add(&mut self, message: &Message, mask: &Mask) -> Result<(), PcapError> {
        let (bytes, _) = masked(message, mask);
        // What is too long for a packet was none.
        let Some(packet) = packet(message, self.server(message), &bytes) else { return Ok(()) };
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_micros(message.unix_us),
            original_len: u32::try_from(packet.len()).unwrap_or(u32::MAX),
            data: Cow::Owned(packet),
            options: vec![EnhancedPacketOption::Comment(Cow::Owned(comment(message)))],
        };
        self.writer.write_pcapng_block(block).map(drop)
    }

    /// What was written since this was last asked.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }

    /// The server's address as the device knows it, as far as the server does.
    fn server(&self, message: &Message) -> IpAddr {
        let device = message.peer.ip().to_canonical();
        let bound = self.addresses.get(message.socket).map(|address| address.ip().to_canonical());
        match bound {
            Some(bound) if bound.is_ipv4() == device.is_ipv4() && !bound.is_unspecified() => bound,
            // Bound to all of them: a device on this machine has the same as the server.
            _ if device.is_loopback() => device,
            _ if device.is_ipv4() => Ipv4Addr::UNSPECIFIED.into(),
            _ => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

fn packet(message: &Message, server: IpAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    let device = (message.peer.ip().to_canonical(), message.peer.port());
    let server = (server, COAP);
    let (from, to) = match message.direction {
        Direction::In => (device, server),
        Direction::Out => (server, device),
    };
    let builder = match (from.0, to.0) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            PacketBuilder::ipv4(source.octets(), destination.octets(), TIME_TO_LIVE)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            PacketBuilder::ipv6(source.octets(), destination.octets(), TIME_TO_LIVE)
        }
        _ => return None,
    };
    let builder = builder.udp(from.1, to.1);
    let mut packet = Vec::with_capacity(builder.size(bytes.len()));
    builder.write(&mut packet, bytes).ok()?;
    Some(packet)
}

/// What the packet does not say: how it really came, and what happened to it.
fn comment(message: &Message) -> String {
    let scheme = message.transport.scheme();
    let came = match message.transport {
        Transport::Dtls => format!("{scheme}, DTLS session {}", message.session),
        Transport::Udp | Transport::Symmetric => scheme.to_owned(),
    };
    match message.fault {
        Some(fault @ "drop") => format!("{came}, lost by the fault {fault}"),
        Some(fault) => format!("{came}, held back by the fault {fault}"),
        None => came,
    }
}
