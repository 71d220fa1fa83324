//! Files in YAML that are no configuration of Flink's, read by the same reader: documents as trees of values with lines. Several
//! documents, and tabs that separate, are legal here; JSON is YAML.

pub use super::entry::{Entry, Remark};
pub use super::yaml::{Node, Value, documents, flatten};

#[cfg(test)]
mod tests {
    use super::*;

    /// Each document as Flink prints a list's item, with the lines of a map's keys.
    fn told(text: &str) -> Vec<String> {
        let told = |node: Node| match node.value {
            Value::Map(pairs) => {
                let pair = |(key, value): (Node, Node)| {
                    format!("{}:{}={}", key.line, key.value.into_text(), value.value.into_text())
                };
                pairs.into_iter().map(pair).collect::<Vec<_>>().join(" ")
            }
            value => value.into_text(),
        };
        match documents(text) {
            Ok(nodes) => nodes.into_iter().map(told).collect(),
            Err(Remark { line, text }) => vec![format!("{line}: {text}")],
        }
    }

    #[test]
    fn documents_follow_one_another() {
        for (text, expected) in [
            ("", &[][..]),
            ("# nothing\n", &[]),
            ("a: 1\n---\nb: 2\n", &["1:a=1", "3:b=2"]),
            ("---\na: 1\n...\n---\nb: 2\n...\n", &["2:a=1", "5:b=2"]),
            ("a: 1\n...\nb: 2\n", &["1:a=1", "3:b=2"]),
            ("---\n---\na: 1\n---\n", &["null", "3:a=1", "null"]),
            ("%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb: 2\n", &["3:a=1", "7:b=2"]),
            (
                "a: &x 1\n---\nb: *x\n",
                &["3: there is no anchor for the alias; put a value that begins with `*` in quotes"],
            ),
            (
                "a: 1\n%YAML 1.2\n",
                &[
                    "2: not YAML: expected `key: value`, or `---` in front of another document here, not a directive",
                ],
            ),
            (
                "[a]\n[b]\n",
                &["2: not YAML: expected `key: value`, or `---` in front of another document here, not `[`"],
            ),
        ] {
            assert_eq!(told(text), expected, "{text:?}");
        }
    }

    #[test]
    fn aliases_do_not_blow_up() {
        let long = format!("a: &x {}\nb: [{}]\n", "y".repeat(1 << 20), "*x, ".repeat(8));
        assert_eq!(told(&long), ["2: aliases expand to more than 4194304 bytes"]);
        let lists = (1..20).map(|level| format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}]\n", level - 1));
        let many = format!("a0: &a0 [1]\n{}", lists.collect::<String>());
        assert_eq!(told(&many), ["11: aliases expand to more than 100000 values"]);
    }

    #[test]
    fn tabs_separate_where_yaml_has_it_so() {
        for (text, expected) in [
            ("{\n\t\"a\":\t1,\n\t\"b\": [2,\t3]\n}\n", "2:a=1 3:b=[2, 3]"),
            ("a:\t1\t# one\nb: 2\t\n", "1:a=1 2:b=2"),
            ("a:\n\tb: 1\n", "2: not YAML: a tab where only spaces are allowed"),
        ] {
            assert_eq!(told(text), [expected], "{text:?}");
        }
    }
}
