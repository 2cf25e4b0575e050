//! Which sessions are whose, of devices that have shown who they are.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::config::Limits;
use crate::devices::DeviceNumber;
use crate::source::is_here;

/// The sessions of each device, by number.
pub(super) struct Owners {
    sessions: HashMap<DeviceNumber, Vec<u64>>,
    /// Of one device.
    most: usize,
    here: bool,
}

impl Owners {
    pub(super) fn new(limits: &Limits) -> Self {
        let most = usize::try_from(limits.sessions).unwrap_or(usize::MAX);
        let most = if most == 0 { usize::MAX } else { most };
        Self { sessions: HashMap::new(), most, here: limits.here }
    }

    /// Whether sessions with this address count.
    pub(super) fn count(&self, address: SocketAddr) -> bool {
        self.most < usize::MAX && (self.here || !is_here(address))
    }

    /// A session is this device's. Returns all that it has, if they are too many.
    pub(super) fn add(&mut self, device: DeviceNumber, session: u64) -> Option<&[u64]> {
        let sessions = self.sessions.entry(device).or_default();
        sessions.push(session);
        (sessions.len() > self.most).then_some(&sessions[..])
    }

    pub(super) fn remove(&mut self, device: DeviceNumber, session: u64) {
        if let Some(sessions) = self.sessions.get_mut(&device) {
            sessions.retain(|each| *each != session);
            if sessions.is_empty() {
                self.sessions.remove(&device);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.sessions.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_no_more_than_its_own() {
        let (one, other) = (DeviceNumber(1), DeviceNumber(2));
        let mut owners = Owners::new(&Limits { sessions: 2, ..Limits::default() });
        assert_eq!(owners.add(one, 1), None);
        assert_eq!(owners.add(other, 2), None);
        assert_eq!(owners.add(one, 3), None);
        assert_eq!(owners.add(one, 4), Some(&[1, 3, 4][..]));
        owners.remove(one, 1);
        assert_eq!(owners.add(other, 5), None);
        for (device, session) in [(one, 3), (one, 4), (other, 2), (other, 5)] {
            owners.remove(device, session);
        }
        assert!(owners.sessions.is_empty());
    }

    #[test]
    fn this_machine_and_no_limit_are_not_counted() {
        let count = |sessions, here, address: &str| {
            let owners = Owners::new(&Limits { sessions, here, ..Limits::default() });
            owners.count(address.parse().expect("an address"))
        };
        assert!(count(2, false, "192.0.2.1:5") && count(2, true, "127.0.0.1:5"));
        assert!(!count(2, false, "127.0.0.1:5") && !count(0, true, "192.0.2.1:5"));
    }
}
