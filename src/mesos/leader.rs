//! The masters' own election in ZooKeeper: who leads, and where it is.

use std::net::{IpAddr, Ipv4Addr};

use prost::Message as _;

use super::address::{HostPort, Master, Scheme};
use super::wire::cluster::MasterInfo;

/// What masters since Mesos 0.24 write: JSON.
const JSON: &str = "json.info";
/// What those before wrote: the same message as protobuf.
const PROTOBUF: &str = "info";

/// The node of the master that leads: the one with the lowest number, whatever stands before it. Other nodes lie
/// there too, such as `log_replicas`.
pub fn first<'a>(names: impl IntoIterator<Item = &'a String>) -> Option<&'a str> {
    names.into_iter().filter_map(|name| Some((number(name)?, name.as_str()))).min().map(|(_, name)| name)
}

fn number(name: &str) -> Option<u64> {
    let digits = name.rsplit('_').next()?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    #[error("{0} was not written by a master of Mesos 0.24 or newer")]
    Label(String),
    #[error("{0} is not the JSON of a master")]
    Json(String, #[source] serde_json::Error),
    #[error("{0} is not the message of a master")]
    Protobuf(String, #[source] prost::DecodeError),
    #[error("{0} has no address")]
    NoAddress(String),
}

/// The master that wrote `content` into the node `name`. Masters do not write which scheme they speak.
pub fn read(name: &str, content: &[u8], scheme: Scheme) -> Result<Master, LeaderError> {
    let label = name.rsplit_once('_').map_or("", |(label, _)| label);
    let info = match label {
        JSON => serde_json::from_slice::<MasterInfo>(content)
            .map_err(|source| LeaderError::Json(name.to_owned(), source))?,
        PROTOBUF => {
            MasterInfo::decode(content).map_err(|source| LeaderError::Protobuf(name.to_owned(), source))?
        }
        _ => return Err(LeaderError::Label(name.to_owned())),
    };
    let at = address(&info, scheme).ok_or_else(|| LeaderError::NoAddress(name.to_owned()))?;
    Ok(Master { scheme, at })
}

fn address(info: &MasterInfo, scheme: Scheme) -> Option<HostPort> {
    let address = info.address.clone().unwrap_or_default();
    let port = match (address.port, info.port) {
        (Some(port), _) => u16::try_from(port).ok()?,
        (None, Some(port)) => u16::try_from(port).ok()?,
        (None, None) => return None,
    };
    // Certificates name hosts.
    let named = address.hostname.or_else(|| info.hostname.clone());
    let host = match (address.ip, info.ip) {
        _ if scheme == Scheme::Https && named.is_some() => named?,
        (Some(ip), _) => ip.parse::<IpAddr>().ok()?.to_string(),
        // As it would stand in memory on the wire's side: the lowest byte comes first.
        (None, Some(ip)) => Ipv4Addr::from(ip.to_le_bytes()).to_string(),
        (None, None) => named?,
    };
    (port != 0).then_some(HostPort { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_number_leads_whatever_the_label() {
        let names = ["json.info_0000000043", "log_replicas", "info_0000000007", "json.info_0000000006", "x_"];
        let names = names.map(str::to_owned);
        assert_eq!(first(&names), Some("json.info_0000000006"));
        assert_eq!(first(&names[1..3]), Some("info_0000000007"));
        assert_eq!(first(&names[1..2]), None);
    }

    #[test]
    fn both_forms_name_the_same_master() {
        let json = br#"{"address":{"hostname":"m1","ip":"10.0.0.1","port":5050},"capabilities":[{"type":"AGENT_UPDATE"},
            {"type":"FROM_THE_FUTURE"}],"hostname":"m1","id":"8d7b","ip":16777226,"pid":"master@10.0.0.1:5050",
            "port":5050,"version":"1.11.0","unknown":1}"#;
        let master = read("json.info_0000000042", json, Scheme::Http).expect("a master");
        assert_eq!(master.to_string(), "10.0.0.1:5050");
        let secure = read("json.info_0000000042", json, Scheme::Https).expect("a master");
        assert_eq!((secure.scheme, secure.to_string()), (Scheme::Https, "m1:5050".to_owned()));
        let old = MasterInfo { ip: Some(16_777_226), port: Some(5050), ..MasterInfo::default() };
        assert_eq!(read("info_0000000001", &old.encode_to_vec(), Scheme::Http).expect("a master"), master);
    }

    #[test]
    fn what_is_no_master_is_told() {
        for (name, content, expected) in [
            (
                "0000000001",
                "master@10.0.0.1:5050",
                "0000000001 was not written by a master of Mesos 0.24 or newer",
            ),
            ("json.info_1", "{", "json.info_1 is not the JSON of a master"),
            ("info_1", "\u{7f}", "info_1 is not the message of a master"),
            ("json.info_1", r#"{"hostname":"m1"}"#, "json.info_1 has no address"),
            ("json.info_1", r#"{"hostname":"m1","port":0}"#, "json.info_1 has no address"),
        ] {
            let error = read(name, content.as_bytes(), Scheme::Http).expect_err(content);
            assert_eq!(error.to_string(), expected);
        }
    }
}
