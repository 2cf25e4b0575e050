//! What a running server reads again when it is told to: files that somebody changed, or moved
//! away. An [`Event::ReadAgain`] tells how each went; what cannot be used changes nothing.

use std::fmt;
use std::path::Path;

use super::Cloud;
use crate::certificates::{Certificates, ServerCertificate};
use crate::commands::Command;
use crate::devices::{self, Device, load_devices};
use crate::events::Event;
use crate::server_keys::ServerKeys;

impl Cloud {
    /// Reads the keys of [`Config::keys`](crate::Config::keys) from a file again.
    pub fn reload_keys(&self, path: &Path) {
        let read =
            ServerKeys::load(path).and_then(|keys| self.ask(|done| Command::SetKeys(keys, done)));
        self.tell_of(path, read);
    }

    /// Reads devices from a file, as [`load_devices`] does: these and `given` are all that may
    /// sign in from here on. What others were given is refused: a message of theirs is
    /// answered 4.01, until they are registered again.
    pub fn reload_devices(&self, path: &Path, given: &[Device]) {
        self.tell_of(path, self.read_devices(path, given));
    }

    fn read_devices(&self, path: &Path, given: &[Device]) -> Result<(), String> {
        let devices = [given, &load_devices(path)?].concat();
        if devices.is_empty() {
            return Err("no device would be left".into());
        }
        devices::check_each_is_given_once(&devices).map_err(|error| error.to_string())?;
        self.keep_secret(&devices);
        self.change(Command::SetDevices(devices));
        Ok(())
    }

    /// Reads the files of [`Certificates::Files`] again, or makes another certificate that is
    /// valid from today. Sessions go on; handshakes show it from here on.
    pub fn renew_certificate(&self) {
        let renewed = ServerCertificate::prepare(&self.certificates, &self.state)
            .and_then(|new| self.ask(|done| Command::SetCertificate(Box::new(new), done)));
        let file = match &self.certificates {
            Certificates::Files { chain, .. } => chain,
            Certificates::Generated { .. } => &self.certificate.root_path,
        };
        self.tell_of(file, renewed);
    }

    /// Opens the file of [`Log::File`](crate::Log::File) again, once it was moved away. Events
    /// from here on stand in the new one.
    pub fn reopen_log(&self) {
        if let Some((path, opened)) = self.events.reopen() {
            self.tell_of(path, opened);
        }
    }

    fn tell_of<E: fmt::Display>(&self, file: &Path, outcome: Result<(), E>) {
        let error = outcome.err().map_or_else(String::new, |error| error.to_string());
        self.events.record(Event::ReadAgain { file: file.to_path_buf(), error });
    }
}
