//! Values of options.

use std::ops::RangeInclusive;
use std::time::Duration;

use mesos::wire::cluster::{DomainInfo, FaultDomain, RegionInfo, ZoneInfo};

/// A number and a unit, as the real master writes them; other common units are taken as well.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// Within the real master's bounds.
pub fn ping_timeout(text: &str) -> Result<Duration, String> {
    const BOUNDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(15 * 60);
    let timeout = duration(text)?;
    if BOUNDS.contains(&timeout) { Ok(timeout) } else { Err("expected 1secs to 15mins".to_owned()) }
}

pub fn master(text: &str) -> Result<String, String> {
    let is_good = |(host, port): (&str, &str)| !host.is_empty() && port.parse::<u16>().is_ok_and(|n| n > 0);
    match text.rsplit_once(':').is_some_and(is_good) {
        true => Ok(text.to_owned()),
        false => Err("expected HOST:PORT".to_owned()),
    }
}

pub fn domain(text: &str) -> Result<DomainInfo, String> {
    let Some((region, zone)) = text.split_once('/').filter(|(r, z)| !r.is_empty() && !z.is_empty()) else {
        return Err("expected REGION/ZONE".to_owned());
    };
    let fault_domain = FaultDomain {
        region: Some(RegionInfo { name: Some(region.to_owned()) }),
        zone: Some(ZoneInfo { name: Some(zone.to_owned()) }),
    };
    Ok(DomainInfo { fault_domain: Some(fault_domain) })
}
