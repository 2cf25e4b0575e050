//! Makes connected sockets, and sends on them.

use core::ffi::{CStr, c_int};
use core::mem::zeroed;
use core::ptr::null_mut;

use super::receive::{RECEIVE_TIMEOUT_MS, is_from_icmp};
use crate::fd::{Fd, errno};
use crate::log::{Level, log};
use crate::text::Text;

/// Room for any DNS name (253 bytes) or address, with a scope id and a NUL.
pub(super) type Host = Text<288>;

/// The lowest descriptor of a socket. It is above standard error, so that a socket never
/// becomes a standard stream, and its handle is never NULL.
const LOWEST_DESCRIPTOR: c_int = 3;

/// The host without the brackets of an IPv6 literal; `None` if it is empty or
/// longer than any host name.
pub(super) fn bare_host(host: &CStr) -> Option<Host> {
    let host = host.to_bytes();
    let bare = match host {
        [b'[', inner @ .., b']'] => inner,
        other => other,
    };
    let mut text = Host::new();
    text.push(bare)?;
    (!text.as_bytes().is_empty()).then_some(text)
}

/// A socket, and how many addresses its host has.
pub(super) struct Connected {
    pub(super) socket: Fd,
    pub(super) addresses: u8,
}

/// Connects a socket to the first address of `host` that can be connected to, beginning
/// with number `first` (modulo the number of addresses). Families alternate, so that a
/// family without a route does not delay all addresses of the other (RFC 8305, section 4).
/// Child programs do not inherit the socket.
pub(super) fn connect(host: &CStr, port: u16, first: u8) -> Option<Connected> {
    let Some(name) = bare_host(host).filter(|_| port != 0) else {
        log(Level::Error, format_args!("{host:?} port {port} is no address"));
        return None;
    };
    let list = Addresses::resolve(name.as_c_str(), port)?;
    let count = list.iter().count();
    let mut error = 0;
    for number in 0..count {
        let Some(address) = list.alternating((usize::from(first) + number) % count) else { break };
        match connect_to(address) {
            Ok(socket) => {
                let addresses = u8::try_from(count).unwrap_or(u8::MAX);
                return Some(Connected { socket, addresses });
            }
            Err(code) => error = code,
        }
    }
    log(Level::Error, format_args!("cannot connect to {host:?} port {port}, errno {error}"));
    None
}

fn connect_to(address: &libc::addrinfo) -> Result<Fd, c_int> {
    // SAFETY: socket takes only integers, and refuses unknown ones.
    let raw =
        unsafe { libc::socket(address.ai_family, address.ai_socktype | libc::SOCK_CLOEXEC, 0) };
    let mut socket = Fd::new(raw).ok_or_else(errno)?;
    if raw < LOWEST_DESCRIPTOR {
        // SAFETY: a live descriptor and two integers.
        let moved = unsafe { libc::fcntl(raw, libc::F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR) };
        socket = Fd::new(moved).ok_or_else(errno)?;
    }
    let timeout =
        libc::timeval { tv_sec: 0, tv_usec: libc::suseconds_t::from(RECEIVE_TIMEOUT_MS) * 1000 };
    let timeout_len = libc::socklen_t::try_from(size_of_val(&timeout)).unwrap_or_default();
    // SAFETY: the option takes a timeval, and the length is the timeval's.
    let set = unsafe {
        libc::setsockopt(
            socket.raw(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const timeout).cast(),
            timeout_len,
        )
    };
    if set != 0 {
        return Err(errno());
    }
    // SAFETY: getaddrinfo gave the address and its length.
    match unsafe { libc::connect(socket.raw(), address.ai_addr, address.ai_addrlen) } {
        0 => Ok(socket),
        _ => Err(errno()),
    }
}

/// Sends one datagram without waiting. Returns its length, or `errno`. If a slow uplink has
/// filled the socket, the datagram is lost, as it might be on the way.
///
/// An ICMP error after an earlier datagram is reported by the next send *instead of*
/// sending. That clears it, so a second try sends.
pub(super) fn send(fd: c_int, datagram: &[u8]) -> Result<usize, c_int> {
    const FLAGS: c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    let once = || {
        // SAFETY: the slice is valid for reads of its length.
        let sent = unsafe { libc::send(fd, datagram.as_ptr().cast(), datagram.len(), FLAGS) };
        usize::try_from(sent).map_err(|_| errno())
    };
    let sent = match once() {
        Err(error) if error == libc::EINTR || is_from_icmp(error) => once(),
        other => other,
    };
    match sent {
        Err(error) if is_full(error) => Ok(datagram.len()),
        other => other,
    }
}

/// Whether there is no room for a datagram now: in the socket, or in a queue below it.
fn is_full(error: c_int) -> bool {
    error == libc::EAGAIN || error == libc::EWOULDBLOCK || error == libc::ENOBUFS
}

