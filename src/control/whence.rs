//! Who is at the other end of a connection, as the system tells it.
//!
//! Owns:
//! - a user of this machine is told from another by the kernel's word, and not by what they show;
//! - whoever has gone is nobody: what they left behind is not heard for them;
//! - where the system says nothing, everybody may be who they say.

use std::net::{IpAddr, SocketAddr};

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whence {
    /// Over the socket, from a process of this user.
    Socket(Option<u32>),
    /// Over TCP: the other end, and ours.
    Tcp(SocketAddr, SocketAddr),
}

/// Whose a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    User(u32),
    /// Nobody's: it has closed its end.
    Gone,
    /// The system does not say, or it is outside this system.
    Untold,
}

impl Owner {
    /// Whether it is of a user who could not do all of this anyway.
    pub(super) fn is_another(self) -> bool {
        match self {
            Owner::User(user) => user != 0 && user != rustix::process::geteuid().as_raw(),
            Owner::Gone => true,
            Owner::Untold => false,
        }
    }
}

impl Whence {
    /// Whose process it is that asks.
    pub(super) fn owner(self) -> Owner {
        match self {
            Whence::Socket(user) => user.map_or(Owner::Untold, Owner::User),
            Whence::Tcp(other, here) => {
                // The kernel's own tables: nothing that could keep one waiting. In a user namespace all
                // other users look alike, in the tables and at the socket.
                let tables = ["tcp", "tcp6"]
                    .map(|table| std::fs::read_to_string(format!("/proc/self/net/{table}")));
                owner_in(&tables.map(Result::unwrap_or_default), other, here)
            }
        }
    }
}

/// One end of a connection in the kernel's tables.
struct End {
    user: u32,
    /// Whether a process has it.
    is_held: bool,
}

/// Each end of a connection has a row, if both are in this system.
fn owner_in(tables: &[String], other: SocketAddr, here: SocketAddr) -> Owner {
    let rows = || tables.iter().flat_map(|table| table.lines().skip(1));
    let end = |local: SocketAddr, remote: SocketAddr| {
        rows().find_map(|row| end_of(row, &written(local), &written(remote)))
    };
    match (end(other, here), end(here, other)) {
        (Some(End { user, is_held: true }), _) => Owner::User(user),
        (Some(End { is_held: false, .. }), _) => Owner::Gone,
        (None, Some(End { is_held: true, .. })) => Owner::Untold,
        (None, _) if rows().next().is_none() => Owner::Untold,
        (None, _) => Owner::Gone,
    }
}

fn end_of(row: &str, local: &[String; 2], remote: &[String; 2]) -> Option<End> {
    let mut fields = row.split_ascii_whitespace().skip(1);
    let is = |field: Option<&str>, address: &[String; 2]| {
        field.is_some_and(|field| address.iter().any(|address| address == field))
    };
    if !is(fields.next(), local) || !is(fields.next(), remote) {
        return None;
    }
    // State, queues, timer, retransmissions; user; probes; inode.
    let user = fields.nth(4)?.parse().ok()?;
    let is_held = fields.nth(1)? != "0";
    Some(End { user, is_held })
}

/// As the tables write it, of a socket of IPv4 and of one of IPv6: words in the machine's own order.
fn written(address: SocketAddr) -> [String; 2] {
    let port = address.port();
    let word = |bytes: &[u8]| {
        let bytes = <[u8; 4]>::try_from(bytes).unwrap_or_default();
        format!("{:08X}", u32::from_ne_bytes(bytes))
    };
    let (four, six) = match address.ip().to_canonical() {
        IpAddr::V4(ip) => (word(&ip.octets()), ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => (String::new(), ip),
    };
    let six: String = six.octets().chunks(4).map(word).collect();
    [format!("{four}:{port:04X}"), format!("{six}:{port:04X}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
                         uid  timeout inode\n";

    fn row(local: &str, remote: &str, user: u32, inode: u32) -> String {
        format!(
            "   1: {local} {remote} 01 00000000:00000000 00:00000000 00000000  {user:4}        0 {inode} 1 \
             0000000000000000 20 4 30 10 -1\n"
        )
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_end_is_told_from_its_other_end_and_from_what_nobody_holds_any_more() {
        let (other, here) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:7447".parse().unwrap());
        let (theirs, ours) = ("0100007F:9C40", "0100007F:1D17");
        let mapped = |end: &str| format!("0000000000000000FFFF0000{end}");
        let own = row(ours, theirs, 7, 20);
        let owner = |four: String, six: String| {
            owner_in(&[TITLE.to_owned() + &four, TITLE.to_owned() + &six], other, here)
        };
        let none = String::new;
        assert_eq!(owner(own.clone() + &row(theirs, ours, 1_000, 21), none()), Owner::User(1_000));
        let six = row(&mapped(theirs), &mapped(ours), 1_001, 21);
        assert_eq!(owner(own.clone(), six), Owner::User(1_001));
        // The kernel shows what has been closed as root's.
        assert_eq!(owner(own.clone() + &row(theirs, ours, 0, 0), none()), Owner::Gone);
        assert_eq!(
            owner(own.clone() + &row(theirs, "0100007F:1D18", 1_000, 21), none()),
            Owner::Untold
        );
        assert_eq!(owner(row(ours, theirs, 0, 0), none()), Owner::Gone);
        assert_eq!(owner(row(ours, "00000000:0000", 7, 20), none()), Owner::Gone);
        assert_eq!(owner(none(), none()), Owner::Untold, "a system that tells nothing");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_whose_a_connection_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(here).unwrap();
        let (server, other) = listener.accept().unwrap();
        let us = rustix::process::geteuid().as_raw();
        assert_eq!(Whence::Tcp(other, here).owner(), Owner::User(us));
        drop(client);
        assert_eq!(Whence::Tcp(other, here).owner(), Owner::Gone);
        drop(server);
    }
}
