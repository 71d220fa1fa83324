//! Flink's own election, as far as a JobManager that is known to be dead still stands in it.
//!
//! Its leader is the owner of the first node below `leader/latch`. All ephemeral nodes of a JobManager live as long as
//! its session: another one would lead only when that has expired.

mod neighbours;
mod place;
mod watch;

use zookeeper_client::{Client, Error};

use place::ElectionNode;

pub use neighbours::watch_neighbours;
pub use watch::{JobManagers, Own, watch};

/// Where the leading JobManager says where its REST endpoint is; its address is written there as text.
const ANNOUNCEMENT: &str = "leader/rest_server/connection_info";
const LATCH: &str = "leader/latch";

/// Takes the JobManager that announced `rest_url` out of the line, if it led, with the place that was kept for it; returns
/// how many nodes it had there. Its process must be dead.
pub async fn release(client: &Client, cluster_node: &str, rest_url: &str) -> Result<usize, Error> {
    let leader = leader(client, cluster_node).await?.filter(|leader| leader.is_at(rest_url));
    let sessions = [Some(client.session_id().0), leader.map(|leader| leader.session)];
    let mut released = 0;
    for place in line(client, cluster_node).await?.unwrap_or_default() {
        if sessions.contains(&Some(place.session)) {
            match client.delete(&place.path, None).await {
                Ok(()) | Err(Error::NoNode) => released += 1,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(released)
}

/// Who says that it leads Flink.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Leader {
    rest_url: String,
    session: i64,
}

impl Leader {
    /// `place` is the end of a URL: its scheme is not known outside of Flink.
    fn is_at(&self, place: &str) -> bool {
        self.rest_url.ends_with(place)
    }
}

async fn leader(client: &Client, cluster_node: &str) -> Result<Option<Leader>, Error> {
    match client.get_data(&format!("{cluster_node}/{ANNOUNCEMENT}")).await {
        Ok((content, stat)) => {
            Ok(url(&content).map(|rest_url| Leader { rest_url, session: stat.ephemeral_owner }))
        }
        Err(Error::NoNode) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Who stands in Flink's election; none if there is no line.
async fn line(client: &Client, cluster_node: &str) -> Result<Option<Vec<ElectionNode>>, Error> {
    let latch = format!("{cluster_node}/{LATCH}");
    let names = match client.list_children(&latch).await {
        Ok(names) => names,
        Err(Error::NoNode) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut line = Vec::new();
    for name in names {
        let path = format!("{latch}/{name}");
        if let Some(stat) = client.check_stat(&path).await? {
            line.push(ElectionNode { path, session: stat.ephemeral_owner });
        }
    }
    Ok(Some(line))
}

/// Whose nodes say that the dispatcher, the resource manager, a job or another part of a JobManager leads.
async fn claims(client: &Client, cluster_node: &str) -> Result<Vec<i64>, Error> {
    let parts = format!("{cluster_node}/leader");
    let mut claims = Vec::new();
    let names = match client.list_children(&parts).await {
        Ok(names) => names,
        Err(Error::NoNode) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    for name in names {
        if let Some(stat) = client.check_stat(&format!("{parts}/{name}/connection_info")).await? {
            claims.push(stat.ephemeral_owner);
        }
    }
    Ok(claims)
}

/// Java writes a text as its length in two bytes and the text itself; behind this one another object follows.
fn url(announcement: &[u8]) -> Option<String> {
    let start = announcement.windows(4).position(|part| part == b"http")?;
    let (before, text) = announcement.split_at(start);
    let [.., high, low] = *before else { return None };
    let text = text.get(..usize::from(u16::from_be_bytes([high, low])))?;
    str::from_utf8(text).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_java_wrote() {
        let mut content = b"\xac\xed\x00\x05\x77\x12\x00\x10http://jm-1:8081".to_vec();
        content.extend_from_slice(b"sr\x00\x0ejava.util.UUID");
        assert_eq!(url(&content).as_deref(), Some("http://jm-1:8081"));
        assert_eq!(url(&content[..20]), None);
        assert_eq!(url(b"http"), None);
        assert_eq!(url(b""), None);
    }
}
