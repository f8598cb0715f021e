//! A loopback network of one's own: tests run side by side on the standard ports.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use anyhow::{Result, bail, ensure};

use crate::waiting::until;

/// How long another test of the same network may take.
const TURN: Duration = Duration::from_secs(180);

/// Held on the network's last address as long as it is in use.
const GUARD_PORT: u16 = 5050;

/// A /24 inside 127.0.0.0/8 that no other test of this machine has.
#[derive(Debug)]
pub struct Network {
    third: u8,
    _guard: TcpListener,
}

impl Network {
    /// The third number of the first one. 127.0.0.0/24 is left to people.
    pub const FIRST: u8 = 20;

    /// Takes the first free one.
    pub fn take() -> Result<Self> {
        for third in Self::FIRST..250 {
            match TcpListener::bind((Ipv4Addr::new(127, 0, third, 254), GUARD_PORT)) {
                Ok(guard) if is_free(third) => return Ok(Self { third, _guard: guard }),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(error.into()),
            }
        }
        bail!("every loopback network from 127.0.20.0/24 to 127.0.249.0/24 is taken")
    }

    /// Takes 127.0.`third`.0/24, as soon as it is free: for data that belongs to its addresses. No number from 20 to 249.
    pub async fn wait_for(third: u8) -> Result<Self> {
        let what = format!("the network 127.0.{third}.0/24 is free");
        until(&what, TURN, async || {
            let guard = TcpListener::bind((Ipv4Addr::new(127, 0, third, 254), GUARD_PORT))?;
            ensure!(is_free(third), "somebody listens there");
            Ok(Self { third, _guard: guard })
        })
        .await
    }

    /// The network's first three numbers.
    pub fn start(&self) -> [u8; 3] {
        [127, 0, self.third]
    }

    /// The address that ends with `last`.
    pub fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 0, self.third, last)
    }
}

/// Whether nobody who does not know of the guard listens where a master, Marathon or an agent would; they may be about to end.
fn is_free(third: u8) -> bool {
    [(1, 5050), (1, 8080), (11, 5051), (12, 5051), (13, 5051)]
        .into_iter()
        .all(|(last, port)| TcpListener::bind((Ipv4Addr::new(127, 0, third, last), port)).is_ok())
}
