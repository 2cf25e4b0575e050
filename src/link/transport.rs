//! The three kinds of transport: UDP, a DTLS session of our engine, and a DTLS session of
//! the firmware.

#[cfg(feature = "dtls-psk")]
use alloc::boxed::Box;

#[cfg(feature = "dtls-psk")]
use crate::dtls::{Session, WriteError};
#[cfg(own_dtls)]
use crate::port::Dtls;
use crate::port::{IoError, Replies, Udp};

/// An open way to the endpoint.
pub(crate) enum Transport {
    Udp(Udp),
    #[cfg(feature = "dtls-psk")]
    Session(Box<Session>),
    #[cfg(own_dtls)]
    Firmware(Dtls),
}

/// A socket or session that a thread reads from without the context's lock.
#[derive(Clone, Copy)]
pub(crate) enum Reader {
    Udp(Udp),
    #[cfg(own_dtls)]
    Firmware(Dtls),
}

/// Another socket, whose datagrams the same read takes.
#[cfg(feature = "port-linux")]
#[derive(Clone, Copy)]
pub(crate) struct Beside(Udp);

/// No value: other ports read one socket at a time.
#[cfg(not(feature = "port-linux"))]
#[derive(Clone, Copy)]
pub(crate) enum Beside {}

/// Why a datagram was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// The port refused the datagram.
    Io(IoError),
    /// The session is over.
    #[cfg(feature = "dtls-psk")]
    Ended,
    /// The peer agreed to shorter messages only.
    #[cfg(feature = "dtls-psk")]
    TooLong,
    /// There is no memory for the record.
    #[cfg(feature = "dtls-psk")]
    NoMemory,
}

impl Reader {
    /// Ends another thread's read and every later one, if the port can.
    pub(super) fn stop(self) {
        if let Self::Udp(udp) = self {
            udp.stop_reading();
        }
    }

    /// Whether [`stop`](Self::stop) has an effect.
    pub(crate) fn can_be_stopped(self) -> bool {
        match self {
            Self::Udp(udp) => udp.can_stop_reading(),
            #[cfg(own_dtls)]
            Self::Firmware(_) => false,
        }
    }

    /// `other`, if a read of this socket can also take the datagrams of `other`.
    pub(super) fn beside(self, other: Self) -> Option<Beside> {
        #[cfg(feature = "port-linux")]
        if let (Self::Udp(udp), Self::Udp(other)) = (self, other)
            && udp.can_be_awaited_with(other)
        {
            return Some(Beside(other));
        }
        let _ = other;
        None
    }

    /// Like [`read`](Self::read), but from whichever of the two sockets has a datagram.
    /// Also returns whether that was the other one.
    ///
    /// # Safety
    ///
    /// `buffer` is valid for writes of `len` bytes.
    pub(crate) unsafe fn read_either(
        self,
        beside: Beside,
        buffer: *mut u8,
        len: usize,
        ms: u32,
    ) -> (bool, Result<usize, IoError>) {
        #[cfg(feature = "port-linux")]
        // SAFETY: `buffer` is valid for writes of `len` bytes, by the contract.
        unsafe {
            if let Self::Udp(udp) = self {
                udp.await_either(beside.0, ms);
            }
            match self.read(buffer, len, 0) {
                Ok(0) => (true, beside.0.read(buffer, len, 0)),
                read => (false, read),
            }
        }
        #[cfg(not(feature = "port-linux"))]
        {
            let _ = (self, buffer, len, ms);
            match beside {}
        }
    }

    /// Waits up to `ms` for a datagram; returns its length, 0 for none.
    ///
    /// # Safety
    ///
    /// `buffer` is valid for writes of `len` bytes.
    pub(crate) unsafe fn read(
        self,
        buffer: *mut u8,
        len: usize,
        ms: u32,
    ) -> Result<usize, IoError> {
        // SAFETY: `buffer` is valid for writes of `len` bytes, by the contract.
        unsafe {
            match self {
                Self::Udp(udp) => udp.read(buffer, len, ms),
                #[cfg(own_dtls)]
                Self::Firmware(dtls) => dtls.read(buffer, len, ms),
            }
        }
    }
}

impl Transport {
    pub(crate) fn reader(&self) -> Reader {
        match self {
            Self::Udp(udp) => Reader::Udp(*udp),
            #[cfg(feature = "dtls-psk")]
            Self::Session(session) => Reader::Udp(session.socket()),
            #[cfg(own_dtls)]
            Self::Firmware(dtls) => Reader::Firmware(*dtls),
        }
    }

    /// The descriptor of its socket, if the port has one.
    #[cfg(feature = "extension")]
    pub(crate) fn descriptor(&self) -> Option<i32> {
        match self.reader() {
            Reader::Udp(udp) => udp.descriptor(),
            #[cfg(own_dtls)]
            Reader::Firmware(_) => None,
        }
    }

    pub(crate) fn write(&mut self, datagram: &[u8], replies: Replies) -> Result<(), Unwritten> {
        match self {
            Self::Udp(udp) => udp.write(datagram, replies).map_err(Unwritten::Io),
            #[cfg(feature = "dtls-psk")]
            Self::Session(session) => {
                session.write(datagram, replies).map_err(|error| match error {
                    WriteError::Io(error) => Unwritten::Io(error),
                    WriteError::Ended(_) => Unwritten::Ended,
                    WriteError::TooLong => Unwritten::TooLong,
                    WriteError::NoMemory => Unwritten::NoMemory,
                })
            }
            #[cfg(own_dtls)]
            Self::Firmware(dtls) => dtls.write(datagram).map_err(Unwritten::Io),
        }
    }

    /// Whether one thread may write while another reads. The original never does that with
    /// a DTLS port.
    pub(crate) const fn is_full_duplex(&self) -> bool {
        match self {
            Self::Udp(_) => true,
            #[cfg(feature = "dtls-psk")]
            Self::Session(_) => true,
            #[cfg(own_dtls)]
            Self::Firmware(_) => false,
        }
    }

    /// Whether it is a session, which the peer may forget.
    pub(crate) const fn is_session(&self) -> bool {
        !matches!(self, Self::Udp(_))
    }

    /// Leaves the transport to the parent process: nothing is sent.
    #[cfg(feature = "std")]
    pub(crate) fn leave_to_parent(self) {
        match self {
            Self::Udp(udp) => udp.close(),
            #[cfg(feature = "dtls-psk")]
            Self::Session(session) => session.close_silently(),
            // The firmware's function would send an alert.
            #[cfg(own_dtls)]
            Self::Firmware(_) => {}
        }
    }

    /// Sends the closing alert of a session, and closes the socket.
    pub(crate) fn close(self) {
        match self {
            Self::Udp(udp) => udp.close(),
            #[cfg(feature = "dtls-psk")]
            Self::Session(session) => session.close(),
            #[cfg(own_dtls)]
            Self::Firmware(dtls) => dtls.close(),
        }
    }
}
