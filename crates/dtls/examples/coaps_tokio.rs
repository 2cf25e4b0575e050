//! Joins this crate's client and that of `iot-coap-client` by tokio: signs in over DTLS,
//! posts one message, prints the answer, and ends.
//!
//! ```text
//! IOT_COAP_DEVICE_SECRET=... coaps_tokio URL ROOT.pem PRODUCT_KEY DEVICE_NAME
//! ```

use std::{error::Error, fs, path::Path, time::SystemTime};

use getrandom::SysRng;
use iot_coap_client::{self as coap, ContentFormat, Device, Event, Received, Request};
use iot_coap_dtls::{self as dtls, Datagram, Instant, State, TrustAnchors};
use tokio::net::UdpSocket;
use tokio::time::{self, Duration};

/// How long the program waits for its answer, handshake and signing in included.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, root, product_key, device_name] = &arguments[..] else {
        return Err("usage: coaps_tokio URL ROOT.pem PRODUCT_KEY DEVICE_NAME".into());
    };
    let secret = std::env::var("IOT_COAP_DEVICE_SECRET")
        .map_err(|error| format!("IOT_COAP_DEVICE_SECRET: {error}"))?;
    let device = Device::new(product_key, device_name, "", &secret)?;
    let answer = time::timeout(PATIENCE, post(url, root.as_ref(), device)).await;
    println!("{}", answer.map_err(|_| format!("no answer within {PATIENCE:?}"))??);
    Ok(())
}

/// Posts a message of the device and returns the answer.
pub(crate) async fn post(url: &str, root: &Path, device: Device) -> Result<String, Box<dyn Error>> {
    let start = time::Instant::now();
    let now = || Instant::from_millis(start.elapsed().as_millis() as u64);
    let topic = format!("/topic/{}/{}/user/update", device.product_key(), device.device_name());
    let (content_format, payload) = (ContentFormat::Json, br#"{"temperature":21.5}"#);
    let request = Request { confirmable: true, path: topic.as_bytes(), content_format, payload };
    let endpoint = coap::Endpoint::parse(url)?;
    let mut coap = coap::Client::new(coap::Config::new(device, &endpoint, getrandom::u64()?));

    let pem = fs::read(root).map_err(|error| format!("{}: {error}", root.display()))?;
    let (anchors, date) = (TrustAnchors::from_pem(&pem)?, SystemTime::UNIX_EPOCH.elapsed()?);
    let config = dtls::Config::with_certificates(&endpoint.host, anchors, Some(date.as_secs()))?;
    let mut dtls = dtls::Client::new(config, SysRng, now())?;

    let socket = UdpSocket::bind("0.0.0.0:0").await?; // for IPv6: [::]:0
    socket.connect((endpoint.host.as_str(), endpoint.port)).await?;
    let (mut buffer, mut record, mut answer) = ([0; 2048], [0; 2048], None);
    coap.sign_in(now(), coap::SIGN_IN_LIMIT);
    loop {
        while let Some(event) = coap.poll_event() {
            match event {
                Event::SignedIn if coap.outstanding() == 0 => {
                    coap.send(now(), &request, ())?;
                }
                // A refused token was renewed. The client itself sends the message again.
                Event::SignedIn => {}
                failed => return Err(failed.to_string().into()),
            }
        }
        while let Some(len) = dtls.poll_transmit(&mut record) {
            socket.send(&record[..len]).await?;
        }
        // Messages wait for the end of the handshake. Then each becomes a record.
        while dtls.state() == State::Connected
            && let Some(transmit) = coap.poll_transmit(now())
        {
            let len = dtls.send(transmit.datagram, &mut record)?;
            socket.send(&record[..len]).await?;
        }
        if let Some(answer) = answer {
            dtls.close();
            if let Some(len) = dtls.poll_transmit(&mut record) {
                socket.send(&record[..len]).await?;
            }
            return Ok(answer);
        }

        let due = [coap.next_timeout(), dtls.next_timeout()].into_iter().flatten().min();
        let wait = due.map_or(PATIENCE, |at| (at - now()).into());
        let Ok(received) = time::timeout(wait, socket.recv(&mut buffer)).await else {
            // Time only passes once all that has arrived is read.
            dtls.handle_timeout(now())?;
            coap.handle_timeout(now());
            continue;
        };
        let mut datagram = Datagram::new(&mut buffer[..received?]);
        while let Some(message) = dtls.handle_datagram(now(), &mut datagram)? {
            if let Received::Response(response) = coap.handle_datagram(now(), message) {
                let payload = String::from_utf8_lossy(&message[response.payload]);
                answer = Some(format!("{} {payload}", response.code));
            }
        }
    }
}
