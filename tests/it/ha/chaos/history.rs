//! Who has acted when: what the master accepted and the ensemble committed, each with the place in line of the leader
//! whose act it was.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use ha::election;

use super::transactions::{Kind, Transaction};

/// Something that only the leader may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Act {
    pub at_ms: u64,
    /// Of the leader in line: who comes later has a higher one.
    pub place: i64,
    pub what: String,
}

/// An AppMaster, by what its log says.
pub struct Witness {
    pub rest_port: u16,
    pub log: String,
}

/// The first act of an older leader that came after one of a newer.
pub fn first_relapse(acts: &[Act]) -> Option<(&Act, &Act)> {
    let mut newest: Option<&Act> = None;
    for act in acts {
        match newest {
            Some(newest) if act.place < newest.place => return Some((newest, act)),
            Some(_) | None => newest = Some(act),
        }
    }
    None
}

/// What the master carried out for the framework, in its order. A stream belongs to the leader that its AppMaster was when
/// it subscribed.
pub fn calls(mesos_log: &str, witnesses: &[Witness]) -> Result<Vec<Act>, String> {
    let mut streams = BTreeMap::new();
    let mut acts = Vec::new();
    for line in mesos_log.lines() {
        let Some((at, text)) = line.split_once(' ') else { continue };
        let Some(stream) = field(text, "stream") else { continue };
        if text.contains("accepted SUBSCRIBE") {
            let url = field(text, "webui_url").ok_or("a subscription without address")?;
            let port = url.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            let place = port.and_then(|port| place_at(at, port, witnesses));
            let place = place.ok_or_else(|| format!("{url} subscribed without leading: {line}"))?;
            streams.insert(stream.to_owned(), place);
        } else if let Some(call) = field(text, "call") {
            let place = streams.get(stream).ok_or_else(|| format!("a call on an unknown stream: {line}"))?;
            acts.push(Act { at_ms: milliseconds(at)?, place: *place, what: call.to_owned() });
        }
    }
    Ok(acts)
}

/// As which node in line the AppMaster with this port led last.
fn place_at(at: &str, rest_port: u16, witnesses: &[Witness]) -> Option<i64> {
    let own = witnesses.iter().filter(|witness| witness.rest_port == rest_port);
    let leads = own.flat_map(|witness| witness.log.lines()).filter_map(|line| {
        let (since, text) = line.split_once(' ')?;
        let (_, node) = text.split_once("worker: this AppMaster leads, with the election node ")?;
        // Both are written alike, to the millisecond.
        (since <= at).then(|| election::place(node))?
    });
    leads.max()
}

/// Writes of the state, in their order.
pub fn writes(committed: &[Transaction], base: &str) -> Result<Vec<Act>, String> {
    let (state, line) = (format!("{base}/state"), format!("{base}/line/"));
    let is_state =
        |path: &str| path.strip_prefix(&*state).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut acts = Vec::new();
    for transaction in committed {
        let operations = &transaction.operations;
        let writes =
            operations.iter().any(|operation| operation.kind == Kind::Write && is_state(&operation.path));
        if !writes {
            continue;
        }
        let fence = operations.iter().find_map(|operation| {
            (operation.kind == Kind::Check).then(|| election::place(operation.path.strip_prefix(&*line)?))?
        });
        let place = fence.ok_or_else(|| format!("a write that nothing fences: {transaction:?}"))?;
        let at_ms = u64::try_from(transaction.at_ms).map_err(|error| error.to_string())?;
        acts.push(Act { at_ms, place, what: format!("write {:x}", transaction.zxid) });
    }
    Ok(acts)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

fn milliseconds(at: &str) -> Result<u64, String> {
    let at = humantime::parse_rfc3339(at).map_err(|error| format!("{at}: {error}"))?;
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).map_err(|error| error.to_string())
}

#[test]
fn an_older_leader_that_acts_again_is_found() {
    let witness = |rest_port, log: &str| Witness { rest_port, log: log.to_owned() };
    let leads = |at, place| {
        format!(
            "2026-01-01T00:00:{at}.000Z INFO  worker: this AppMaster leads, with the election node a-000000000{place}\n"
        )
    };
    let witnesses = [witness(1, &(leads("01", 1) + &leads("09", 3))), witness(2, &leads("05", 2))];
    let subscribes = |at, stream, port| {
        let text =
            format!("DEBUG mesos: accepted SUBSCRIBE stream=\"{stream}\" webui_url=\"http://h:{port}\"");
        format!("2026-01-01T00:00:{at}.000Z {text}\n")
    };
    let calls_of = |at, stream| {
        format!("2026-01-01T00:00:{at}.000Z DEBUG mesos: accepted call=\"ACCEPT\" stream=\"{stream}\"\n")
    };
    let start =
        [subscribes("02", "x", 1), calls_of("03", "x"), subscribes("06", "y", 2), calls_of("07", "y")];
    let end = [subscribes("10", "z", 1), calls_of("11", "z")];
    let good = calls(&(start.concat() + &end.concat()), &witnesses).expect("a history");
    assert_eq!(good.iter().map(|act| act.place).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(first_relapse(&good), None);
    let bad = calls(&(start.concat() + &calls_of("08", "x") + &end.concat()), &witnesses).expect("a history");
    assert_eq!(first_relapse(&bad), Some((&bad[1], &bad[2])));
    let early = calls(&subscribes("00", "x", 1), &witnesses);
    assert!(early.is_err_and(|error| error.contains("without leading")));
}
