//! Changes that are made together, by the leader or not at all.

use zookeeper_client::{CheckWriteError, Client, CreateOptions, Error, MultiWriteResult};

/// What a node shall become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: String,
    /// `None`: the node shall go.
    pub content: Option<Vec<u8>>,
    /// As it is now; `None`: there is no such node.
    pub version: Option<i32>,
}

impl Change {
    pub fn bytes(&self) -> usize {
        self.path.len() + self.content.as_ref().map_or(0, Vec::len)
    }

    /// Once the change is made.
    pub fn next_version(&self) -> i32 {
        self.version.map_or(0, |version| version.wrapping_add(1))
    }
}

#[derive(Debug)]
pub enum Outcome {
    /// With the new version of each node.
    Done(Vec<i32>),
    /// Who wanted it no longer leads.
    Fenced,
    /// A node is not as the change says.
    Changed { path: String },
    /// Possibly it was done.
    Failed { path: String, source: Error },
}

/// All of `changes`, if the node at `fence` is there.
pub async fn commit(
    client: &Client,
    fence: &str,
    changes: &[Change],
    options: &CreateOptions<'_>,
) -> Outcome {
    let failed = |path: &str, source| Outcome::Failed { path: path.to_owned(), source };
    let mut writer = match client.new_check_writer(fence, Some(0)) {
        Ok(writer) => writer,
        Err(error) => return failed(fence, error),
    };
    for change in changes {
        let Change { path, content, version } = change;
        let added = match (content, version) {
            (Some(content), None) => writer.add_create(path, content, options),
            (Some(content), version @ Some(_)) => writer.add_set_data(path, content, *version),
            (None, version) => writer.add_delete(path, *version),
        };
        if let Err(error) = added {
            return failed(path, error);
        }
    }
    let path_of = |index: usize| changes.get(index).map_or(fence, |change| &change.path);
    match writer.commit().await {
        Ok(results) => Outcome::Done(
            changes.iter().zip(results).map(|(change, result)| version_after(change, &result)).collect(),
        ),
        Err(CheckWriteError::CheckFailed { source: Error::NoNode | Error::BadVersion }) => Outcome::Fenced,
        Err(CheckWriteError::CheckFailed { source }) => failed(fence, source),
        Err(CheckWriteError::OperationFailed {
            index,
            source: Error::NoNode | Error::BadVersion | Error::NodeExists | Error::NotEmpty,
        }) => Outcome::Changed { path: path_of(index).to_owned() },
        Err(CheckWriteError::OperationFailed { index, source }) => failed(path_of(index), source),
        Err(CheckWriteError::RequestFailed { source }) => failed(path_of(0), source),
    }
}

/// Whether the node at `fence` is there, which nobody has ever changed. A transaction goes through the ensemble's majority,
/// while a server that was cut off from it could answer a read out of its memory.
pub async fn is_there(client: &Client, fence: &str) -> Result<bool, Error> {
    let mut transaction = client.new_multi_writer();
    transaction.add_check_version(fence, 0)?;
    match transaction.commit().await.map_err(Error::from) {
        Ok(_) => Ok(true),
        Err(Error::NoNode | Error::BadVersion) => Ok(false),
        Err(error) => Err(error),
    }
}

fn version_after(change: &Change, result: &MultiWriteResult) -> i32 {
    match result {
        MultiWriteResult::SetData { stat } => stat.version,
        _ => change.next_version(),
    }
}

/// `changes` in their order, cut into parts of no more than `most` bytes, but of one change at least.
pub fn parts(changes: &[Change], most: usize) -> Vec<&[Change]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, change) in changes.iter().enumerate() {
        if index > start && bytes + change.bytes() > most {
            parts.push(&changes[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += change.bytes();
    }
    if start < changes.len() {
        parts.push(&changes[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_in_order_and_small() {
        let change = |bytes| Change { path: String::new(), content: Some(vec![0; bytes]), version: None };
        let changes = [3, 4, 4, 30, 1, 9].map(change);
        let sizes: Vec<Vec<_>> =
            parts(&changes, 10).iter().map(|part| part.iter().map(Change::bytes).collect()).collect();
        assert_eq!(sizes, [vec![3, 4], vec![4], vec![30], vec![1, 9]]);
        assert_eq!(parts(&[], 10), Vec::<&[Change]>::new());
    }
}
