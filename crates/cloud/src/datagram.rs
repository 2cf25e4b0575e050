//! What a datagram is, in words, as far as anybody on the path can tell.

use std::fmt::Write as _;

use coap_lite::{MessageType, Packet};

use crate::message::{code_text, decode};
use crate::sign::hex;
use crate::transport::Transport;

/// What is said of a datagram that is no CoAP message.
pub(crate) const NO_MESSAGE: &str = "no CoAP message";
/// What is said of one that is no record of DTLS.
pub(crate) const NO_RECORD: &str = "no record of DTLS";

/// The bytes of a record's header before its length, and of its length.
const RECORD_START: usize = 11;
const LENGTH: usize = 2;
const MESSAGE_HEADER: usize = 12;

/// In words; `id_len` is the length of connection ids in records to this side.
pub(crate) fn describe(transport: Transport, datagram: &[u8], id_len: usize) -> String {
    match transport {
        Transport::Dtls => records(datagram, id_len).unwrap_or_else(|| NO_RECORD.into()),
        Transport::Udp | Transport::Symmetric => message(datagram),
    }
}

fn message(datagram: &[u8]) -> String {
    let Ok(packet) = decode(datagram) else { return NO_MESSAGE.into() };
    described(&packet)
}

/// A message in words.
pub(crate) fn described(packet: &Packet) -> String {
    let kind = match packet.header.get_type() {
        MessageType::Confirmable => "CON",
        MessageType::NonConfirmable => "NON",
        MessageType::Acknowledgement => "ACK",
        MessageType::Reset => "RST",
    };
    format!("{kind} {}", code_text(packet.header.code.into()))
}

/// Whether a datagram begins as a record of DTLS does. No CoAP message of a version that there
/// is does.
pub(crate) fn is_record(datagram: &[u8]) -> bool {
    datagram.len() >= RECORD_START + LENGTH && matches!(datagram[..3], [20..=25, 0xFE, 0xFD | 0xFF])
}

/// The records of a datagram, each once.
fn records(mut datagram: &[u8], id_len: usize) -> Option<String> {
    let mut text = String::new();
    while !datagram.is_empty() {
        let (start, rest) = datagram.split_at_checked(RECORD_START)?;
        let has_id = start[0] == 25;
        let (id, rest) = rest.split_at_checked(if has_id { id_len } else { 0 })?;
        let (length, rest) = rest.split_at_checked(LENGTH)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let (content, rest) = rest.split_at_checked(length)?;
        datagram = rest;
        let is_plain = start[3..5] == [0, 0];
        let name = match start[0] {
            20 => "ChangeCipherSpec".into(),
            21 if is_plain => "alert".into(),
            21 => "alert, encrypted".into(),
            22 if is_plain => handshake(content)?,
            22 => "handshake, encrypted".into(),
            23 => "data, encrypted".into(),
            25 => format!("encrypted, connection id {}", hex(id)),
            _ => return None,
        };
        let separator = if text.is_empty() { "" } else { ", " };
        write!(text, "{separator}{name}").ok()?;
    }
    (!text.is_empty()).then_some(text)
}

/// The messages in a record.
fn handshake(mut content: &[u8]) -> Option<String> {
    let mut names = Vec::new();
    while !content.is_empty() {
        let (header, rest) = content.split_at_checked(MESSAGE_HEADER)?;
        let length = |bytes: &[u8]| u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        let (whole, offset, here) =
            (length(&header[1..]), length(&header[6..]), length(&header[9..]));
        content = rest.get(usize::try_from(here).ok()?..)?;
        let name = match header[0] {
            1 => "ClientHello",
            2 => "ServerHello",
            3 => "HelloVerifyRequest",
            4 => "NewSessionTicket",
            11 => "Certificate",
            12 => "ServerKeyExchange",
            13 => "CertificateRequest",
            14 => "ServerHelloDone",
            16 => "ClientKeyExchange",
            20 => "Finished",
            _ => "an unknown message",
        };
        names.push(match (offset, here < whole) {
            (0, false) => name.to_owned(),
            (0, true) => format!("{name} (beginning)"),
            _ => format!("{name} (continued)"),
        });
    }
    Some(names.join(", "))
}

#[cfg(test)]
mod tests {
    use iot_coap_test_support::served::scripted_client::ScriptedClient;

    use super::*;

    #[test]
    fn records_are_named() {
        let dtls = |datagram: &[u8]| describe(Transport::Dtls, datagram, 4);
        let mut client = ScriptedClient::default();
        let hello = client.hello();
        assert_eq!(dtls(&hello), "ClientHello");
        let both = [&hello[..], &client.change_cipher_spec()].concat();
        assert_eq!(dtls(&both), "ClientHello, ChangeCipherSpec");
        let with_id = [25, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 7, 1, 0xAB, 0xCD, 0xEF, 0, 1, 9];
        assert_eq!(dtls(&with_id), "encrypted, connection id 01abcdef");
        // Every cut of it is something, and nothing panics.
        for end in 0..both.len() {
            let cut = dtls(&both[..end]);
            assert_eq!(cut == NO_RECORD, end != hello.len(), "{end}: {cut}");
        }
    }

    #[test]
    fn a_record_is_told_from_a_message() {
        let hello = ScriptedClient::default().hello();
        assert!(is_record(&hello));
        assert!(!is_record(&hello[..12]) && !is_record(&[]) && !is_record(&[0x40; 20]));
    }

    #[test]
    fn messages_are_named() {
        let udp = |datagram: &[u8]| describe(Transport::Udp, datagram, 4);
        assert_eq!(udp(&[0x40, 2, 0, 1]), "CON 0.02");
        assert_eq!(udp(&[0x60, 0, 0, 1]), "ACK 0.00");
        assert_eq!(udp(&[0x40]), "no CoAP message");
    }
}
