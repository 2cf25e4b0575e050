//! What has come and was not looked at yet when the server is to stop: the last words of a device
//! that ended just now say why it did not get in.

use std::net::UdpSocket as StdUdpSocket;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::Receiver;

use super::{Came, INBOX, LARGEST_DATAGRAM};
use crate::transport::Route;

/// Everything that waits, in the order of each socket; of a flood no more than the loop lets wait.
pub(super) fn take(inbox: &mut Receiver<Came>, sockets: &[Arc<UdpSocket>]) -> Vec<Came> {
    let mut all = Vec::new();
    while all.len() < INBOX
        && let Ok(came) = inbox.try_recv()
    {
        all.push(came);
    }
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    for (socket, each) in sockets.iter().enumerate() {
        // The runtime learns only when it is idle that there is something to read.
        let Ok(handle) = each.as_fd().try_clone_to_owned() else { continue };
        let handle = StdUdpSocket::from(handle);
        for _ in 0..INBOX {
            let Ok((length, address)) = handle.recv_from(&mut buffer) else { break };
            all.push((Route { socket, address }, buffer[..length].to_vec(), Instant::now()));
        }
    }
    all
}
