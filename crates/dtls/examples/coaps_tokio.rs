//! Joins this crate's client and that of `iot-coap-client` by tokio: signs in over DTLS,
//! posts one message, prints the answer, and ends.
//!
//! ```text
//! IOT_COAP_DEVICE_SECRET=... coaps_tokio URL ROOT.pem PRODUCT_KEY DEVICE_NAME
//! ```

use std::{error::Error, fs, io, path::Path, process::ExitCode, time::SystemTime};

use getrandom::SysRng;
use iot_coap_client::{self as coap, ContentFormat, Device, Event, Received, Request, Security};
use iot_coap_dtls::{self as dtls, Datagram, Instant, State, TrustAnchors};
use tokio::net::UdpSocket;
use tokio::time::{self, Duration};

/// How long the program waits for its answer, handshake and signing in included.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, root, product_key, device_name] = &arguments[..] else {
        return Err("usage: coaps_tokio URL ROOT.pem PRODUCT_KEY DEVICE_NAME".into());
    };
    let secret = std::env::var("IOT_COAP_DEVICE_SECRET")
        .map_err(|error| format!("IOT_COAP_DEVICE_SECRET: {error}"))?;
    post(url, root.as_ref(), Device::new(product_key, device_name, "", &secret)?).await
}

/// Posts a message of the device and returns the answer.
pub(crate) async fn post(url: &str, root: &Path, device: Device) -> Result<String, Box<dyn Error>> {
    let endpoint = coap::Endpoint::parse(url)?;
    if endpoint.security != Security::Dtls {
        return Err(format!("{url}: this example speaks DTLS only: use coaps://").into());
    }
    let start = time::Instant::now();
    let now = || Instant::from_millis(0) + start.elapsed().into();
    let topic = format!("/topic/{}/{}/user/update", device.product_key(), device.device_name());
    let mut coap = coap::Client::new(coap::Config::new(device, &endpoint, getrandom::u64()?));

    let pem = fs::read(root).map_err(|error| format!("{}: {error}", root.display()))?;
    let (anchors, date) = (TrustAnchors::from_pem(&pem)?, SystemTime::UNIX_EPOCH.elapsed()?);
    let config = dtls::Config::with_certificates(&endpoint.host, anchors, Some(date.as_secs()))?
        // The server knows the session again if the address of the device changes.
        .connection_id(&[])?;
    let mut dtls = dtls::Client::new(config, SysRng, now())?;

    let at_url = |error: io::Error| format!("{url}: {error}");
    let socket = UdpSocket::bind("0.0.0.0:0").await?; // for IPv6: [::]:0
    socket.connect((endpoint.host.as_str(), endpoint.port)).await.map_err(at_url)?;
    let exchange = exchange(&topic, &mut coap, &mut dtls, &socket, now);
    let answer = match time::timeout(PATIENCE, exchange).await {
        Ok(Err(error)) if error.is::<io::Error>() => Err(format!("{url}: {error}").into()),
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {PATIENCE:?}").into()),
    };
    // Also after an error: its alert is due then, or the one that closes the session.
    dtls.close();
    let _ = flush(&mut dtls, &socket).await;
    answer
}

/// Sends what is due of the DTLS session.
async fn flush(dtls: &mut dtls::Client<SysRng>, socket: &UdpSocket) -> io::Result<()> {
    let mut record = [0; 2048];
    while let Some(len) = dtls.poll_transmit(&mut record) {
        socket.send(&record[..len]).await?;
    }
    Ok(())
}

/// Signs in, posts to the topic, and returns the answer.
async fn exchange(
    topic: &str,
    coap: &mut coap::Client<()>,
    dtls: &mut dtls::Client<SysRng>,
    socket: &UdpSocket,
    now: impl Fn() -> Instant,
) -> Result<String, Box<dyn Error>> {
    let (content_format, payload) = (ContentFormat::Json, br#"{"temperature":21.5}"#);
    let request = Request { confirmable: true, path: topic.as_bytes(), content_format, payload };
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
                // The sign-in was not even sent.
                Event::SignInFailed(_) if dtls.state() == State::Handshaking => {
                    return Err("the DTLS handshake was not done in time".into());
                }
                failed => return Err(failed.to_string().into()),
            }
        }
        flush(dtls, socket).await?;
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
}