/// Whether a host is an address, so that no name server is asked.
pub(super) fn is_address(host: &Host) -> bool {
    Addresses::look_up(host.as_c_str(), 1, libc::AI_NUMERICHOST).is_ok()
}

/// The list that `getaddrinfo` allocated, which is never empty.
struct Addresses(*mut libc::addrinfo);

impl Addresses {
    fn resolve(host: &CStr, port: u16) -> Option<Self> {
        let found = Self::look_up(host, port, 0);
        found
            .map_err(|code| {
                // SAFETY: gai_strerror returns a static string for every code.
                let reason = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
                log(Level::Error, format_args!("cannot resolve {host:?}: {reason:?}"));
            })
            .ok()
    }

    fn look_up(host: &CStr, port: u16, flags: c_int) -> Result<Self, c_int> {
        let service = service(port);
        // SAFETY: all zeros is "no hint" in every field.
        let mut hints: libc::addrinfo = unsafe { zeroed() };
        hints.ai_family = libc::AF_UNSPEC;
        hints.ai_socktype = libc::SOCK_DGRAM;
        hints.ai_flags = libc::AI_NUMERICSERV | flags;
        let mut list = null_mut();
        // SAFETY: two NUL-terminated strings, valid hints, a place for the list.
        let code = unsafe {
            libc::getaddrinfo(
                host.as_ptr(),
                service.as_c_str().as_ptr(),
                &raw const hints,
                &raw mut list,
            )
        };
        if code == 0 && !list.is_null() { Ok(Self(list)) } else { Err(code) }
    }

    fn iter(&self) -> impl Iterator<Item = &libc::addrinfo> {
        let mut next = self.0.cast_const();
        core::iter::from_fn(move || {
            if next.is_null() {
                return None;
            }
            // SAFETY: the list lives as long as `self`, and each `ai_next` is
            // the following node or null.
            let node = unsafe { &*next };
            next = node.ai_next;
            Some(node)
        })
    }
}

impl Addresses {
    /// The address with this number, if the families alternate as long as both have
    /// addresses left.
    fn alternating(&self, number: usize) -> Option<&libc::addrinfo> {
        let preferred = self.iter().next()?.ai_family;
        let of = |is_preferred: bool| {
            self.iter().filter(move |address| (address.ai_family == preferred) == is_preferred)
        };
        let pairs = of(true).count().min(of(false).count());
        match number.checked_sub(2 * pairs) {
            None => of(number.is_multiple_of(2)).nth(number / 2),
            Some(beyond) => of(true).skip(pairs).chain(of(false).skip(pairs)).nth(beyond),
        }
    }
}

impl Drop for Addresses {
    fn drop(&mut self) {
        // SAFETY: the list came from getaddrinfo and is freed once.
        unsafe { libc::freeaddrinfo(self.0) };
    }
}

/// A port number as text. It is formatted by hand, since the formatting of numbers takes 2
/// KB, and a small program has no other use for it.
fn service(port: u16) -> Text<6> {
    let mut text = Text::new();
    for divisor in [10_000, 1000, 100, 10, 1] {
        let digit = b'0' + (port / divisor % 10) as u8;
        if port >= divisor || divisor == 1 {
            // Five digits have room.
            let _ = text.push(&[digit]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use core::ptr::null_mut;

    use super::{Addresses, service};

    /// A list like `getaddrinfo`'s, with a letter for each family.
    fn order(families: &str) -> Vec<usize> {
        let mut nodes: Vec<libc::addrinfo> = families
            .chars()
            .enumerate()
            .map(|(number, family)| {
                // SAFETY: all zeros is valid in every field.
                let mut node: libc::addrinfo = unsafe { core::mem::zeroed() };
                node.ai_family = if family == '6' { libc::AF_INET6 } else { libc::AF_INET };
                node.ai_protocol = number.try_into().expect("few");
                node
            })
            .collect();
        for number in (1..nodes.len()).rev() {
            nodes[number - 1].ai_next = &raw mut nodes[number];
        }
        let first = nodes.first_mut().map_or(null_mut(), |node| &raw mut *node);
        // The vector owns the list, not `getaddrinfo`.
        let list = core::mem::ManuallyDrop::new(Addresses(first));
        let number = |at| list.alternating(at).map(|node| node.ai_protocol.unsigned_abs() as usize);
        (0..families.len()).map_while(number).collect()
    }

    #[test]
    fn families_take_turns() {
        assert_eq!(order("4"), [0]);
        assert_eq!(order("444"), [0, 1, 2]);
        assert_eq!(order("6644"), [0, 2, 1, 3]);
        assert_eq!(order("66664"), [0, 4, 1, 2, 3]);
        assert_eq!(order("46666"), [0, 1, 2, 3, 4]);
        assert_eq!(order("464"), [0, 1, 2]);
    }

    #[test]
    fn every_port_is_told_in_decimal() {
        for port in 0..=u16::MAX {
            assert_eq!(service(port).as_bytes(), port.to_string().as_bytes());
        }
    }
}
