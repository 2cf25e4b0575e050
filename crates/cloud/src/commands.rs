//! What a running server can be asked by those who hold it: its handle, and the console.
//! Plain data: how a server obeys is its own business.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::access_token::TokenOption;
use crate::answer::Reply;
use crate::certificates::ServerCertificate;
use crate::devices::Device;
use crate::dtls::DtlsSession;
use crate::faults::Faults;
use crate::server_keys::ServerKeys;

/// Takes what a command came to. One that is dropped tells whoever waits that the server is
/// gone.
pub(crate) struct Done<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Done<T> {
    pub(crate) fn new(take: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(take))
    }

    pub(crate) fn tell(self, outcome: T) {
        (self.0)(outcome);
    }
}

impl<T> fmt::Debug for Done<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Done").finish_non_exhaustive()
    }
}

/// What no event tells of a server.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) faults: Faults,
    /// DTLS sessions that are open;
    pub(crate) dtls_sessions: usize,
    /// that are kept as sealed bytes;
    pub(crate) sealed_dtls_sessions: usize,
    /// handshakes under way.
    pub(crate) dtls_handshakes: usize,
    /// The broker that messages are forwarded to, if they are.
    pub(crate) broker: Option<BrokerStatus>,
}

/// How the connection to the broker is.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "console", derive(serde::Serialize))]
pub(crate) struct BrokerStatus {
    pub(crate) address: String,
    pub(crate) connected: bool,
    /// Since when, in milliseconds since 1970.
    pub(crate) since: u64,
    /// Why not.
    pub(crate) reason: String,
    /// Messages that wait to be published, and those that the broker has not acknowledged.
    pub(crate) waiting: usize,
    pub(crate) in_flight: usize,
}

/// DTLS sessions that are open.
#[derive(Debug, Default)]
pub(crate) struct DtlsSessions {
    /// How many there are.
    pub(crate) total: usize,
    /// Those used last, each with the device that has shown by it who it is.
    pub(crate) sessions: Vec<(Option<(String, String)>, DtlsSession)>,
}

/// Something to be done between two datagrams, in the order of sending: once a later one is
/// done, this is too. A count is of those concerned.
#[derive(Debug)]
pub(crate) enum Command {
    Tell(Done<Status>),
    /// Goes on without the broker if it is not there after so long, and says why it is not.
    GiveUpBroker(Duration, Done<Option<String>>),
    SetFaults(Faults),
    /// Changes those that the text names, as `--faults` takes it, or has them be all.
    ChangeFaults {
        text: String,
        replace: bool,
        done: Done<Result<Faults, String>>,
    },
    ExpireTokens,
    SetKeys(ServerKeys, Done<io::Result<()>>),
    SetCertificate(Box<ServerCertificate>, Done<io::Result<()>>),
    SetTokenUses(Option<u32>),
    SetTokenOption(TokenOption),
    SetReply(Reply),
    /// Registers a device, or changes one.
    SetDevice(Device),
    /// Has these be all that are registered.
    SetDevices(Vec<Device>),
    /// With `close_notify`.
    CloseDtlsSessions(Done<usize>),
    /// Without a word.
    ForgetDtlsSessions(Done<usize>),
    /// Tells of those used last, the latest first: of a device, if one is named.
    ListDtlsSessions {
        device: Option<(String, String)>,
        most: usize,
        done: Done<DtlsSessions>,
    },
    PingDevices(Done<usize>),
    SendToDevices {
        path: String,
        payload: Vec<u8>,
        done: Done<usize>,
    },
    /// Reads what has come by now, and says how many datagrams have come since the start.
    CountDatagrams(Done<u64>),
    /// Reads what has come by now, saves what is to be saved, and ends.
    Stop,
}

/// Where commands go to.
pub(crate) type Commands = mpsc::UnboundedSender<Command>;

/// Asks the server something between two datagrams; `None` if it is gone.
pub(crate) async fn ask<T: Send + 'static>(
    commands: &Commands,
    command: impl FnOnce(Done<T>) -> Command,
) -> Option<T> {
    let (tell, outcome) = oneshot::channel();
    let done = Done::new(move |outcome| {
        let _ = tell.send(outcome);
    });
    commands.send(command(done)).ok()?;
    outcome.await.ok()
}
