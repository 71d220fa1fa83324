//! Lists of our own keys whose items are maps or lists themselves, as YAML and Mesos' JSON have them, written as texts.

use super::super::table::Table;
use super::super::yaml::{self, Item};
use super::super::{keys, list_text};
use super::{agent, parse, task};

/// How an item is written as texts, if it is none.
type Spell = fn(&Item) -> Option<Vec<String>>;

const LISTS: [(&str, Spell); 6] = [
    (keys::CONSTRAINTS_HARD.name, agent::spelled),
    (keys::CONSTRAINTS_SOFT.name, agent::spelled),
    (keys::DOCKER_PARAMETERS.name, |item| parse::as_pairs('=')(item)),
    (keys::CONTAINER_VOLUMES.name, task::spelled_volume),
    (keys::TASK_LABELS.name, |item| parse::as_pairs(':')(item)),
    (keys::TASK_URIS.name, task::spelled_uri),
];

/// The keys of which an item is no text, with their values in texts.
pub fn spelled(table: &Table) -> Vec<(&'static str, String)> {
    LISTS
        .iter()
        .filter_map(|(key, spell)| {
            let items = yaml::items(table.get(key)?)?;
            let mut texts = Vec::new();
            let mut is_other = false;
            for item in items {
                match (spell(&item), item) {
                    (Some(spelled), _) => {
                        is_other = true;
                        texts.extend(spelled);
                    }
                    (None, Item::Text(text)) => texts.push(text),
                    // The settings refuse it.
                    (None, Item::Pairs(_) | Item::Texts(_) | Item::Nested(_)) => return None,
                }
            }
            is_other.then(|| (*key, list_text(texts)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::table::Origin;
    use super::*;

    #[test]
    fn maps_and_lists_become_texts() {
        for (key, value, expected) in [
            (keys::CONSTRAINTS_HARD.name, "[{rack: r1}, zone:z1]", Some("rack:r1,zone:z1")),
            (keys::CONSTRAINTS_HARD.name, "[{rack: r1, zone: z1}]", Some("rack:r1,zone:z1")),
            (
                keys::CONSTRAINTS_SOFT.name,
                "[[hostname, UNIQUE], [rack, LIKE, 'r{1,2}']]",
                Some("['hostname:UNIQUE', 'rack:LIKE:r{1,2}']"),
            ),
            (keys::CONSTRAINTS_HARD.name, "[rack:r1]", None),
            (keys::CONSTRAINTS_HARD.name, "rack:r1", None),
            (keys::CONSTRAINTS_HARD.name, "[[{rack: r1}]]", None),
            (keys::DOCKER_PARAMETERS.name, "[{key: privileged, value: true}]", Some("privileged=true")),
            (keys::TASK_LABELS.name, "[{team: a}]", Some("team:a")),
            (keys::TASK_LABELS.name, "[{key: team, value: a}]", Some("team:a")),
            (
                keys::CONTAINER_VOLUMES.name,
                "[{containerPath: /c, hostPath: /h, mode: RO}, {containerPath: /d}]",
                Some("/h:/c:RO,/d"),
            ),
            (keys::CONTAINER_VOLUMES.name, "[{/h: /c}]", Some("/h:/c")),
            (keys::TASK_URIS.name, "[{uri: http://h/a.tgz}, {value: b}]", Some("http://h/a.tgz,b")),
        ] {
            let mut table = Table::default();
            table.set(key, value, Origin::Argument);
            let spelled = spelled(&table);
            assert_eq!(spelled.first().map(|(_, text)| text.as_str()), expected, "{value}");
        }
    }
}
