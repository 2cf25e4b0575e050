//! The codec: any bytes. What parses is walked, written again and compared, by
//! the byte: a CoAP message has one encoding. And coap-lite, which is lenient,
//! must take all that we take, and read the same in it.

#![no_main]

use coap_lite::{MessageType, Packet};
use iot_coap_client::{EncodeError, Encoder, Kind, MAX_MESSAGE_LEN, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let message = match Message::parse(datagram) {
        Ok(message) => message,
        Err(malformed) => {
            // A Reset is sent by what the header says, so it must be right.
            if let Some((kind, id)) = malformed.header {
                assert_eq!(number(kind), datagram[0] >> 4 & 3);
                assert_eq!(id.to_be_bytes(), datagram[2..4]);
            }
            return;
        }
    };
    assert!(message.token.len() <= 8);
    write_again(&message, datagram);
    compare(&message, datagram);
});

fn number(kind: Kind) -> u8 {
    match kind {
        Kind::Confirmable => 0,
        Kind::NonConfirmable => 1,
        Kind::Acknowledgement => 2,
        Kind::Reset => 3,
    }
}

fn write_again(message: &Message<'_>, datagram: &[u8]) {
    let mut out = [0; MAX_MESSAGE_LEN];
    let mut write = || -> Result<usize, EncodeError> {
        let Message { kind, code, id, token, .. } = *message;
        let mut encoder = Encoder::new(&mut out, kind, code, id, token)?;
        let mut last = 0;
        for option in message.options.clone() {
            assert!(option.number.0 >= last);
            last = option.number.0;
            encoder.option(option.number, option.value)?;
        }
        encoder.payload(message.payload)
    };
    match write() {
        Ok(len) => {
            assert_eq!(out[..len], *datagram);
            assert_eq!(Message::parse(&out[..len]).as_ref(), Ok(message));
        }
        Err(error) => {
            assert_eq!(error, EncodeError::TooLong);
            assert!(datagram.len() > MAX_MESSAGE_LEN);
        }
    }
}

fn compare(message: &Message<'_>, datagram: &[u8]) {
    let packet = Packet::from_bytes(datagram).expect("coap-lite takes what we take");
    let kind = match packet.header.get_type() {
        MessageType::Confirmable => Kind::Confirmable,
        MessageType::NonConfirmable => Kind::NonConfirmable,
        MessageType::Acknowledgement => Kind::Acknowledgement,
        MessageType::Reset => Kind::Reset,
    };
    assert_eq!(message.kind, kind);
    assert_eq!(message.code.0, u8::from(packet.header.code));
    assert_eq!(message.id, packet.header.message_id);
    assert_eq!(message.token, packet.get_token());
    let theirs = packet
        .options()
        .flat_map(|(number, values)| values.iter().map(|value| (*number, value.as_slice())));
    let ours = message.options.clone().map(|option| (option.number.0, option.value));
    assert!(ours.eq(theirs), "options differ");
    assert_eq!(message.payload, packet.payload);
}
