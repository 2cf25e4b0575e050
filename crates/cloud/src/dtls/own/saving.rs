//! How sessions get into the file of saved ones, and out of it.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use super::saved::{self, About, SavedFile};
use super::server::Server;
use super::session::{Kept, Session};
use crate::events::Event;
use crate::transport::Route;

impl Server {
    /// Ends all sessions, and saves those whose handshakes are long done. The others are told
    /// goodbye: their clients come back by their tickets.
    pub(super) fn save(&mut self, now: Instant, file: &SavedFile) -> io::Result<()> {
        let keys = saved::sealing_keys(&self.keys);
        let mut sealed = Vec::new();
        for number in self.sessions.crowd.numbers() {
            let Some(Session { route, id, is_proven, heard, saves, moves, .. }) =
                self.sessions.crowd.get(number)
            else {
                continue;
            };
            let id = id.map(|id| self.ids.bytes(id).to_vec());
            let silent = now.saturating_duration_since(*heard);
            let mut about = About::new((route.socket, route.address), id, *is_proven, silent);
            (about.saves, about.moves) = (saves.saturating_add(1), *moves);
            let blob = self
                .sessions
                .wake(&self.context, number)
                .and_then(|connection| connection.export(keys.first()?, &about.context()).ok());
            match blob {
                Some(blob) => sealed.push((about, blob)),
                None => self.close(number, "closed by server"),
            }
        }
        let count = sealed.len();
        let result = file.write(sealed);
        self.forget_everything();
        let (sessions, error) = match &result {
            Ok(()) => (count, String::new()),
            Err(error) => (0, error.to_string()),
        };
        self.events.record(Event::DtlsSaved { sessions, error });
        result
    }

    /// Goes on with the sessions that were saved.
    pub(super) fn restore(&mut self, now: Instant, path: PathBuf) -> io::Result<()> {
        let Some(file) = SavedFile::open(path)? else {
            let error = "sessions are neither restored nor saved: another server has this folder \
                         and this number; give one of them another --state or --server-number"
                .to_owned();
            self.restored = Some(Event::DtlsRestored { sessions: 0, error });
            return Ok(());
        };
        let (mut taken, mut error) = match file.take() {
            Ok(taken) => (taken, String::new()),
            Err(error) => (Vec::new(), error.to_string()),
        };
        // What could not be taken is not replaced at the end.
        self.saved = Some(file).filter(|file| !file.exists());
        // Where there is less room than before, those that were silent for longest are lost.
        taken.sort_by_key(|(about, _)| about.silent());
        taken.truncate(self.max_sessions);
        let keys = saved::sealing_keys(&self.keys);
        let (mut sessions, mut lost) = (0, 0);
        for (about, blob) in taken {
            if about.silent() >= self.sessions.idle_timeout {
                continue;
            }
            let context = about.context();
            let connection = keys.iter().find_map(|key| self.context.import(&blob, key, &context));
            let number = self.take_number();
            let id = match &about.id {
                // Another server's, or one that stands there twice.
                Some(bytes) => self.ids.parse(bytes).filter(|id| self.ids.take(*id, number)),
                None => None,
            };
            let Some(mut connection) = connection.filter(|_| id.is_some() == about.id.is_some())
            else {
                lost += 1;
                if let Some(id) = id {
                    self.ids.free(id);
                }
                continue;
            };
            let route = Route { socket: about.socket, address: about.address };
            let heard = now.checked_sub(about.silent()).unwrap_or(now);
            if id.is_none() {
                self.places.settle(route, number);
            }
            let kept = match self.sessions.seal(&mut connection) {
                Ok(kept) => kept,
                Err(_) => Kept::Live(Box::new(connection)),
            };
            let About { is_proven, saves, moves, .. } = about;
            let session = Session::new(kept, route, id, heard);
            let session = Session { is_proven, saves, moves, ..session };
            self.insert(number, session, self.sessions.end_of_silence(heard).max(now));
            sessions += 1;
        }
        if lost > 0 {
            error = format!(
                "{lost} are damaged, or were saved with other keys or by a server of another number"
            );
        }
        if sessions > 0 || !error.is_empty() {
            self.restored = Some(Event::DtlsRestored { sessions, error });
        }
        Ok(())
    }
}
