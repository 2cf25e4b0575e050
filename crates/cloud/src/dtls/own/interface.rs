//! What the local cloud asks of the server, and when.

use std::io;
use std::time::Instant;

use iot_coap_dtls::Error;
use iot_coap_dtls::server::Greeting;

use super::id::Ids;
use super::server::Server;
use crate::certificates::ServerCertificate;
use crate::devices::DeviceNumber;
use crate::dtls::{DtlsServer, DtlsSession, used_last};
use crate::events::Event;
use crate::server_keys::ServerKeys;
use crate::sign::hex;
use crate::transport::{Peer, Route};

impl DtlsServer for Server {
    fn receive(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        if Ids::are_in(datagram) {
            if let Some(number) = self.ids.find(datagram) {
                self.read(now, number, route, datagram);
            }
            return;
        }
        match self.cookies.examine(now, route, datagram) {
            Greeting::Unverified(answer) => self.transmit.push_back((route, answer.to_vec())),
            Greeting::Verified(hello) => self.handle_hello(now, route, &hello, datagram),
            // The wrong one drops what does not authenticate.
            Greeting::None => {
                for number in self.places.at(route) {
                    self.read(now, number, route, &mut datagram.to_vec());
                }
            }
        }
    }

    fn send(&mut self, now: Instant, peer: Peer, plaintext: &[u8]) {
        let number = peer.session;
        let Some(connection) = self.sessions.wake(&self.context, number) else { return };
        let mut datagram = vec![0; plaintext.len() + connection.record_overhead()];
        let result = connection.send(plaintext, &mut datagram);
        let look = self.sessions.next_look(now);
        let Some(session) = self.sessions.crowd.get_mut(number) else { return };
        session.used = now;
        let (route, due) = (session.route, session.due);
        match result {
            Ok(len) => {
                datagram.truncate(len);
                self.transmit.push_back((route, datagram));
            }
            // The client takes no message of this length, as it has said.
            Err(Error::BadLength) => {}
            Err(error) => return self.end(number, &error.to_string()),
        }
        if due > look {
            self.look_at(number, look);
        }
    }

    fn poll_transmit(&mut self) -> Option<(Route, Vec<u8>)> {
        self.transmit.pop_front()
    }

    fn poll_received(&mut self) -> Option<(Peer, Vec<u8>)> {
        self.received.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    fn tick(&mut self, now: Instant) {
        while let Some(&(due, number)) = self.due.first()
            && due <= now
        {
            if let Some(handshake) = self.handshakes.get_mut(number) {
                // Its state says the same.
                let _ = handshake.connection.handle_timeout(self.clock.engine(now));
                self.go_on(now, number);
            } else {
                self.look(now, number);
            }
        }
    }

    fn count(&self) -> usize {
        self.sessions.crowd.len()
    }

    fn sealed(&self) -> usize {
        self.sessions.crowd.iter().filter(|(_, session)| session.is_sealed()).count()
    }

    fn handshakes(&self) -> usize {
        self.handshakes.len()
    }

    fn sessions(&self, device: Option<DeviceNumber>, most: usize) -> (usize, Vec<DtlsSession>) {
        let those = self.sessions.crowd.iter();
        let those = those.filter(|(_, each)| device.is_none() || each.device == device);
        let used = those.map(|(number, each)| (each.used, (number, each))).collect();
        let (total, latest) = used_last(used, most);
        let told = latest.map(|(number, each)| DtlsSession {
            number,
            peer: each.route.address,
            connection_id: each.id.map_or_else(String::new, |id| hex(&self.ids.bytes(id))),
            device: each.device,
            moves: each.moves,
            saves: each.saves,
            sealed: each.is_sealed(),
        });
        (total, told.collect())
    }

    fn is_open(&self, session: u64) -> bool {
        self.sessions.crowd.contains(session)
    }

    fn prove(&mut self, number: u64, device: DeviceNumber) {
        let Some(session) = self.sessions.crowd.get_mut(number) else { return };
        session.is_proven = true;
        if session.device.is_some() {
            return;
        }
        session.device = Some(device);
        if !self.owners.count(session.route.address) {
            return;
        }
        let Some(sessions) = self.owners.add(device, number) else { return };
        let heard = |number: &u64| self.sessions.crowd.get(*number).map(|each| each.heard);
        let oldest = sessions.iter().copied().filter(|each| *each != number).min_by_key(heard);
        if let Some(oldest) = oldest {
            self.close(oldest, "too many sessions of its device");
        }
    }

    fn close_all(&mut self, _: Instant) -> usize {
        let numbers = self.sessions.crowd.numbers();
        for &number in &numbers {
            self.close(number, "closed by server");
        }
        numbers.len()
    }

    fn forget_all(&mut self) -> usize {
        let numbers = self.sessions.crowd.numbers();
        for &number in &numbers {
            self.end(number, "forgotten");
        }
        self.forget_everything();
        numbers.len()
    }

    fn end_one(&mut self, _: Instant, pick: u64, silently: bool) {
        let Some(number) = self.sessions.crowd.pick(pick) else { return };
        if silently {
            self.end(number, "forgotten");
        } else {
            self.close(number, "closed by server");
        }
    }

    fn take_restored(&mut self) -> Option<Event> {
        self.restored.take()
    }

    fn set_keys(&mut self, keys: &ServerKeys) -> io::Result<()> {
        self.context.set_keys(keys)?;
        self.keys.clone_from(keys);
        Ok(())
    }

    fn set_certificate(&mut self, certificate: &ServerCertificate) -> io::Result<()> {
        self.context.set_certificate(certificate)
    }

    fn stop(&mut self, now: Instant) -> io::Result<()> {
        if let Some(file) = self.saved.take() {
            return self.save(now, &file);
        }
        self.close_all(now);
        Ok(())
    }
}
