use super::*;
use crate::suite::{Model, Script, create, delete, put};

/// Does what ZooKeeper would, and refuses what it would refuse.
#[derive(Default)]
struct Server(BTreeMap<String, (i32, Vec<u8>)>);

impl Server {
    fn carry_out(&mut self, steps: &[Step]) -> Vec<i32> {
        steps.iter().map(|step| self.one(step)).collect()
    }

    fn one(&mut self, step: &Step) -> i32 {
        let Step { path, content, version, .. } = step;
        assert_eq!(self.0.get(path).map(|(version, _)| *version), *version, "{path} is as it was left");
        match (content, version) {
            (Some(content), None) => {
                let above = path.rsplit_once('/').map(|(above, _)| above);
                assert!(above.is_none_or(|above| self.0.contains_key(above)), "{path} has a parent");
                self.0.insert(path.clone(), (0, content.clone()));
                0
            }
            (Some(content), Some(version)) => {
                self.0.insert(path.clone(), (version + 1, content.clone()));
                version + 1
            }
            (None, _) => {
                let below = format!("{path}/");
                assert!(!self.0.keys().any(|other| other.starts_with(&below)), "{path} has no children");
                self.0.remove(path).expect("it is there");
                -1
            }
        }
    }

    fn tree(&self) -> Tree {
        let nodes = self.0.iter().map(|(path, (version, content))| {
            let revision = envelope::unwrap(content).ok().map(|(revision, _)| revision);
            assert_eq!(revision.is_none(), content.is_empty(), "{path}");
            (path.clone(), Node { version: *version, revision })
        });
        Tree { nodes: nodes.collect() }
    }
}

#[test]
fn nodes_above_a_record_come_and_go_with_it() {
    let (mut tree, mut server) = (Tree::default(), Server::default());
    for (number, (changes, expected)) in [
        (vec![create("a/b/c", b"1")], &["a", "a/b", "a/b/c"][..]),
        (vec![create("a/b", b"1"), create("a/d", b"1")], &["a", "a/b", "a/b/c", "a/d"]),
        (vec![delete("a/b")], &["a", "a/b", "a/b/c", "a/d"]),
        (vec![delete("a/b/c"), create("a/b/e/f", b"1")], &["a", "a/b", "a/b/e", "a/b/e/f", "a/d"]),
        (vec![delete("a/b/e/f")], &["a", "a/d"]),
        (vec![delete("a/d"), create("a", b"1")], &["a"]),
        (vec![delete("a"), put("a/x", b"1")], &["a", "a/x"]),
        (vec![delete("a"), delete("not/there")], &["a", "a/x"]),
        (vec![delete("a/x"), put("b", b"1")], &["b"]),
    ]
    .into_iter()
    .enumerate()
    {
        let steps = tree.plan(&changes, Revision(number as u64)).expect("no conflict");
        let versions = server.carry_out(&steps);
        tree.follow(steps, versions.into_iter());
        assert_eq!(server.0.keys().collect::<Vec<_>>(), expected, "{changes:?}");
        assert_eq!(tree, server.tree(), "{changes:?}");
    }
}

#[test]
fn whatever_is_changed_zookeeper_takes_it_and_has_no_more_than_it_needs() {
    for seed in 0..40 {
        let (mut tree, mut server) = (Tree::default(), Server::default());
        let (mut model, mut script) = (Model::default(), Script::new(seed));
        for _ in 0..60 {
            let changes = script.next(&model);
            model.apply(&changes);
            let steps = tree.plan(&changes, Revision(model.revision)).expect("no conflict");
            let versions = server.carry_out(&steps);
            tree.follow(steps, versions.into_iter());
            assert_eq!(tree, server.tree());
            let records = tree.nodes.iter().filter_map(|(path, node)| Some((path, node.revision?.0)));
            let expected = model.records.iter().map(|(name, (revision, _))| (name, *revision));
            assert!(records.eq(expected), "seed {seed}");
            for (path, _) in tree.nodes.iter().filter(|(_, node)| node.revision.is_none()) {
                let below = format!("{path}/");
                assert!(tree.nodes.keys().any(|other| other.starts_with(&below)), "{path} is needed");
            }
        }
    }
}
