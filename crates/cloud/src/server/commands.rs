//! What the server does when it is asked.

use std::time::Instant;

use super::{Server, is_there};
use crate::commands::{Command, DtlsSessions, Status};
use crate::dtls::DtlsServer;
use crate::faults::Faults;
use crate::forward::Forwarder;

impl Server {
    pub(super) fn obey(&mut self, command: Command) {
        let now = Instant::now();
        let service = &mut self.endpoint.service;
        match command {
            Command::Tell(done) => done.tell(self.status()),
            Command::GiveUpBroker(waited, done) => done.tell(service.give_up_broker(waited)),
            Command::SetFaults(faults) => self.set_faults(&faults),
            Command::ChangeFaults { text, replace, done } => {
                done.tell(self.change_faults(&text, replace));
            }
            Command::ExpireTokens => service.expire_tokens(),
            Command::SetKeys(keys, done) => {
                let set = self.dtls.as_mut().map_or(Ok(()), |dtls| dtls.set_keys(&keys));
                if set.is_ok() {
                    service.tokens.set_keys(keys);
                }
                done.tell(set);
            }
            Command::SetCertificate(certificate, done) => {
                let dtls = self.dtls.as_mut();
                done.tell(dtls.map_or(Ok(()), |dtls| dtls.set_certificate(&certificate)));
            }
            Command::SetTokenUses(uses) => service.tokens.set_uses(uses),
            Command::SetTokenOption(option) => service.token_option = option,
            Command::SetReply(reply) => service.reply = reply,
            Command::SetDevice(device) => service.devices.set(device),
            Command::SetDevices(devices) => service.devices.replace(devices),
            Command::CloseDtlsSessions(done) => {
                done.tell(self.dtls.as_mut().map_or(0, |dtls| dtls.close_all(now)));
            }
            Command::ForgetDtlsSessions(done) => {
                done.tell(self.dtls.as_mut().map_or(0, |dtls| dtls.forget_all()));
            }
            Command::PingDevices(done) => {
                let dtls = self.dtls.as_deref();
                done.tell(self.endpoint.ping_peers(now, |peer| is_there(dtls, peer)));
            }
            Command::SendToDevices { path, payload, done } => {
                let dtls = self.dtls.as_deref();
                let there = |peer| is_there(dtls, peer);
                done.tell(self.endpoint.send_to_peers(now, &path, &payload, there));
            }
            Command::ListDtlsSessions { device, most, done } => {
                done.tell(self.dtls_sessions(device, most));
            }
            Command::CountDatagrams(done) => done.tell(self.datagrams),
            Command::Stop => self.stop(now),
        }
    }

    fn status(&self) -> Status {
        let count = |of: fn(&dyn DtlsServer) -> usize| self.dtls.as_deref().map_or(0, of);
        Status {
            faults: self.endpoint.service.faults().clone(),
            dtls_sessions: count(|dtls| dtls.count()),
            sealed_dtls_sessions: count(|dtls| dtls.sealed()),
            dtls_handshakes: count(|dtls| dtls.handshakes()),
            broker: self.endpoint.service.forwarder.as_ref().map(Forwarder::status),
        }
    }

    /// The sessions used last, of one device or of all.
    fn dtls_sessions(&self, device: Option<(String, String)>, most: usize) -> DtlsSessions {
        let devices = &self.endpoint.service.devices;
        let nobody = DtlsSessions::default();
        let Some(dtls) = &self.dtls else { return nobody };
        let device = match device {
            None => None,
            Some((product_key, device_name)) => match devices.number(&product_key, &device_name) {
                None => return nobody,
                number => number,
            },
        };
        let (total, sessions) = dtls.sessions(device, most);
        let named = sessions.into_iter().map(|session| {
            let name = session.device.and_then(|number| devices.name(number));
            (name.cloned(), session)
        });
        DtlsSessions { total, sessions: named.collect() }
    }

    fn set_faults(&mut self, faults: &Faults) {
        self.network_faults.set_faults(faults);
        self.endpoint.service.set_faults(faults);
    }

    /// Wrong faults change nothing.
    fn change_faults(&mut self, text: &str, replace: bool) -> Result<Faults, String> {
        let now = self.endpoint.service.faults();
        let mut faults = if replace { Faults::none() } else { now.clone() };
        faults.update(text)?;
        self.set_faults(&faults);
        Ok(faults)
    }
}
