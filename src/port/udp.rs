//! The port's UDP sockets.

use core::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_ushort, c_void};

use super::IoError;

unsafe extern "C" {
    fn HAL_UDP_create(host: *mut c_char, port: c_ushort) -> *mut c_void;
    #[cfg_attr(not(feature = "port-linux"), link_name = "iotx_port_udp_close")]
    fn HAL_UDP_close(handle: *mut c_void);
    /// In `c/edges.c`. Returns whether the port has a function that closes a socket.
    #[cfg(not(feature = "port-linux"))]
    safe fn iotx_port_udp_closes() -> c_int;
    fn HAL_UDP_write(handle: *mut c_void, data: *const c_uchar, len: c_uint) -> c_int;
    /// `HAL_UDP_expect`, if there is one; in `c/edges.c`.
    safe static iotx_port_udp_expect: Option<unsafe extern "C" fn(*mut c_void, c_int)>;
}

// A thread may be cancelled in these functions, which unwinds it.
unsafe extern "C-unwind" {
    fn HAL_UDP_readTimeout(
        handle: *mut c_void,
        data: *mut c_uchar,
        len: c_uint,
        ms: c_uint,
    ) -> c_int;
}

/// A socket, and how many addresses its host has, as far as is known.
pub(crate) struct Connected {
    pub(crate) socket: Udp,
    pub(crate) addresses: u8,
}

impl Connected {
    /// Connects to a host, which may wait for a name server. Our own port tries the host's
    /// addresses, beginning with number `first`.
    pub(crate) fn to(host: &CStr, port: u16, first: u8) -> Option<Self> {
        #[cfg(feature = "port-linux")]
        if iot_coap_port_linux::opens_sockets() {
            return iot_coap_port_linux::open(host, port, first).map(Self::from);
        }
        let _ = first;
        Udp::connect(host, port).map(|socket| Self { socket, addresses: 1 })
    }
}

#[cfg(feature = "port-linux")]
impl From<iot_coap_port_linux::Opened> for Connected {
    fn from(opened: iot_coap_port_linux::Opened) -> Self {
        Self { socket: Udp(opened.handle), addresses: opened.addresses }
    }
}

/// How many datagrams are expected back for a datagram that is sent, so that a modem may
/// release its connection early (Release Assistance).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replies {
    None,
    One,
    Several,
}

/// The port's `HAL_UDP_expect`, if there is one.
#[inline]
fn expect() -> Option<unsafe extern "C" fn(*mut c_void, c_int)> {
    // Miri cannot read foreign data.
    if cfg!(miri) { None } else { iotx_port_udp_expect }
}

impl From<usize> for Replies {
    fn from(count: usize) -> Self {
        match count {
            0 => Self::None,
            1 => Self::One,
            _ => Self::Several,
        }
    }
}

impl Replies {
    /// Whether the port wants to be told.
    pub(crate) fn are_announced() -> bool {
        expect().is_some()
    }
}

/// A connected socket. It may be copied; its owner closes it.
#[derive(Clone, Copy)]
pub(crate) struct Udp(*mut c_void);

// SAFETY: programs of the original pass handles between threads, too. `link` decides which
// calls may run at the same time.
unsafe impl Send for Udp {}

impl Udp {
    /// Connects to a host, which may wait for a name server.
    fn connect(host: &CStr, port: u16) -> Option<Self> {
        // SAFETY: `host` ends with NUL; ports read it and keep no pointer.
        let handle = unsafe { HAL_UDP_create(host.as_ptr().cast_mut(), port) };
        // NULL is a valid handle: descriptor 0. -1 is not.
        if handle as isize == -1 { None } else { Some(Self(handle)) }
    }

    /// Whether sockets can be closed at all.
    pub(crate) fn can_be_closed() -> bool {
        #[cfg(feature = "port-linux")]
        return true;
        #[cfg(not(feature = "port-linux"))]
        return iotx_port_udp_closes() != 0;
    }

    pub(crate) fn close(self) {
        // SAFETY: HAL_UDP_create made the socket, and its owner closes it once.
        unsafe { HAL_UDP_close(self.0) }
    }

    pub(crate) fn write(self, datagram: &[u8], replies: Replies) -> Result<(), IoError> {
        if let Some(expect) = expect() {
            // SAFETY: the socket is open; any number is allowed.
            unsafe { expect(self.0, replies as c_int) };
        }
        // SAFETY: the socket is open; the pointer and the length belong to one slice.
        let written = unsafe { HAL_UDP_write(self.0, datagram.as_ptr(), datagram.len() as c_uint) };
        if written < 0 { Err(IoError(written.into())) } else { Ok(()) }
    }

    /// The socket's descriptor; `None` with a firmware's port, whose handles may be
    /// anything else.
    #[cfg(feature = "extension")]
    pub(crate) fn descriptor(self) -> Option<c_int> {
        #[cfg(feature = "port-linux")]
        return iot_coap_port_linux::udp_descriptor(self.0);
        #[cfg(not(feature = "port-linux"))]
        {
            let _ = self;
            None
        }
    }

    /// Ends another thread's read and every later one, if the port can.
    pub(crate) fn stop_reading(self) {
        #[cfg(feature = "port-linux")]
        iot_coap_port_linux::stop_reading(self.0);
    }

    /// Whether [`stop_reading`](Self::stop_reading) has an effect.
    #[allow(clippy::unused_self, reason = "as with our port")]
    pub(crate) fn can_stop_reading(self) -> bool {
        #[cfg(feature = "port-linux")]
        return iot_coap_port_linux::udp_descriptor(self.0).is_some();
        #[cfg(not(feature = "port-linux"))]
        false
    }

    /// Whether [`await_either`](Self::await_either) can wait for both.
    #[cfg(feature = "port-linux")]
    pub(crate) fn can_be_awaited_with(self, other: Self) -> bool {
        [self, other].iter().all(|udp| iot_coap_port_linux::udp_descriptor(udp.0).is_some())
    }

    /// Waits up to `ms` until one of the two sockets has something to read.
    #[cfg(feature = "port-linux")]
    pub(crate) fn await_either(self, other: Self, ms: u32) {
        iot_coap_port_linux::await_either([self.0, other.0], ms);
    }

    /// Waits up to `ms` for a datagram, and returns its length, or 0 if none came. With 0,
    /// takes only a datagram that has arrived. A firmware's port waits a millisecond at
    /// least, since many take 0 to mean for ever.
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
        #[cfg(feature = "port-linux")]
        if ms == 0 {
            // SAFETY: `buffer` is valid for writes of `len` bytes, by the contract, and
            // `MaybeUninit` bytes need no value.
            let buffer = unsafe { core::slice::from_raw_parts_mut(buffer.cast(), len) };
            if let Some(read) = iot_coap_port_linux::receive_now(self.0, buffer) {
                return usize::try_from(read).map_err(|_| IoError(read.into()));
            }
        }
        // SAFETY: `buffer` is valid for writes of `len` bytes, by the contract.
        let read = unsafe { HAL_UDP_readTimeout(self.0, buffer, len as c_uint, ms.max(1)) };
        match usize::try_from(read) {
            Ok(read) if read <= len => Ok(read),
            // -2 timed out, -3 interrupted.
            Err(_) if matches!(read, -2 | -3) => Ok(0),
            _ => Err(IoError(read.into())),
        }
    }
}
