//! Joins this crate's client and that of `iot-coap-client` by tokio: signs in over DTLS,
//! posts one message, prints the answer, and ends:
//! `IOT_COAP_DEVICE_SECRET=... coaps_tokio URL ROOT.pem PRODUCT_KEY DEVICE_NAME`

use getrandom::SysRng;
use iot_coap_client::{self as coap, ContentFormat, Device, Event, Received, Request, Security};
use iot_coap_dtls::{self as dtls, Datagram, Instant, State, TrustAnchors};
use std::{env, error::Error, fs, path::Path, process::ExitCode, time::SystemTime};
use tokio::{net::UdpSocket, time};

const PATIENCE: time::Duration = time::Duration::from_secs(15); // for the whole of it

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = run().await.map_err(|error| eprintln!("{error}"));
    result.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, root, product_key, device_name] = &arguments[..] else {
        return Err("usage: coaps_tokio URL ROOT.pem PRODUCT_KEY DEVICE_NAME".into());
    };
    let secret = env::var("IOT_COAP_DEVICE_SECRET").map_err(|_| "set IOT_COAP_DEVICE_SECRET")?;
    let device = Device::new(product_key, device_name, "", &secret)?;
    println!("{}", post(url, root.as_ref(), device).await.map_err(|e| format!("{url}: {e}"))?);
    Ok(())
}

/// Posts a message of the device and returns the answer.
pub(crate) async fn post(url: &str, root: &Path, device: Device) -> Result<String, Box<dyn Error>> {
    let start = time::Instant::now();
    let now = || Instant::from_millis(0) + start.elapsed().into();
    let topic = format!("/topic/{}/{}/user/update", device.product_key(), device.device_name());
    let (content_format, payload) = (ContentFormat::Json, br#"{"temperature":21.5}"#);
    let request = Request { confirmable: true, path: topic.as_bytes(), content_format, payload };
    let endpoint = coap::Endpoint::parse(url)?;
    (endpoint.security == Security::Dtls).then_some(()).ok_or("not a coaps:// URL")?;
    let mut coap = coap::Client::new(coap::Config::new(device, &endpoint, getrandom::u64()?));
    let pem = fs::read(root).map_err(|error| format!("{}: {error}", root.display()))?;
    let (anchors, date) = (TrustAnchors::from_pem(&pem)?, SystemTime::UNIX_EPOCH.elapsed()?);
    let config = dtls::Config::with_certificates(&endpoint.host, anchors, Some(date.as_secs()))?;
    // The server knows the session again if the address of the device changes.
    let mut dtls = dtls::Client::new(config.connection_id(&[])?, SysRng, now())?;
    let socket = UdpSocket::bind("0.0.0.0:0").await?; // for IPv6: [::]:0
    socket.connect((endpoint.host.as_str(), endpoint.port)).await?;
    let (mut buffer, mut record, mut answer) = ([0; 2048], [0; 2048], None);
    coap.sign_in(now(), coap::SIGN_IN_LIMIT);
    let exchange = async {
        loop {
            while let Some(event) = coap.poll_event() {
                match event {
                    Event::SignedIn if coap.outstanding() == 0 => {
                        coap.send(now(), &request, ())?;
                    }
                    // A refused token was renewed. The client itself sends the message again.
                    Event::SignedIn => {}
                    failed => return Err(format!("{failed}; DTLS: {:?}", dtls.state()).into()),
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
            // Not sooner: the answer may have had to be acknowledged.
            if let Some(answer) = answer {
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
    };
    let answer = time::timeout(PATIENCE, exchange).await;
    // Also after an error: its alert is due then, or the one that closes the session.
    dtls.close();
    while let Some(len) = dtls.poll_transmit(&mut record) {
        let _ = socket.send(&record[..len]).await;
    }
    answer.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}").into()))
}
