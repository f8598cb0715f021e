//! The master's address in the content of its election node.

use serde::Deserialize;

/// The members of a `MasterInfo` in JSON that say where the master is.
#[derive(Deserialize)]
struct MasterInfo {
    address: Option<Address>,
    hostname: Option<String>,
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Address {
    ip: Option<String>,
    hostname: Option<String>,
    port: u16,
}

/// `host:port` of the master; `None` when the content is no `MasterInfo`.
pub(super) fn address(content: &[u8]) -> Option<String> {
    let info: MasterInfo = serde_json::from_slice(content).ok()?;
    match info.address {
        Some(Address { ip, hostname, port }) => {
            Some(format!("{}:{port}", ip.or(hostname).or(info.hostname)?))
        }
        None => Some(format!("{}:{}", info.hostname?, info.port?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_member_wins_over_the_old_ones() {
        let info = br#"{"address":{"hostname":"m1","ip":"10.0.0.1","port":5050},"hostname":"m1",
            "id":"x","ip":16777226,"pid":"master@10.0.0.1:5050","port":5050,"version":"1.11.0"}"#;
        assert_eq!(address(info).as_deref(), Some("10.0.0.1:5050"));
        assert_eq!(address(br#"{"hostname":"m1","port":5051}"#).as_deref(), Some("m1:5051"));
        assert_eq!(address(b"junk"), None);
    }
}
